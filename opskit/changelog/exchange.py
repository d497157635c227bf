"""The local database's side of a sync: what it has, what it lacks, and what it takes in."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from opskit.changelog import database, obeying
from opskit.changelog.clock import Offset, since_boot
from opskit.changelog.machine import boot
from opskit.changelog.packet import Packet, Receipt
from opskit.changelog.sql import statement
from opskit.changelog.store import Store
from opskit.changelog.taking import Taker
from opskit.config.model import ChangelogSettings

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from opskit.changelog.packet import Arrival
    from opskit.changelog.taking import Received
    from opskit.errors import UpstreamLiesError

T = TypeVar("T")

PUSHED_AT_ONCE = 500
TAKEN_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class LogState:
    """A log that this changelog was shared with: its name, its address, where the next pull goes on, the last sync."""

    log: str
    url: str
    last: Receipt | None
    synced_ms: int


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that an upstream said and that cannot be true; `trick` as in UpstreamLiesError."""

    at_ms: int
    trick: str
    what: str


@dataclass(slots=True)
class Taken:
    """What came of taking in packets that no log vouches for."""

    new: int = 0
    known: int = 0
    refused: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class Exchange:
    """One sync's hold on the database; one thread at a time. Every method raises ChangelogError.

    `settings` say whose signatures count; by default nobody's is asked for.
    """

    def __init__(self, file: Path, settings: ChangelogSettings | None = None) -> None:
        self.file = file
        self._settings = settings or ChangelogSettings()
        self._store = Store(file)

    def close(self) -> None:
        """Let go of the database."""
        self._store.close()

    def current(self) -> LogState | None:
        """Give the log of today, None before the first contact with one."""
        rows = self._read("current_log", ())
        return _state(rows[0]) if rows else None

    def pin(self, log: str, url: str) -> None:
        """Remember that this changelog is shared with that log, from now on."""
        self._change(lambda db: db.execute(statement("pin_log"), (log, url, _now())))

    def last(self, log: str) -> Receipt | None:
        """Give the receipt after which the next pull goes on; None to pull all."""
        rows = self._read("log", (log,))
        return _state(rows[0]).last if rows else None

    def forget(self, log: str) -> None:
        """Pull all of a log again: it is not what it was. What it said before stays, as evidence."""

        def work(db: sqlite3.Connection) -> None:
            for name in ("forget_log", "forget_places", "forget_other_places", "forget_shared"):
                db.execute(statement(name), (log,))

        self._change(work)

    def vector(self) -> dict[bytes, int]:
        """Give the newest number of every writer's events here."""
        return dict(self._read("vector", ()))

    def receive(
        self,
        log: str,
        page: Sequence[Arrival],
        *,
        gapless: bool = False,
        faults: Sequence[str] | None = None,
    ) -> Received:
        """Take in a page of a log, in one transaction; see `Taker`. `faults` if they are known already.

        Raises UpstreamLiesError, with nothing taken in, when the page does not go on where the last one ended.
        """
        taker = Taker(log, page, gapless=gapless, faults=faults)
        return self._change(taker.take)

    def keep_fork(self, packet: Packet) -> None:
        """Keep the other event of a place that is taken here."""
        self._change(lambda db: Taker.keep_fork(db, packet))

    def take_in(self, packets: Iterable[Packet]) -> Taken:
        """Take in packets that no log vouches for: an import, what was salvaged. In any order within a writer's chain."""
        taken, waiting = Taken(), list[Packet]()
        for packet in packets:
            waiting.append(packet)
            if len(waiting) >= TAKEN_AT_ONCE:
                waiting = self._take_some(waiting, taken)
        while waiting:
            left = self._take_some(waiting, taken)
            if len(left) == len(waiting):
                taken.refused += [
                    f"event {each.seq} of writer {each.writer.hex()[:12]}: what it follows is not here"
                    for each in left
                ]
                break
            waiting = left
        taken.warnings += self.settle()
        return taken

    def settle(self) -> list[str]:
        """Obey the redactions that count, now that all is here; gives words about others, once. See `obeying`."""
        return obeying.settle(self._ask, self._change, self.file, self._settings)

    def unsent(
        self, log: str, *, everybody: bool = False, limit: int = PUSHED_AT_ONCE
    ) -> tuple[list[Packet], str | None]:
        """Give consecutive events of one writer that a log has not, and whose they are there (None: ours).

        No events if the log has all of ours (or of all).
        """

        def work(db: sqlite3.Connection) -> tuple[list[Packet], str | None]:
            row = db.execute(
                statement("unsent_writer"), {"log": log, "everybody": everybody}
            ).fetchone()
            if row is None:
                return [], None
            wid, seq, mine, role = row
            found = db.execute(statement("packets"), (wid, seq, limit))
            return [Packet.of(values) for values in found], None if mine else role

        return self._ask(work)

    def waiting(self, log: str) -> int:
        """Give how many of our events a log has not."""
        return int(self._read("unsent_count", {"log": log})[0][0])

    def shared(self, log: str, packets: Sequence[Packet]) -> None:
        """Remember that a log has said that it has these; its receipts come with the next pull."""
        newest = packets[-1]

        def work(db: sqlite3.Connection) -> None:
            (wid,) = db.execute(
                "SELECT wid FROM writer WHERE writer = ?", (newest.writer,)
            ).fetchone()
            db.execute(statement("add_shared"), (log, wid, newest.seq))

        self._change(work)

    def set_back(self, log: str, writer: bytes, seq: int) -> None:
        """Remember that a log has a writer's events only up to `seq`."""

        def work(db: sqlite3.Connection) -> None:
            (wid,) = db.execute("SELECT wid FROM writer WHERE writer = ?", (writer,)).fetchone()
            db.execute("DELETE FROM shared WHERE log = ? AND wid = ?", (log, wid))
            db.execute(statement("add_shared"), (log, wid, seq))

        self._change(work)

    def unredacted(self, log: str) -> list[bytes]:
        """Give the hashes of events in a log whose body was taken away here and, as far as we know, not there."""
        return [row[0] for row in self._read("unredacted", {"log": log})]

    def was_redacted(self, log: str, event: bytes) -> None:
        """Remember that a log has taken away the body of an event."""
        self._change(lambda db: db.execute(statement("obeyed"), (log, event)))

    def our_fork(self) -> int | None:
        """Give the number of our last event before another chain of our key begins; None if there is none."""
        rows = self._read("our_fork", ())
        return int(rows[0][0]) - 1 if rows and rows[0][0] is not None else None

    def forked(self, writer: bytes, after: int) -> None:
        """Remember that there is another chain of a writer after its event `after`; if it is ours, go on as a new one."""

        def work(db: sqlite3.Connection) -> None:
            ours = db.execute(statement("home")).fetchone()
            if ours is not None and ours[3] == writer:
                self._store.begin_anew(db, after)
            else:
                db.execute(statement("mark_forked"), (writer,))

        self._change(work)

    def done(self, log: str, at_ms: int) -> None:
        """Remember when a sync came to its end."""
        self._change(lambda db: db.execute(statement("synced"), (at_ms, log)))

    def alarm(self, error: UpstreamLiesError) -> None:
        """Keep what was wrong with an upstream."""
        self._change(
            lambda db: db.execute(statement("add_alarm"), (_now(), error.trick, error.what))
        )

    def alarms(self) -> list[Alarm]:
        """Give what was ever wrong with an upstream, the oldest first."""
        return [Alarm(*row) for row in self._read("alarms", ())]

    def measured(self, offset_ms: int, error_ms: int) -> None:
        """Remember how far this machine's clock is off: add so many milliseconds, give or take `error_ms`."""
        values = (offset_ms, error_ms, boot(), since_boot())
        self._change(lambda db: db.execute(statement("measure_clock"), values))

    def measured_clock(self) -> Offset | None:
        """Give what was measured last."""
        rows = self._read("measured_clock", ())
        return Offset(*rows[0]) if rows else None

    def fork_me(self, after: int) -> None:
        """Go on as a new writer: another chain of our key goes on after our event `after`."""
        self._change(lambda db: self._store.begin_anew(db, after))

    def _take_some(self, packets: Sequence[Packet], taken: Taken) -> list[Packet]:
        """Take in what can be now; gives what must wait for an event before it."""
        known, new, refused, left = self._change(lambda db: Taker.take_loose(db, packets))
        taken.known += known
        taken.new += new
        taken.refused += refused
        return left

    def _change(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with database.in_words(self.file):
            connection = self._store.open()
            with database.transaction(connection):
                result = work(connection)
                connection.execute("COMMIT")
            return result

    def _ask(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with database.in_words(self.file):
            return work(self._store.open())

    def _read(self, name: str, values: object) -> list[tuple]:  # type: ignore[type-arg]
        return self._ask(lambda db: db.execute(statement(name), values).fetchall())  # type: ignore[arg-type]


def first_chain(log: str) -> bytes:
    """Give the chain of a log before its first event."""
    return hashlib.sha256(b"opskit.log.v1" + log.encode()).digest()


def _state(row: tuple) -> LogState:  # type: ignore[type-arg]
    log, url, pos, digest, chain, synced_ms, received_ms = row
    last = Receipt(pos, digest, chain, received_ms) if pos is not None else None
    return LogState(log, url, last, synced_ms)


def _now() -> int:
    return time.time_ns() // 1_000_000
