"""What the standing of events depends on, read from the database at one moment: enrolments, revocations, forks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opskit.changelog.body import number, text
from opskit.changelog.event import Header, read_body
from opskit.changelog.sql import statement

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

MOST_ENROLMENTS = 8  # of one writer that are looked at for one event, the newest before it
ID_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event stands: its writer (in hex) and number there, and when that was, in seconds since 1970.

    `received` tells whether that is the time of an upstream's receipt, and not only what the writer says.
    """

    writer: str
    seq: int
    at: int
    received: bool = False


@dataclass(frozen=True, slots=True)
class Enrolled:
    """An event `writer.enrolled`: its number in the chain, and its body."""

    seq: int
    body: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Revoked:
    """An event `writer.revoked`: the writer whose events after `last_seq` count no more, why, and who says so where."""

    writer: str
    last_seq: int
    why: str
    by: Place


@dataclass(slots=True)
class Evidence:
    """All that a `standing.Judge` needs; enrolments by writer, the newest first; forks: the first place with two events."""

    places: dict[str, Place] = field(default_factory=dict)
    enrolments: dict[str, list[Enrolled]] = field(default_factory=dict)
    revocations: list[Revoked] = field(default_factory=list)
    forks: dict[str, int] = field(default_factory=dict)


def gather(
    connection: sqlite3.Connection, ids: Iterable[str], more: Iterable[Place] = ()
) -> Evidence:
    """Read what is needed to judge the events of these ids, and events that could stand at `more` places."""
    found = Evidence()
    for event in dict.fromkeys(ids):
        _find(connection, event, found)
    for signed, writer, seq, received, stored in connection.execute(statement("revocations")):
        body, _ = read_body(stored)
        if text(body, "writer"):
            by = _place(signed, writer, seq, received)
            last = number(body, "last_seq")
            found.revocations.append(Revoked(text(body, "writer"), last, text(body, "why"), by))
    for writer, seq in connection.execute(statement("first_forks")):
        found.forks[writer.hex()] = seq
    places = (*found.places.values(), *(each.by for each in found.revocations), *more)
    _add_enrolments(connection, found, places)
    return found


def _find(connection: sqlite3.Connection, event: str, found: Evidence) -> None:
    """Read the place of the event whose hash starts so; two that start alike are judged as the second."""
    try:
        low, high = (bytes.fromhex(event.ljust(64, digit)) for digit in "0f")
    except ValueError:
        return
    for row in connection.execute(statement("judged"), (low, high)):
        found.places[event] = _place(*row)


def _place(signed: bytes, writer: bytes, seq: int, received_ms: int | None) -> Place:
    if received_ms:
        return Place(writer.hex(), seq, received_ms // 1000, received=True)
    try:
        return Place(writer.hex(), seq, Header.decode(signed).at_ms // 1000)
    except ValueError:
        return Place(writer.hex(), seq, 0)


def _add_enrolments(
    connection: sqlite3.Connection, found: Evidence, places: Iterable[Place]
) -> None:
    rows: dict[str, dict[int, bytes | None]] = {}
    for place in places:
        of_writer = rows.setdefault(place.writer, {})
        values = (bytes.fromhex(place.writer), place.seq, MOST_ENROLMENTS)
        of_writer.update(dict(connection.execute(statement("enrolments"), values).fetchall()))
    for writer, bodies in rows.items():
        found.enrolments[writer] = [
            Enrolled(seq, read_body(stored)[0])
            for seq, stored in sorted(bodies.items(), reverse=True)
        ]
