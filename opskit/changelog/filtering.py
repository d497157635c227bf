"""Which entries are wanted, and how they are found among a million without a plan that may go wrong.

SQLite knows nothing of how many entries a wish leaves. So each wish is counted first, as far as `FEW`: the one that leaves the
fewest decides where to look, and a plus sign keeps SQLite from looking elsewhere. If none leaves few, entries are gone
through from the newest on, and enough of them are found soon.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.changelog.clock import COUNTER_BITS
from opskit.changelog.records import RUNNING, UNFINISHED
from opskit.changelog.search import match_of
from opskit.changelog.sql import statement

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from datetime import datetime

OPEN_OUTCOMES = (RUNNING, UNFINISHED)
FEW = 5000  # entries, that are sooner looked at and sorted than a million gone through
LAST = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which entries are wanted; what is empty does not restrict.

    `hosts`: any of them was touched. `actor`: a part of the name. `action`: deploy, rollback,
    restart, task, exec, or note. `outcome`: as in RolloutRecord. `since` is included, `until` is
    not. `limit`: the newest so many, 0 for all. `grep`: words that stand in it, as `search.match_of` reads them.
    """

    service: str = ""
    environment: str = ""
    hosts: tuple[str, ...] = ()
    actor: str = ""
    action: str = ""
    outcome: str = ""
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 0
    grep: str = ""


# A wish that names entries: the column, what it must be, and what the index of that column needs to know besides.
_EQUAL = {
    "service": ("service", "= :service", ""),
    "environment": ("environment", "= :environment", ""),
    "action": ("iif(kind = 'rollout', action, kind)", "= :action", ""),
    "actor": ("actor", "IN (SELECT a.actor FROM actor a WHERE instr(lower(a.actor), lower(:actor)) > 0)", ""),
    "outcome": ("outcome", "= :outcome", "outcome <> 'done' AND kind = 'rollout'"),
    "hosts": ("id", "IN (SELECT entry FROM touched WHERE host IN (SELECT value FROM json_each(:hosts)))", ""),
    "grep": ("id", "IN (SELECT s.entry FROM words w JOIN said s ON s.n = w.rowid WHERE words MATCH :grep)", ""),
    "ids": ("id", "IN (SELECT value FROM json_each(:ids))", ""),
}  # fmt: skip

_COUNTED = {
    "hosts": "SELECT 1 FROM touched WHERE host IN (SELECT value FROM json_each(:hosts))",
    "grep": "SELECT 1 FROM words WHERE words MATCH :grep",
    "ids": "SELECT 1 FROM json_each(:ids)",
}
"""How some are counted: not by looking at entries."""


def find(
    connection: sqlite3.Connection, wanted: Filter, *, kind: str = "", ids: Sequence[int] | None
) -> list[tuple[int, str | None]]:
    """Give id and rollout (None: it stands alone) of wanted entries, the newest first; of those `ids`, if any are given.

    Of open rollouts, all are given, whatever the limit: only their processes tell which of them run.
    """
    values = _values(wanted, kind, ids)
    first = _narrowest(connection, values)
    conditions = [*_conditions(values, first), *_bounds(connection, wanted, values, first)]
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    limit = -1 if wanted.outcome in OPEN_OUTCOMES else wanted.limit or -1
    return connection.execute(
        f"SELECT id, rollout FROM entry {where} ORDER BY hlc DESC, hash DESC LIMIT :limit",  # noqa: S608 - only our own words
        {**values, "limit": limit},
    ).fetchall()


def _values(wanted: Filter, kind: str, ids: Sequence[int] | None) -> dict[str, object]:
    values: dict[str, object] = {
        "service": wanted.service,
        "environment": wanted.environment,
        "action": wanted.action,
        "actor": wanted.actor,
        "hosts": json.dumps(wanted.hosts) if wanted.hosts else "",
        "outcome": wanted.outcome,
        "kind": kind,
        "grep": match_of(wanted.grep) if wanted.grep else "",
    }
    values = {name: value for name, value in values.items() if value}
    if wanted.outcome in OPEN_OUTCOMES:
        values["outcome"] = ""
    if ids is not None:
        values["ids"] = json.dumps(list(ids))
    return values


def _narrowest(connection: sqlite3.Connection, values: dict[str, object]) -> str:
    """Give the wish that leaves the fewest entries; "" if none leaves few."""
    counts = {name: _count(connection, name, values) for name in _EQUAL if name in values}
    name = min(counts, key=counts.__getitem__, default="")
    return name if name and counts[name] <= FEW else ""


def _count(connection: sqlite3.Connection, name: str, values: dict[str, object]) -> int:
    """Count what a wish leaves, as far as a little more than `FEW`."""
    column, demand, besides = _EQUAL[name]
    if name == "outcome" and values[name] == "done":
        return FEW + 1
    found = _COUNTED.get(name) or (
        f"SELECT 1 FROM entry WHERE {column} {demand}{f' AND {besides}' if besides else ''}"  # noqa: S608 - only our own words
    )
    counted = f"SELECT count(*) FROM ({found} LIMIT {FEW + 1})"  # noqa: S608 - only our own words
    return int(connection.execute(counted, {name: values[name]}).fetchone()[0])


def _conditions(values: dict[str, object], first: str) -> Iterator[str]:
    for name in (name for name in _EQUAL if name in values):
        column, demand, besides = _EQUAL[name]
        yield f"{column} {demand}" if name == first else f"+{column} {demand}"
        if name == first and besides:
            yield besides
    yield "+kind = :kind" if "kind" in values else "+kind <> 'gone'"
    if "outcome" in values:
        yield "+kind = 'rollout'"


def _bounds(
    connection: sqlite3.Connection, wanted: Filter, values: dict[str, object], first: str
) -> Iterator[str]:
    """Give what times demand. The clock by which entries are ordered runs ahead of the time, by not more than is looked up here."""
    plus = "+" if first else ""
    if wanted.since:
        values["since"] = since = int(wanted.since.timestamp() * 1000)
        values["since_hlc"] = since << COUNTER_BITS
        yield f"+at_ms >= :since AND {plus}hlc >= :since_hlc"
    if wanted.until:
        values["until"] = until = int(wanted.until.timestamp() * 1000)
        ahead = connection.execute(statement("most_ahead")).fetchone()[0]
        values["until_hlc"] = max(min((until + ahead + 1) << COUNTER_BITS, LAST), 0)
        yield f"+at_ms < :until AND {plus}hlc < :until_hlc"
