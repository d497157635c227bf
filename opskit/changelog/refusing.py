"""What is no true part of a chain is kept all the same, as evidence, and told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.changelog.adding import now_ms, refuse
from opskit.changelog.doubts import Doubt, told
from opskit.changelog.sql import statement

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from opskit.changelog.packet import Arrival, Packet

FORKED = "is there twice, both are kept"


def keep_other(db: sqlite3.Connection, arrival: Arrival, wrong: str) -> list[Doubt]:
    """Keep the event of a place that has another one here: as a fork if its writer did sign it for there, else as refused.

    `wrong` is its `fault`. Gives what to tell of it, nothing if it is known.
    """
    packet = arrival.packet
    if packet is None:
        return []
    wrong = wrong or misplaced(arrival, packet)
    if not wrong and db.execute(statement("is_there"), (packet.hash,)).fetchone():
        wrong = "it stands at another's place"
    known = is_evidence(db, packet.hash)
    trick, what = ("altered", f"was not taken in: {wrong}") if wrong else ("forked", FORKED)
    if wrong:
        refuse(db, packet, wrong)
    else:
        keep_fork(db, packet)
    return [] if known else [Doubt(trick, arrival.writer, arrival.seq, what)]


def keep_fork(db: sqlite3.Connection, packet: Packet) -> None:
    """Keep the other event of a place that is taken, which its writer signed, too: its writer has two chains."""
    values = (packet.hash, packet.writer, packet.seq, packet.to_json(), now_ms())
    db.execute(statement("add_fork"), values)
    db.execute(statement("mark_forked"), (packet.writer,))


def add_alarms(db: sqlite3.Connection, doubts: Sequence[Doubt]) -> None:
    """Remember what was wrong with events, in few lines."""
    rows = [(now_ms(), trick, words) for trick, words in told(doubts)]
    db.executemany(statement("add_alarm"), rows)


def misplaced(arrival: Arrival, packet: Packet) -> str:
    """Give what is wrong if an event is not the one that its arrival says, "" if it is."""
    given = (packet.writer, packet.seq, packet.hash)
    said = (arrival.writer, arrival.seq, arrival.receipt.hash)
    return "" if given == said else "it stands at another's place"


def is_evidence(db: sqlite3.Connection, event: bytes) -> bool:
    """Tell whether an event is known as one that is no part of a chain here."""
    return bool(db.execute(statement("is_evidence"), {"hash": event}).fetchone())
