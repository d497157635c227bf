"""Whether an upstream shows everybody the same: each signed header says what its writer had seen, and that is compared."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from opskit.changelog.doubts import Doubt
from opskit.changelog.event import Header
from opskit.changelog.receipts import first_chain, seen_in
from opskit.changelog.sql import statement

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from opskit.changelog.packet import Arrival
    from opskit.changelog.receipts import Chain

SPLIT = "saw another history of the upstream than it shows here: it was set back, or shows people different things"


class History:
    """What is known of a log while a page of it is taken in: the chain at its places, and at those of older receipts."""

    def __init__(self, log: str) -> None:
        self._log = log
        self._chains: dict[int, bytes] = {}
        self._since_ms: int | None = None

    def note(self, chain: Chain) -> None:
        """Remember the chain at a place."""
        self._chains[chain.pos] = chain.chain

    def doubts(self, db: sqlite3.Connection, arrival: Arrival) -> list[Doubt]:
        """Give a doubt if the writer of an event saw what cannot have been, or what is something else here.

        What was written before this log was set back, as far as that is known here, may well speak of another history.
        """
        packet = arrival.packet
        seen = seen_in(packet.header) if packet else None
        if packet is None or seen is None or seen.log != self._log:
            return []
        here = self._chains.get(seen.pos) or self._older(db, seen.pos)
        if seen.pos < arrival.receipt.pos and here in (None, seen.chain):
            return []
        if not _is_recent(packet.header, self._since(db)):
            return []
        detail = _detail(seen.pos, seen.chain, here)
        return [Doubt("split view", arrival.writer, arrival.seq, SPLIT, detail)]

    def _older(self, db: sqlite3.Connection, pos: int) -> bytes | None:
        row = db.execute(statement("chain_at"), (self._log, pos, self._since(db))).fetchone()
        return row[0] if row else None

    def _since(self, db: sqlite3.Connection) -> int:
        """Give when a log was last known to say something else than before."""
        if self._since_ms is None:
            self._since_ms = int(db.execute(statement("newest_trouble")).fetchone()[0])
        return self._since_ms


def contradictions(db: sqlite3.Connection) -> Iterator[Doubt]:
    """Compare what every header says with the whole chain of each log: the first contradiction of each writer.

    `db` is the caller's own copy: a table is added to it, which the merge of two long lists wants sorted.
    """
    logs = [row[0] for row in db.execute(statement("cursors"))]
    if not logs:
        return
    db.execute("CREATE TEMP TABLE seen (n INTEGER, log TEXT, pos INTEGER, chain BLOB)")
    rows = db.execute("SELECT n, header FROM event")
    found = ((n, seen) for n, header in rows if (seen := seen_in(header)))
    db.execute("BEGIN")
    db.executemany("INSERT INTO temp.seen VALUES (?, ?, ?, ?)", ((n, *seen) for n, seen in found))
    db.execute("COMMIT")
    (since_ms,) = db.execute(statement("newest_trouble")).fetchone()
    told: set[bytes] = set()
    for log in logs:
        for writer, seq, header, detail in _compared(db, log):
            if writer not in told and _is_recent(header, since_ms):
                told.add(writer)
                yield Doubt("split view", writer, seq, SPLIT, detail)


def _compared(db: sqlite3.Connection, log: str) -> Iterator[tuple[bytes, int, bytes, str]]:
    """Give writer, number, header and what is wrong of events that saw another history of a log."""
    places = db.execute(statement("log_places"), {"log": log})
    chain, at = first_chain(log), 0
    for pos, seen, placed, writer, seq, header in db.execute(statement("seen_by"), {"log": log}):
        while at < pos and (row := places.fetchone()):
            at, chain = row[0], hashlib.sha256(chain + row[1]).digest()
        here = chain if at == pos else None
        if (here is not None and here != seen) or (placed is not None and pos >= placed):
            yield writer, seq, header, _detail(pos, seen, here)


def _detail(pos: int, seen: bytes, here: bytes | None) -> str:
    shown = here.hex()[:10] if here else "nothing yet"
    return f"at place {pos} it saw {seen.hex()[:10]}, and here is {shown}"


def _is_recent(header: bytes, since_ms: int) -> bool:
    try:
        return Header.decode(header).at_ms > since_ms
    except ValueError:
        return False
