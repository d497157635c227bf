"""The histories that a log has shown here: when each began, and what the ones before it had.

An upstream that is set back to a backup shows another history from some place on. What stood there before is kept here, place by
place: so what somebody signed who had seen it (`seen` in a header) is understood, and accuses nobody. Every laptop that wrote
such a thing says so in an event of its own, `log.set_back`: others, who were not there, see by it that its writer knows.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from opskit.changelog.adding import now_ms
from opskit.changelog.canonical import encode
from opskit.changelog.event import SET_BACK
from opskit.changelog.logs import Alarm, demand_read
from opskit.changelog.machine import actor_here
from opskit.changelog.placing import is_moved_by
from opskit.changelog.receipts import Seen, first_chain, seen_in
from opskit.changelog.sql import statement
from opskit.changelog.store import Draft, clock_field

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

AGAIN = "again"
NEWEST = 2**62
MOST_LOOKED_AT = 100  # events of ours that are looked through for what they had seen


class Era(NamedTuple):
    """An era of a log, see eras.sql; `url` is the log's."""

    id: int
    log: str
    at_ms: int
    trick: str
    pos: int
    chain: bytes
    first: int
    n: int
    url: str

    @property
    def is_open(self) -> bool:
        """Whether the log was not read anew to its end yet."""
        return self.n == 0

    @property
    def words(self) -> str:
        """What is to be said of it."""
        place = f", from place {self.first} on" if self.first else ""
        if self.is_open:
            return f"{self.url} does not show what it showed before; it is read anew"
        if self.trick == "rewritten":
            return f"{self.url} says something else than before{place}: events were moved or taken out there; what is here stays"
        return f"{self.url} was set back to an earlier state{place}; what it lacks is pushed again"


def begin(db: sqlite3.Connection, log: str, trick: str) -> None:
    """Begin an era, within the caller's transaction; what was known of the log until now is kept, and forgotten as its history."""
    row = db.execute(statement("log"), (log,)).fetchone()
    pos, chain = (row[2] or 0, row[4] or b"") if row else (0, b"")
    values = (log, _now(db), trick, pos, chain)
    era = db.execute(statement("add_era"), values).lastrowid
    kept = [(era, *place) for place in chained_places(db, log)]
    db.executemany(statement("add_lost"), kept)
    if any(is_moved_by(*row) for row in db.execute(statement("received_in"), (log,))):
        db.execute(statement("index_is_old"))
    # a backup that is brought back has the bodies that were taken away since
    for name in (
        "forget_log",
        "forget_places",
        "forget_other_places",
        "forget_obeyed",
        "forget_shared",
    ):
        db.execute(statement(name), (log,))


def settle(db: sqlite3.Connection, log: str, *, gapless: bool, upto: int) -> list[str]:
    """Find out, now that a log was read to its end at `upto`, what it shows otherwise than before; gives what is to be said.

    The first time, its first era begins. Raises OvertakenError if another process has begun to read it anew, and is not as far.
    """
    demand_read(db.execute(statement("log"), (log,)).fetchone()[2], upto)
    words = []
    if not _of(db, log):
        db.execute(statement("add_era"), (log, _now(db), "", 0, b""))
    (newest,) = db.execute(statement("newest_number")).fetchone()
    for era in _of(db, log):
        if not era.is_open:
            continue
        first = _first_other(db, era)
        db.execute(statement("keep_lost"), (era.id, first or NEWEST))
        if era.trick == AGAIN and not first:
            db.execute(statement("drop_era"), (era.id,))
            continue
        trick = era.trick
        if trick:
            trick = "rewritten" if gapless and _is_rewritten(db, era) else "rewound"
        db.execute(statement("settle_era"), (trick, first, max(newest, 1), era.id))
        if trick:
            words.append(era._replace(trick=trick, first=first, n=max(newest, 1)).words)
    return words


def is_lost(db: sqlite3.Connection, seen: Seen) -> bool:
    """Tell whether somebody saw a history that this log did show here, before it was set back."""
    values = (seen.chain, seen.pos, seen.log)
    return db.execute(statement("is_lost"), values).fetchone() is not None


