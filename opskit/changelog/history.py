"""Whether an upstream shows everybody the same: each signed header says what its writer had seen, and that is compared.

A writer's newest word counts: who sees the same as is here has noticed, or told, that it was something else before. What was seen
of a history that is known here to have been set back accuses nobody, nor does what was written before this laptop could know.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from opskit.changelog import eras
from opskit.changelog.adding import now_ms
from opskit.changelog.doubts import Doubt, told
from opskit.changelog.event import SET_BACK, Header
from opskit.changelog.receipts import Seen, first_chain, seen_in
from opskit.changelog.sql import statement

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from opskit.changelog.packet import Arrival
    from opskit.changelog.receipts import Chain

SPLIT = "saw another history of the upstream than it shows here: it shows people different things, or was set back and its writer does not know yet"
OLDER = (
    "saw another history of the upstream than there is now: it was set back before this laptop could know (then nothing is to be"
    " done), or showed people different things"
)
_TELLS = f'"kind":"{SET_BACK}"'.encode()


class Split(NamedTuple):
    """A writer's newest event that saw another history: which it is, what it saw, how that differs, when it was written."""

    writer: bytes
    seq: int
    seen: Seen
    detail: str
    at_ms: int

    def doubt(self, what: str) -> Doubt:
        """Give it in words."""
        return Doubt("split view", self.writer, self.seq, what, self.detail)


class History:
    """What is known of a log while a page of it is taken in: the chain at its places, and at those of older receipts."""

    def __init__(self, log: str) -> None:
        self._log = log
        self._chains: dict[int, bytes] = {}
        self._since_ms: int | None = None

    def note(self, chain: Chain) -> None:
        """Remember the chain at a place."""
        self._chains[chain.pos] = chain.chain

    def look(
        self, db: sqlite3.Connection, arrival: Arrival, found: dict[bytes, Split | None]
    ) -> None:
        """Bring into `found` whether the writer of an event saw what cannot have been, or what is something else here."""
        packet = arrival.packet
        if packet is None:
            return
        seen = seen_in(packet.header)
        if seen is None or seen.log != self._log:
            if _TELLS in packet.header:
                found[arrival.writer] = None
            return
        here = self._chains.get(seen.pos) or self._older(db, seen.pos)
        if (seen.pos < arrival.receipt.pos and here in (None, seen.chain)) or eras.is_lost(
            db, seen
        ):
            found[arrival.writer] = None
            return
        detail = _detail(seen.pos, seen.chain, here)
        found[arrival.writer] = Split(
            arrival.writer, arrival.seq, seen, detail, _at_ms(packet.header)
        )

    def _older(self, db: sqlite3.Connection, pos: int) -> bytes | None:
        if self._since_ms is None:
            self._since_ms = eras.changed_ms(db, self._log)
        row = db.execute(statement("chain_at"), (self._log, pos, self._since_ms)).fetchone()
        return row[0] if row else None


def split_views(db: sqlite3.Connection, log: str, found: Iterable[Split]) -> list[str]:
    """Keep as alarms what was written since everybody should see the same, within the caller's transaction; gives all in words."""
    _, since_ms = eras.since(db, log)
    new = [each.doubt(SPLIT) for each in found if each.at_ms > since_ms]
    old = [each.doubt(OLDER) for each in found if each.at_ms <= since_ms]
    for trick, words in told(new):
        db.execute(statement("add_alarm"), (now_ms(), trick, words))
    return [words for _, words in (*told(new), *told(old))]


def contradictions(db: sqlite3.Connection) -> Iterator[tuple[Doubt, bool]]:
    """Compare what every header says with the whole chain of each log: writers whose newest word contradicts it.

    Also tells whether that is older than this laptop can know of. `db` is the caller's own copy: a table is added to it, which
    the merge of two long lists wants sorted.
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
    told_since = dict(db.execute(statement("newest_told"), (SET_BACK,)))
    for log in logs:
        newest_n, since_ms = eras.since(db, log)
        splits, known = _newest_words(db, log)
        for n, split in splits:
            if (split.seen.pos, split.seen.chain) in known or eras.is_lost(db, split.seen):
                continue
            if told_since.get(split.writer, 0) > split.seq:
                continue
            is_old = n <= newest_n or split.at_ms <= since_ms
            yield split.doubt(OLDER if is_old else SPLIT), is_old


def _newest_words(
    db: sqlite3.Connection, log: str
) -> tuple[Sequence[tuple[int, Split]], set[tuple[int, bytes]]]:
    """Give each writer's newest event that saw this log, with its number here, if it saw another history; and what was seen
    otherwise by those who see the same as is here by now.
    """
    newest: dict[bytes, tuple[int, int, Split | None]] = {}
    others: dict[bytes, set[tuple[int, bytes]]] = {}
    for n, writer, seq, header, seen, here, is_other in _compared(db, log):
        if is_other:
            others.setdefault(writer, set()).add((seen.pos, seen.chain))
        if seq > newest.get(writer, (0,))[0]:
            detail = _detail(seen.pos, seen.chain, here)
            split = Split(writer, seq, seen, detail, _at_ms(header)) if is_other else None
            newest[writer] = (seq, n, split)
    healed = [writer for writer, (_, _, split) in newest.items() if split is None]
    known = {place for writer in healed for place in others.get(writer, ())}
    return [(n, split) for _, n, split in newest.values() if split is not None], known


def _compared(
    db: sqlite3.Connection, log: str
) -> Iterator[tuple[int, bytes, int, bytes, Seen, bytes | None, bool]]:
    """Give of each event that saw a log: its number here, writer, number there, header, what it saw, what is here, whether that differs."""
    places = db.execute(statement("log_places"), {"log": log})
    chain, at = first_chain(log), 0
    rows = db.execute(statement("seen_by"), {"log": log})
    for pos, seen, placed, writer, seq, header, n in rows:
        while at < pos and (row := places.fetchone()):
            at, chain = row[0], hashlib.sha256(chain + row[1]).digest()
        here = chain if at == pos else None
        is_other = (here is not None and here != seen) or (placed is not None and pos >= placed)
        yield n, writer, seq, header, Seen(log, pos, seen), here, is_other


def _detail(pos: int, seen: bytes, here: bytes | None) -> str:
    shown = here.hex()[:10] if here else "nothing yet"
    return f"at place {pos} it saw {seen.hex()[:10]}, and here is {shown}"


def _at_ms(header: bytes) -> int:
    try:
        return Header.decode(header).at_ms
    except ValueError:
        return 0
