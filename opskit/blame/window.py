"""What of the changelog is looked at: the days before the trouble, of its services, its hosts, and of all that is beside them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from opskit.changelog import Filter, NoteEntry, OtherEntry, RolloutRecord, RunRecord, is_beside
from opskit.changelog.event import THAW

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from opskit.changelog import Changelog

WINDOW = timedelta(days=14)
MOST_OURS = 300
"""Rollouts of each service in question: the newest."""
MOST_THERE = 100
"""Rollouts on its hosts, whatever service they are of."""
KINDS = ("deploy", "rollback", "restart", "exec", "task", "reboot", "replace", "drain", "restore")
MOST_OF_KIND = 60
"""Where there are more than that, so many of each kind at least: a flood of one does not hide another."""
MOST_BESIDE = 100
"""Entries of other services and hosts, which can hardly be more than cleared."""
MOST_NAMED = 3
"""Names in one sentence; more are counted."""
AFTER = timedelta(minutes=10)
"""How long after the trouble a change may have been written down and have come before it: clocks differ."""
LATER = timedelta(hours=6)
"""How long after the trouble changes are still looked at, to be cleared."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was looked at, each the newest first. `since`: what is older was not looked at.

    `missing` says of what only the newest was, and what does not count.
    """

    rollouts: tuple[RolloutRecord, ...]
    runs: tuple[RunRecord, ...]
    notes: tuple[NoteEntry, ...]
    thaws: tuple[OtherEntry, ...]
    since: datetime
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Taken:
    """Rollouts that were read, and a sentence on those that were not, "" if that is all of them."""

    records: Sequence[RolloutRecord]
    cut: str = ""


def look(
    changelog: Changelog,
    *,
    environment: str,
    at: datetime,
    services: Sequence[str] = (),
    hosts: Sequence[str] = (),
    since: datetime | None = None,
) -> Found:
    """Read what happened in an environment before `at`, and some of what came after; raises ChangelogError.

    Of `services` and `hosts` as much as may be (of nobody's, if there are none); of others a little, to be cleared.
    """
    begin = since or at - WINDOW
    whole = Filter(environment=environment, since=begin, until=at + AFTER, limit=MOST_OURS)
    ours = [whole._replace(service=name) for name in services] or [whole]
    there = [whole._replace(hosts=tuple(hosts), limit=MOST_THERE)] if hosts else []
    taken = [_take(changelog, wanted) for wanted in (*ours, *there)]
    around = whole._replace(until=at + LATER, limit=MOST_BESIDE)
    beside = changelog.rollouts(around)
    thaws = changelog.entries(around._replace(environment="", action=THAW))
    rollouts = _newest([*beside, *(record for each in taken for record in each.records)])
    runs = _runs(changelog, whole._replace(limit=MOST_BESIDE))
    return Found(
        tuple(record for record in rollouts if not is_beside(record.id)),
        tuple(record for record in runs if not is_beside(record.id)),
        changelog.notes(around),
        tuple(
            each for each in thaws if isinstance(each, OtherEntry) and _is_here(each, environment)
        ),
        since=begin,
        missing=(
            *(each.cut for each in taken if each.cut),
            *_strange([*(each.id for each in rollouts), *(each.id for each in runs)]),
        ),
    )


def _runs(changelog: Changelog, wanted: Filter) -> Sequence[RunRecord]:
    """Read the newest runs of runbooks, and of those that may have left something to be taken back more: runs that only look hide none of them."""
    found = (*changelog.runs(wanted), *changelog.runs(wanted._replace(owes=True)))
    each = {run.id: run for run in found}
    return sorted(each.values(), key=lambda run: run.at, reverse=True)


def _take(changelog: Changelog, wanted: Filter) -> _Taken:
    """Read the newest rollouts; where there are more than that, also the newest of each kind that few of those are of."""
    found = list(changelog.rollouts(wanted))
    if len(found) < wanted.limit:
        return _Taken(found)
    had = Counter(record.action for record in found)
    cut, older = [], wanted._replace(until=found[-1].at)
    for kind in KINDS:
        left = max(MOST_OF_KIND - had[kind], 0) + 1
        more = changelog.rollouts(older._replace(action=kind, limit=left))
        found += more
        cut += [kind] * (len(more) == left)
    return _Taken(found, _cut(wanted, cut, found))


def _newest(records: Iterable[RolloutRecord]) -> tuple[RolloutRecord, ...]:
    each = {record.id: record for record in records}
    return tuple(sorted(each.values(), key=lambda record: record.at, reverse=True))


def _is_here(entry: OtherEntry, environment: str) -> bool:
    return entry.event.header.environment in ("", environment)


def _cut(wanted: Filter, kinds: Sequence[str], found: Sequence[RolloutRecord]) -> str:
    """Say of which kinds only the newest were looked at, "" if of none."""
    if not kinds:
        return ""
    on = "on these hosts" if wanted.hosts else f"to {wanted.service or wanted.environment}"
    first = {kind: min(record.at for record in found if record.action == kind) for kind in kinds}
    said = ", ".join(f"{kind} {at.astimezone():%Y-%m-%d %H:%M}" for kind, at in first.items())
    return f"so much was done {on} that of some kinds only what came after a time was looked at ({said}): --at TIME looks at what came before it"


def _strange(names: Iterable[str]) -> Iterator[str]:
    """Say what other writers wrote under an id that is not theirs; many such names in one sentence."""
    beside = [name for name in names if is_beside(name)]
    if beside:
        more = f" and of {len(beside) - MOST_NAMED} more" if len(beside) > MOST_NAMED else ""
        said = "events of other writers under an id that is not theirs do not count: those of"
        yield f"{said} {', '.join(beside[:MOST_NAMED])}{more}"