def since(db: sqlite3.Connection, log: str) -> tuple[int, int]:
    """Give from when on everybody should see the history of today: events with a greater number here, that were written later."""
    if not (eras := _of(db, log)):
        return NEWEST, NEWEST
    newest = eras[-1]
    return (NEWEST, newest.at_ms) if newest.is_open else (newest.n, newest.at_ms)


def changed_ms(db: sqlite3.Connection, log: str) -> int:
    """Give when a log was last known to show another history than before, 0 for never."""
    return max((era.at_ms for era in _of(db, log) if era.trick), default=0)


def told_by_us(db: sqlite3.Connection, log: str) -> tuple[Draft, bytes] | None:
    """Give the event to write if the newest of ours that saw this log saw what it does not show any more."""
    cursor = db.execute(statement("log"), (log,)).fetchone()
    if cursor is None or cursor[2] is None:
        return None  # it is empty: the event could not say that it saw the history of today
    for (header,) in db.execute(statement("own_newest"), (MOST_LOOKED_AT,)):
        seen = seen_in(header)
        if seen is not None and seen.log == log:
            break
    else:
        return None
    row = db.execute(statement("is_lost"), (seen.chain, seen.pos, log)).fetchone()
    if row is None:
        return None
    body = {"log": log, "first": row[0], "pos": seen.pos, "chain": seen.chain.hex()}
    return Draft(kind=SET_BACK, actor=actor_here(), body=body), encode(body)


def alarms(db: sqlite3.Connection, *, unsettled: bool = False) -> list[Alarm]:
    """Give what was ever wrong with an upstream, the oldest first; `unsettled`: since the log of today was accepted.

    A log that was set back, and that was read anew since, is well again.
    """
    found = [Alarm(*row) for row in db.execute(statement("alarms"))]
    eras = [era for era in _all(db) if era.trick not in ("", AGAIN)]
    if unsettled:
        (begun,) = db.execute(statement("today_since")).fetchone()
        found = [each for each in found if each.at_ms >= begun and each.trick != "rewound"]
        eras = [e for e in eras if e.at_ms >= begun and (e.is_open or e.trick == "rewritten")]
    found += [Alarm(era.at_ms, era.trick, era.words) for era in eras]
    return sorted(found, key=lambda each: each.at_ms)


def rewritten(db: sqlite3.Connection) -> list[Era]:
    """Give the eras of the log of today that began because somebody took out or moved what it had."""
    (begun,) = db.execute(statement("today_since")).fetchone()
    return [e for e in _all(db) if e.trick == "rewritten" and not e.is_open and e.at_ms >= begun]


def chained_places(db: sqlite3.Connection, log: str) -> Iterator[tuple[int, bytes, bytes]]:
    """Give place, hash and chain of all that is known of a log, in its order."""
    chain = first_chain(log)
    for pos, digest in db.execute(statement("log_places"), {"log": log}):
        chain = hashlib.sha256(chain + digest).digest()
        yield pos, digest, chain


def _first_other(db: sqlite3.Connection, era: Era) -> int:
    """Give the first place that an era does not show as the one before did, 0 if there is none."""
    here = chained_places(db, era.log)
    at: tuple[int, bytes] = (0, b"")
    for pos, chain in db.execute(statement("lost_of"), (era.id,)):
        while at[0] < pos and (found := next(here, None)):
            at = (found[0], found[2])
        if at != (pos, chain):
            return int(pos)
    return 0


def _is_rewritten(db: sqlite3.Connection, era: Era) -> bool:
    """Tell whether what stood there cannot be missing, or elsewhere, because the log was set back and pushed to again.

    Whoever pushes again pushes all of a writer's events in their order.
    """
    lost = {"era": era.id, "log": era.log}
    if db.execute(statement("taken_out"), lost).fetchone():
        return True
    newest: dict[int, int] = {}
    for wid, seq in db.execute(statement("order_of_writers"), lost):
        if seq < newest.get(wid, 0):
            return True
        newest[wid] = seq
    return False


def _of(db: sqlite3.Connection, log: str) -> list[Era]:
    return [era for era in _all(db) if era.log == log]


def _all(db: sqlite3.Connection) -> list[Era]:
    return [Era(*row) for row in db.execute(statement("eras"))]


def _now(db: sqlite3.Connection) -> int:
    return now_ms() + int(clock_field(db).get("off", 0))
