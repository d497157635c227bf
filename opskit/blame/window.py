"""What of the changelog is looked at: the days before the trouble, of its services, its hosts, and of all that is beside them."""

from __future__ import annotations

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
"""Rollouts on its hosts, whatever service they are of, and of each action that is about whole hosts."""
OF_HOSTS = ("exec", "task", "reboot", "replace")
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

    `missing` says why that is later than it should be, and what does not count.
    """

    rollouts: tuple[RolloutRecord, ...]
    runs: tuple[RunRecord, ...]
    notes: tuple[NoteEntry, ...]
    thaws: tuple[OtherEntry, ...]
    since: datetime
    missing: tuple[str, ...] = ()


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
    ours = [changelog.rollouts(whole._replace(service=name)) for name in services]
    every = ours or [changelog.rollouts(whole)]
    reached = max(_reached(found, begin) for found in every)
    there = whole._replace(hosts=tuple(hosts), limit=MOST_THERE)
    on_hosts = [there, *(there._replace(action=action) for action in OF_HOSTS)] if hosts else []
    theirs = [changelog.rollouts(wanted) for wanted in on_hosts]
    around = whole._replace(until=at + LATER, limit=MOST_BESIDE)
    beside = changelog.rollouts(around)
    thaws = changelog.entries(around._replace(environment="", action=THAW))
    rollouts = _newest(record for found in (*every, *theirs, beside) for record in found)
    runs = changelog.runs(whole._replace(owes=True, limit=MOST_BESIDE))
    return Found(
        tuple(record for record in rollouts if not is_beside(record.id)),
        tuple(record for record in runs if not is_beside(record.id)),
        changelog.notes(around),
        tuple(
            each for each in thaws if isinstance(each, OtherEntry) and _is_here(each, environment)
        ),
        since=reached,
        missing=(
            *_cut(begin, reached, *(_reached(found, begin, MOST_THERE) for found in theirs[:1])),
            *_strange([*(each.id for each in rollouts), *(each.id for each in runs)]),
        ),
    )


def _reached(found: Sequence[RolloutRecord], begin: datetime, most: int = MOST_OURS) -> datetime:
    """Give from when on all is there: from the oldest on, where there are as many as were asked for."""
    return found[-1].at if len(found) == most else begin


def _newest(records: Iterable[RolloutRecord]) -> tuple[RolloutRecord, ...]:
    each = {record.id: record for record in records}
    return tuple(sorted(each.values(), key=lambda record: record.at, reverse=True))


def _is_here(entry: OtherEntry, environment: str) -> bool:
    return entry.event.header.environment in ("", environment)


def _cut(begin: datetime, ours: datetime, *theirs: datetime) -> Iterator[str]:
    if ours > begin:
        yield f"so much happened that of the {_days(begin, ours)} before that nothing was looked at"
    for at in (at for at in theirs if at > ours):
        since = f"{at.astimezone():%Y-%m-%d %H:%M}"
        yield f"so much happened on these hosts that of other services only what came after {since} was looked at"


def _strange(names: Iterable[str]) -> Iterator[str]:
    """Say what other writers wrote under an id that is not theirs; many such names in one sentence."""
    beside = [name for name in names if is_beside(name)]
    if beside:
        more = f" and of {len(beside) - MOST_NAMED} more" if len(beside) > MOST_NAMED else ""
        said = "events of other writers under an id that is not theirs do not count: those of"
        yield f"{said} {', '.join(beside[:MOST_NAMED])}{more}"


def _days(begin: datetime, end: datetime) -> str:
    return f"{(end - begin).total_seconds() / 86400:.1f} days"
