"""One event by the beginning of its hash, with all that is kept of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.changelog.checking import checked
from opskit.changelog.packet import Packet
from opskit.changelog.redaction import is_redacted
from opskit.changelog.sql import statement
from opskit.errors import UnknownNameError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from opskit.changelog.event import Event

SHORTEST = 4


@dataclass(frozen=True, slots=True)
class Shown:
    """An event, its exact bytes, and its place in every log that it is known to be in (log in hex to place)."""

    event: Event
    packet: Packet
    places: Mapping[str, int]


def shown_like(connection: sqlite3.Connection, prefix: str) -> tuple[Shown, ...]:
    """Give the events whose hash starts so, at most 6; none for what is no beginning of a hash."""
    if not re.fullmatch(rf"[0-9a-f]{{{SHORTEST},64}}", prefix.lower()):
        return ()
    low = bytes.fromhex(prefix.lower().ljust(64, "0"))
    high = bytes.fromhex(prefix.lower().ljust(64, "f"))
    rows = connection.execute(statement("events_like"), {"low": low, "high": high}).fetchall()
    return tuple(_shown(connection, n) for (n,) in rows)


def the_one(prefix: str, found: Sequence[Shown]) -> Shown:
    """Give the only one of the events found for `prefix`; raises UnknownNameError."""
    if not found:
        hint = f"give at least {SHORTEST} characters of a hash that `opskit log --json` shows"
        raise UnknownNameError(f"no event {prefix[:70]!r}", hint=hint)
    if len(found) > 1:
        which = ", ".join(each.event.hash.hex()[:16] for each in found)
        raise UnknownNameError(f"several events start with {prefix!r}", hint=f"one of: {which}")
    return found[0]


def _shown(connection: sqlite3.Connection, n: int) -> Shown:
    packet = Packet.of(connection.execute(statement("packet_of"), (n,)).fetchone())
    places = dict(connection.execute(statement("places_of"), (n,)).fetchall())
    event = checked(packet, 0).event
    if event.damage == "missing" and is_redacted(connection, event.header.kind, packet.hash):
        event = event._replace(damage="redacted")
    return Shown(event, packet, places)
