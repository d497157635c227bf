"""Which entries are wanted, and how they are found among a million without a plan that may go wrong.

SQLite knows nothing of how many entries a wish leaves. So each wish is counted first, as far as `FEW`: the one that leaves the
fewest decides where to look, and a plus sign keeps SQLite from looking elsewhere. If none leaves few, entries are gone
through from the newest on, and enough of them are found soon. Of what many have in common, a word or many hosts, only the
newest are gathered, as long as that is enough.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from opskit.changelog.clock import COUNTER_BITS
from opskit.changelog.found import A_ROLLBACK, BISECTION, DURING, INCIDENT, OWER, OWES, RUNBOOK
from opskit.changelog.records import RUNNING, UNFINISHED
from opskit.changelog.search import match_of
from opskit.changelog.sql import statement

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

OPEN_OUTCOMES = (RUNNING, UNFINISHED)
FEW = 5000  # entries, that are sooner looked at and sorted than a million gone through
NEWEST = (
    2000,
    20_000,
)  # entries among which is looked first, and then, for what many have in common
STRAYS = 50  # of them, that may have come long before the others; for these, one by one is asked
LAST = 2**63 - 1


class Filter(NamedTuple):
    """Which entries are wanted; what is empty does not restrict.

    `hosts`: any of them was touched. `actor`: a part of the name. `action`: deploy, rollback,
    restart, task, exec, runbook, or note. `outcome`: as in RolloutRecord and RunRecord. `since` is included, `until` is
    not. `limit`: the newest so many, 0 for all. `grep`: words that stand in it, as `search.match_of` reads them.
    `runbook`: runs of that page. `incident`: what was done about it. `during`: what was done in the run of that id. `bisect`: events of the bisection that the event of that hash began. `owes`: only
    runs that may have left something to be taken back; their `liabilities` say whether that is so.
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
    runbook: str = ""
    incident: str = ""
    during: str = ""
    owes: bool = False
    bisect: str = ""


_ABOUT = {
    what: f"SELECT entry FROM about WHERE what = '{what}' AND name = :{what}"  # noqa: S608 - only our own words
    for what in (RUNBOOK, INCIDENT, DURING, OWES, BISECTION)
}
_ABOUT[OWES] += (
    " AND EXISTS (SELECT 1 FROM entry e WHERE e.id = about.entry AND (e.owes <> 0 OR EXISTS"  # noqa: S608 - only our own words
    f" (SELECT 1 FROM about o WHERE o.entry = e.id AND o.what = '{OWER}' AND o.name <> e.owes_by)))"
)
"""What entries are about: which they are, by what it is called."""

# A wish that names entries: the column, what it must be, and what the index of that column needs to know besides.
_EQUAL = {
    "service": ("service", "= :service", ""),
    "environment": ("environment", "= :environment", ""),
    "action": ("iif(kind = 'rollout', action, kind)", "= :action", ""),
    "actor": ("actor", "IN (SELECT a.actor FROM actor a WHERE instr(lower(a.actor), lower(:actor)) > 0)", ""),
    "outcome": ("outcome", "= :outcome", "outcome <> 'done' AND kind IN ('rollout', 'runbook')"),
    "hosts": ("id", "IN (SELECT entry FROM touched WHERE host IN (SELECT value FROM json_each(:hosts)))", ""),
    "grep": ("id", "IN (SELECT s.entry FROM words w JOIN said s ON s.n = w.rowid WHERE words MATCH :grep)", ""),
    "ids": ("id", "IN (SELECT value FROM json_each(:ids))", ""),
    **{what: ("id", f"IN ({asked})", "") for what, asked in _ABOUT.items()},
}  # fmt: skip

_OF_ENTRY = {
    "hosts": "SELECT 1 FROM touched t WHERE t.entry = entry.id AND t.host IN (SELECT value FROM json_each(:hosts))",
    "grep": "SELECT 1 FROM said s CROSS JOIN words w ON w.rowid = s.n WHERE s.entry = entry.id AND words MATCH :grep",
}
"""The same, asked of one entry."""

_SINCE = {
    "hosts": "SELECT entry FROM touched WHERE host IN (SELECT value FROM json_each(:hosts)) AND entry >= :lowest",
    "grep": "SELECT s.entry FROM words w CROSS JOIN said s ON s.n = w.rowid WHERE words MATCH :grep AND w.rowid >= :lowest",
}
"""The same, gathered of those entries that came late enough: an entry's first event has its number, others have higher ones."""

_COUNTED = {
    "hosts": "SELECT 1 FROM touched WHERE host IN (SELECT value FROM json_each(:hosts))",
    "grep": "SELECT 1 FROM words WHERE words MATCH :grep",
    "ids": "SELECT 1 FROM json_each(:ids)",
    **_ABOUT,
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
    bounds = list(_bounds(connection, wanted, values, first))
    values["limit"] = limit = -1 if wanted.outcome in OPEN_OUTCOMES else wanted.limit or -1
    if limit > 0 and values.keys() & _SINCE.keys() - {first}:
        some = [*_conditions(values, first, _SINCE), *bounds, "hlc >= :floor"]
        for place in _newest(connection, values):
            found = _found(connection, some, {**values, **place})
            if len(found) == limit:
                return found
            if len(found) * NEWEST[1] < limit * NEWEST[0]:
                break
    return _found(connection, [*_conditions(values, first), *bounds], values)


def _found(
    connection: sqlite3.Connection, conditions: Sequence[str], values: Mapping[str, object]
) -> list[tuple[int, str | None]]:
    query = f"SELECT id, rollout FROM entry WHERE {' AND '.join(conditions)} ORDER BY hlc DESC, hash DESC LIMIT :limit"  # noqa: S608 - only our own words
    return connection.execute(query, values).fetchall()


def _newest(
    connection: sqlite3.Connection, values: Mapping[str, object]
) -> Iterator[dict[str, object]]:
    """Give where the newest entries begin, of those before `until`: their lowest clock, and the lowest number but for strays."""
    for most in NEWEST:
        asked = {"before": values.get("until_hlc", LAST), "most": most, "strays": STRAYS}
        row = connection.execute(statement("newest_entries"), asked).fetchone()
        if None not in row:
            yield {"floor": row[0], "lowest": row[1]}


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
        "runbook": wanted.runbook,
        "incident": wanted.incident,
        "during": wanted.during,
        "owes": A_ROLLBACK if wanted.owes else "",
        "bisect": wanted.bisect,
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


def _conditions(
    values: Mapping[str, object], first: str, gathered: Mapping[str, str] = MappingProxyType({})
) -> Iterator[str]:
    """Give what is demanded of columns; of some wishes `gathered` says by which query, and single entries are asked for besides."""
    for name in (name for name in _EQUAL if name in values):
        if name in gathered and name != first:
            yield f"(+id >= :lowest AND +id IN ({gathered[name]}) OR +id < :lowest AND EXISTS ({_OF_ENTRY[name]}))"
            continue
        column, demand, besides = _EQUAL[name]
        yield f"{column} {demand}" if name == first else f"+{column} {demand}"
        if name == first and besides:
            yield besides
    yield "+kind = :kind" if "kind" in values else "+kind <> 'gone'"
    if "outcome" in values:
        yield "+kind IN ('rollout', 'runbook')"


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
