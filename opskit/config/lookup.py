"""Names looked up with a helping hand: the error for an unknown one says what was perhaps meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from opskit.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

T = TypeVar("T")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Give a hint that names the closest known name, or all of them, or nothing if there is none."""
    import difflib

    names = sorted(known)
    close = _same_host(name, names) or difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    close = close or [known for known in names if name and known.startswith(name)]
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(names[:10])}{', …' if len(names) > 10 else ''}" if names else ""


def _same_host(name: str, names: Iterable[str]) -> list[str]:
    """Give the names that differ only by a domain at the end: `web01` and `web01.example.com`."""
    return [
        known for known in names if known.startswith(f"{name}.") or name.startswith(f"{known}.")
    ]


def named(what: str, name: str, known: Mapping[str, T]) -> T:
    """Give `known[name]`; raises UnknownNameError that says what `name` was meant to be."""
    try:
        return known[name]
    except KeyError:
        raise UnknownNameError(f"no {what} {name!r}", hint=did_you_mean(name, known)) from None
