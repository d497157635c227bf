"""What opskit's own kinds of events did, in words: those that are no part of a rollout and no note."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.changelog import Event, OtherEntry

DIGITS = 10  # of a hash that name an event, as everywhere
WRITER = 12


def told(entry: OtherEntry) -> tuple[str, str]:
    """Give what an event did, and why it did."""
    event = entry.event
    words = {
        "writer.revoked": _revoked,
        "body.redacted": _redacted,
        "writer.succeeds": _succeeds,
    }.get(event.header.kind)
    return words(event.body) if words and not event.damage else _as_it_stands(event)


def raw(body: object) -> str:
    """Give a body that opskit does not know as it stands."""
    import json

    return json.dumps(body, ensure_ascii=False, sort_keys=True)


def _revoked(body: Mapping[str, object]) -> tuple[str, str]:
    return f"revoked writer {_begin(body, 'writer', WRITER)}", _text(body, "why")


def _redacted(body: Mapping[str, object]) -> tuple[str, str]:
    return f"redacted {_begin(body, 'event', DIGITS)}", _text(body, "why")


def _succeeds(body: Mapping[str, object]) -> tuple[str, str]:
    return "goes on as a new writer", f"after writer {_begin(body, 'writer', WRITER)}"


def _as_it_stands(event: Event) -> tuple[str, str]:
    return event.header.kind, f"[{event.damage}]" if event.damage else raw(event.body)


def _begin(body: Mapping[str, object], name: str, digits: int) -> str:
    return _text(body, name)[:digits]


def _text(body: Mapping[str, object], name: str) -> str:
    return str(body.get(name, ""))
