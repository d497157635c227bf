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
    """All that a `standing.Judge` needs: places by the hashes of events; enrolments by writer, the newest first; the
    revocations on which those places depend, in their order; forks: the first place with two events.
    """

    places: dict[str, Place] = field(default_factory=dict)
    enrolments: dict[str, list[Enrolled]] = field(default_factory=dict)
    revocations: list[Revoked] = field(default_factory=list)
    forks: dict[str, int] = field(default_factory=dict)


def gather(
    connection: sqlite3.Connection, hashes: Iterable[str], more: Iterable[Place] = ()
) -> Evidence:
    """Read what is needed to judge the events of these hashes (in hex), and events that could stand at `more` places."""
    found = Evidence()
    for event in dict.fromkeys(hashes):
        _find(connection, event, found)
    asked = (*found.places.values(), *more)
    found.revocations = _relevant(_revocations(connection), {place.writer for place in asked})
    for writer, seq in connection.execute(statement("first_forks")):
        found.forks[writer.hex()] = seq
    _add_enrolments(connection, found, (*asked, *(each.by for each in found.revocations)))
    return found


def _revocations(connection: sqlite3.Connection) -> list[Revoked]:
    """Read all revocations in their order: as a log received them, the one that was known here first; then, by their
    clocks, what none has received. So a clock that lies brings nobody before what stands in a log.
    """
    found = []
    for signed, writer, seq, received, stored in connection.execute(statement("revocations")):
        body, _ = read_body(stored)
        if whom := text(body, "writer"):
            by = _place(signed, writer, seq, received)
            found.append(Revoked(whom, number(body, "last_seq"), text(body, "why"), by))
    return found


def _relevant(revocations: list[Revoked], writers: set[str]) -> list[Revoked]:
    """Give those about these writers, about whoever wrote those, and so on."""
    about: dict[str, list[Revoked]] = {}
    for each in revocations:
        about.setdefault(each.writer, []).append(each)
    known, waiting = set(writers), list(writers)
    while waiting:
        by = {each.by.writer for each in about.get(waiting.pop(), ())} - known
        known |= by
        waiting += by
    return [each for each in revocations if each.writer in known]


def _find(connection: sqlite3.Connection, event: str, found: Evidence) -> None:
    """Read the place of the event of that hash."""
    try:
        digest = bytes.fromhex(event)
    except ValueError:
        return
    if row := connection.execute(statement("judged"), (digest,)).fetchone():
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
