"""The local database's side of a sync: what it has, what it lacks, and what it takes in, beside other processes that do the same."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from opskit.changelog import database, eras, index, obeying
from opskit.changelog.checking import faults_of
from opskit.changelog.clock import Offset, since_boot
from opskit.changelog.history import split_views
from opskit.changelog.hold import Hold
from opskit.changelog.logs import LogState, demand_read, state_of
from opskit.changelog.machine import boot
from opskit.changelog.packet import Packet, Receipt
from opskit.changelog.refusing import add_alarms, keep_other
from opskit.changelog.signing import held_writers
from opskit.changelog.sql import statement
from opskit.changelog.taking import Taken, Taker, in_any_order
from opskit.config.model import ChangelogSettings
from opskit.errors import OvertakenError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from opskit.changelog.doubts import Doubt
    from opskit.changelog.history import Split
    from opskit.changelog.logs import Alarm
    from opskit.changelog.packet import Arrival
    from opskit.changelog.taking import Received
    from opskit.errors import UpstreamLiesError

PUSHED_AT_ONCE = 500


class Exchange(Hold):
    """One sync's hold on the database; one thread at a time. Every method raises ChangelogError.

    `settings` say whose signatures count; by default nobody's is asked for.
    """

    def __init__(self, file: Path, settings: ChangelogSettings | None = None) -> None:
        super().__init__(file)
        self._settings = settings or ChangelogSettings()

    def current(self) -> LogState | None:
        """Give the log of today, None before the first contact with one."""
        rows = self._read("current_log", ())
        return state_of(rows[0]) if rows else None

    def demand_still(self, log: str) -> None:
        """Raise OvertakenError if another process has taken another log for ours than this one meanwhile."""
        if (known := self.current()) is None or known.log != log:
            raise OvertakenError("another opskit here goes on with another upstream")

    def pin(self, log: str, url: str) -> None:
        """Remember that this changelog is shared with that log, from now on."""
        self._change(lambda db: db.execute(statement("pin_log"), (log, url, _now())))

    def last(self, log: str) -> Receipt | None:
        """Give the receipt after which the next pull goes on; None to pull all."""
        rows = self._read("log", (log,))
        return state_of(rows[0]).last if rows else None

    def forget(self, log: str, trick: str = eras.AGAIN, *, last: Receipt | None = None) -> None:
        """Pull all of a log again, because of a `trick` of it or only to compare. What it said before stays, as evidence.

        With `last`, of which the trick was found out, only if that is the newest receipt still: else another process has begun to.
        """

        def work(db: sqlite3.Connection) -> None:
            if (
                last is None
                or state_of(db.execute(statement("log"), (log,)).fetchone()).last == last
            ):
                eras.begin(db, log, trick)

        self._change(work)

    def settle_eras(self, log: str, *, gapless: bool, upto: int) -> list[str]:
        """Find out what a log that was read anew, up to its end at `upto`, shows otherwise than before; gives words about it."""
        return self._change(lambda db: eras.settle(db, log, gapless=gapless, upto=upto))

    def tell_set_back(self, log: str) -> bool:
        """Write an event that says so if the newest of ours saw a history that a log does not show any more."""

        def work(db: sqlite3.Connection) -> bool:
            told = eras.told_by_us(db, log)
            if told is not None:
                self._store.insert(db, *told)
            return told is not None

        return self._ask(lambda db: eras.told_by_us(db, log)) is not None and self._change(work)

    def split(self, log: str, doubts: Sequence[Split]) -> list[str]:
        """Keep as alarms what writers saw otherwise who should see what is here; gives words about all of it."""
        return self._change(lambda db: split_views(db, log, doubts)) if doubts else []

    def vector(self) -> dict[bytes, int]:
        """Give the newest number of every writer's events here."""
        return dict(self._read("vector", ()))

    def mend_index(self) -> None:
        """Make the index anew if bodies were filled in."""

        def work(db: sqlite3.Connection) -> None:
            if not database.has_index(db):
                index.rebuild(db)

        if not self._ask(database.has_index):
            self._change(work)

    def receive(
        self,
        log: str,
        page: Sequence[Arrival],
        *,
        gapless: bool = False,
        faults: Sequence[str] | None = None,
        after: int | None = None,
    ) -> Received:
        """Take in a page of a log, in one transaction; see `Taker`. `faults` if they are known already.

        `after` is the place that the page was asked from: what another process took in meanwhile is left out.
        Raises UpstreamLiesError, with nothing taken in, when the page does not go on where the last one ended.
        """
        taker = Taker(log, page, gapless=gapless, faults=faults, after=after)
        return self._change(taker.take)

    def receive_others(self, fetched: Sequence[Arrival]) -> list[Doubt]:
        """Take in events of places that are taken here, with their packets: as forks those that are signed for there."""
        faults = faults_of(fetched)

        def work(db: sqlite3.Connection) -> list[Doubt]:
            pairs = zip(fetched, faults, strict=True)
            doubts = [doubt for each, wrong in pairs for doubt in keep_other(db, each, wrong)]
            add_alarms(db, doubts)
            return doubts

        return self._change(work)

    def take_in(self, packets: Iterable[Packet]) -> Taken:
        """Take in packets that no log vouches for: an import, what was salvaged. In any order within a writer's chain."""
        taken = in_any_order(packets, self._take_some)
        self.mend_index()
        taken.warnings += self.settle()
        return taken

    def settle(self) -> list[str]:
        """Obey the redactions that count, now that all is here; gives words about others, once."""
        return obeying.settle(self._ask, self._change, self.file, self._settings)

    def unsent(
        self,
        log: str,
        *,
        everybody: bool = False,
        limit: int = PUSHED_AT_ONCE,
        said: Mapping[bytes, int] | None = None,
        aside: Iterable[bytes] = (),
    ) -> tuple[list[Packet], bool]:
        """Give consecutive events of one writer, none of those `aside`, that a log has not, and whether they are ours.

        Ours are those of every writer whose key lies here. What a log has, its receipts tell; and `said`, up to which event
        of each writer it only said so. No events if the log has all of ours (or of all).
        """
        there = {writer.hex(): seq for writer, seq in (said or {}).items()}
        values = {
            **self._whose(log),
            "everybody": everybody,
            "said": json.dumps(there),
            "aside": json.dumps([writer.hex() for writer in aside]),
        }

        def work(db: sqlite3.Connection) -> tuple[list[Packet], bool]:
            row = db.execute(statement("unsent_writer"), values).fetchone()
            if row is None:
                return [], False
            wid, seq, ours = row
            found = db.execute(statement("packets"), (wid, seq, limit))
            return [Packet.of(row) for row in found], bool(ours)

        return self._ask(work)

    def waiting(self, log: str) -> int:
        """Give how many of our events a log has not."""
        return int(self._read("unsent_count", {**self._whose(log), "ours": 1})[0][0])

    def waiting_of_others(self, log: str) -> int:
        """Give how many events of others are here, and a log has not."""
        return int(self._read("unsent_count", {**self._whose(log), "ours": 0})[0][0])

    def unplaced(self, log: str, writer: bytes, first: int, last: int, *, upto: int) -> int | None:
        """Give the first of some events of a writer for which a log that was read up to a place has given no receipt; None if it has for all."""
        values = {"log": log, "writer": writer, "first": first, "last": last}
        ((lost, pos),) = self._read("unplaced", values)
        demand_read(pos, upto)
        return int(lost) if lost is not None else None

    def is_forked(self, writer: bytes) -> bool:
        """Tell whether another chain of a writer is known, signed by its key."""
        return bool(self._read("is_forked", (writer,)))

    def set_back(self, log: str, writer: bytes, seq: int) -> None:
        """Remember that a log has a writer's events only up to `seq`."""

        def work(db: sqlite3.Connection) -> None:
            (wid,) = db.execute("SELECT wid FROM writer WHERE writer = ?", (writer,)).fetchone()
            db.execute("DELETE FROM shared WHERE log = ? AND wid = ?", (log, wid))
            db.execute(statement("add_shared"), (log, wid, seq))

        self._change(work)

    def unredacted(self, log: str) -> list[bytes]:
        """Give the hashes of events in a log whose body was taken away here and, as far as we know, not there; but for those of which the log has not what redacts them: they wait for the next push."""
        found = (row[0] for row in self._read("unredacted", self._whose(log)))
        return [event for event in found if self._read("is_placed", (event, log))]

    def was_redacted(self, log: str, event: bytes) -> None:
        """Remember that a log has taken away the body of an event."""
        self._change(lambda db: db.execute(statement("obeyed"), (log, event)))

    def is_our_fork(self) -> bool:
        """Tell whether another chain of the key that signs here is known."""
        return self._read("our_fork", ())[0][0] is not None

    def done(self, log: str, at_ms: int, *, upto: int) -> None:
        """Remember when a sync that read a log up to a place came to its end; raises OvertakenError if it is read anew by now."""

        def work(db: sqlite3.Connection) -> None:
            demand_read(db.execute(statement("log"), (log,)).fetchone()[2], upto)
            db.execute(statement("synced"), (at_ms, log))

        self._change(work)

    def alarm(self, error: UpstreamLiesError) -> None:
        """Keep what was wrong with an upstream."""
        self._change(
            lambda db: db.execute(statement("add_alarm"), (_now(), error.trick, error.what))
        )

    def alarms(self, *, unsettled: bool = False) -> list[Alarm]:
        """Give what was ever wrong with an upstream, the oldest first; or only since the log of today was accepted."""
        return self._ask(lambda db: eras.alarms(db, unsettled=unsettled))

    def was_audited(self, log: str, problems: Sequence[str]) -> None:
        """Remember what a look at all of a log found."""
        values = (log, _now(), len(problems), next(iter(problems), ""))
        self._change(lambda db: db.execute(statement("was_audited"), values))

    def last_audit(self, log: str) -> tuple[int, int, str]:
        """Give when all of a log was looked at last, how much was wrong, and what first; zeros if it never was."""
        return next(iter(self._read("last_audit", (log,))), (0, 0, ""))

    def measured(self, offset_ms: int, error_ms: int) -> None:
        """Remember how far this machine's clock is off: add so many milliseconds, give or take `error_ms`."""
        values = (offset_ms, error_ms, boot(), since_boot())
        self._change(lambda db: db.execute(statement("measure_clock"), values))

    def measured_clock(self) -> Offset | None:
        """Give what was measured last."""
        rows = self._read("measured_clock", ())
        return Offset(*rows[0]) if rows else None

    def fork_me(self) -> int | None:
        """Go on as a new writer if another chain of our key is known; gives after which of our events, None if there is none."""

        def work(db: sqlite3.Connection) -> int | None:
            (first,) = db.execute(statement("our_fork")).fetchone()
            if first is None:  # another process has done it meanwhile
                return None
            self._store.begin_anew(db, first - 1)
            return int(first) - 1

        return self._change(work)

    def _whose(self, log: str) -> dict[str, object]:
        """Give what statements ask by: a log, and the writers whose keys lie beside the database."""
        return {"log": log, "keys": json.dumps(held_writers(self.file.parent))}

    def _take_some(self, packets: Sequence[Packet], taken: Taken) -> list[Packet]:
        """Take in what can be now; gives what must wait for an event before it."""
        known, new, refused, left = self._change(lambda db: Taker.take_loose(db, packets))
        taken.known += known
        taken.new += new
        taken.refused += refused
        return left


def _now() -> int:
    return time.time_ns() // 1_000_000
