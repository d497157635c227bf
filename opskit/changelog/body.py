"""Careful reading of bodies: whatever stands there, a value of the expected type comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTHING: Mapping[str, object] = {}


def text(fields: Mapping[str, object], name: str) -> str:
    """Give the text of that name, "" if there is none."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def number(fields: Mapping[str, object], name: str) -> int:
    """Give the integer of that name, 0 if there is none."""
    value = fields.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def part(fields: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Give the object of that name, an empty one if there is none."""
    value = fields.get(name)
    return value if isinstance(value, dict) else NOTHING


def parts(fields: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    """Give the objects in the list of that name; what is no object is left out."""
    return [item for item in _list(fields, name) if isinstance(item, dict)]


def texts(fields: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Give the texts in the list of that name; what is no text is left out."""
    return tuple(item for item in _list(fields, name) if isinstance(item, str))


def numbers(fields: Mapping[str, object], name: str) -> tuple[int, ...]:
    """Give the integers in the list of that name; what is none is left out."""
    found = _list(fields, name)
    return tuple(each for each in found if isinstance(each, int) and not isinstance(each, bool))


def _list(fields: Mapping[str, object], name: str) -> list[object]:
    value = fields.get(name)
    return value if isinstance(value, list) else []
