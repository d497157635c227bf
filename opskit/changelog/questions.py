"""What can be asked of a changelog, whoever holds it open."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, TypeVar, cast

from opskit.changelog import query
from opskit.changelog.event import VERDICT
from opskit.changelog.filtering import Filter
from opskit.changelog.found import RUNBOOK
from opskit.changelog.records import NoteEntry, RolloutRecord
from opskit.changelog.ruling import VerdictEntry
from opskit.changelog.runrecords import RunRecord

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from opskit.changelog.drains import Seat as Place
    from opskit.changelog.drains import Seats
    from opskit.changelog.records import Entry, LiveRecord

T = TypeVar("T")


class Questions(abc.ABC):
    """Gives records, newest first. Every method raises ChangelogError."""

    @abc.abstractmethod
    def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T | None:
        """Give the answer to a question, None while there is no changelog."""

    def entries(self, wanted: Filter | None = None) -> tuple[Entry, ...]:
        """Give rollouts, notes and events of unknown kinds, newest first."""
        return self._ask(lambda db: tuple(query.entries(db, wanted or Filter()))) or ()

    def rollouts(self, wanted: Filter | None = None) -> tuple[RolloutRecord, ...]:
        """Give rollouts, newest first."""
        found = self._ask(lambda db: tuple(query.entries(db, wanted or Filter(), kind="rollout")))
        return tuple(entry for entry in found or () if isinstance(entry, RolloutRecord))

    def each_rollout(self, wanted: Filter, take: Callable[[RolloutRecord], T]) -> tuple[T, ...]:
        """Give what `take` makes of rollouts, newest first, one after the other: of many, not all need be in memory at once."""

        def ask(db: sqlite3.Connection) -> tuple[T, ...]:
            found = query.entries(db, wanted, kind="rollout")
            return tuple(take(entry) for entry in found if isinstance(entry, RolloutRecord))

        return self._ask(ask) or ()

    def tally(self, since: datetime) -> Mapping[tuple[str, str], int]:
        """Count the rollouts that began since then, by service and environment."""
        return self._ask(lambda db: query.tally(db, since)) or {}

    def began(self) -> datetime | None:
        """Give when the oldest entry was written, None if there is none."""
        return self._ask(query.began)

    def runs(self, wanted: Filter | None = None) -> tuple[RunRecord, ...]:
        """Give runs of runbooks, newest first."""
        found = self._ask(lambda db: tuple(query.entries(db, wanted or Filter(), kind=RUNBOOK)))
        return tuple(entry for entry in found or () if isinstance(entry, RunRecord))

    def notes(self, wanted: Filter | None = None) -> tuple[NoteEntry, ...]:
        """Give notes, newest first."""
        found = self._ask(lambda db: tuple(query.entries(db, wanted or Filter(), kind="note")))
        return tuple(entry for entry in found or () if isinstance(entry, NoteEntry))

    def verdicts(self, wanted: Filter | None = None) -> tuple[VerdictEntry, ...]:
        """Give verdicts on rollouts and runs, newest first."""
        found = self._ask(lambda db: tuple(query.entries(db, wanted or Filter(), kind=VERDICT)))
        return tuple(entry for entry in found or () if isinstance(entry, VerdictEntry))

    def rollout(self, prefix: str) -> RolloutRecord:
        """Give the rollout whose id starts with `prefix` (4 characters or more); raises UnknownNameError."""
        return cast("RolloutRecord", self._one(prefix, query.ROLLOUT))

    def run(self, prefix: str) -> RunRecord:
        """Give the run of a runbook whose id starts so; raises UnknownNameError."""
        return cast("RunRecord", self._one(prefix, RUNBOOK))

    def record(self, prefix: str) -> RolloutRecord | RunRecord:
        """Give the rollout or the run whose id starts so; raises UnknownNameError."""
        return self._one(prefix, query.ROLLOUT, RUNBOOK)

    def _one(self, prefix: str, *kinds: str) -> RolloutRecord | RunRecord:
        found = self._ask(lambda db: query.records_like(db, prefix, kinds)) or ()
        return query.the_one(prefix, found, kinds)

    def live(self, service: str, environment: str) -> Mapping[str, LiveRecord]:
        """Give, by host, the newest release of a service that results of rollouts report."""
        return self._ask(lambda db: query.live(db, service, environment)) or {}

    def last_drained(self, wanted: Seats) -> Mapping[Place, RolloutRecord]:
        """Give, by seat, the newest rollout that says it took the host out of the load balancer there."""
        from opskit.changelog.drains import last_drained

        return self._ask(lambda db: last_drained(db, wanted)) or {}

    def count(self) -> int:
        """Give the number of events."""
        return self._ask(query.count) or 0

    def clock_off(self) -> int:
        """Give the milliseconds that are to be added to this machine's clock, 0 if it is right, or nobody knows."""
        from opskit.changelog.store import clock_field

        return int((self._ask(clock_field) or {}).get("off", 0))

    def places(self, hashes: Iterable[bytes]) -> Mapping[bytes, int]:
        """Give, by hash, where events stand in the upstream, whose order is the same for everybody; those that it is not known to have are left out."""
        return self._ask(lambda db: query.places(db, hashes)) or {}

    def hash_at(self, writer: str, seq: int) -> bytes | None:
        """Give the hash of the event at one place of a chain (`writer` in hex); None if it is not here."""
        return self._ask(lambda db: query.hash_at(db, bytes.fromhex(writer), seq))
