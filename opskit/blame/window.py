"""What of the changelog is looked at: the days before the trouble, of its services, its hosts, and of all that is beside them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from opskit.changelog import Filter, NoteEntry, OtherEntry, RolloutRecord, RunRecord
from opskit.changelog.event import FREEZE, THAW

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from opskit.changelog import Changelog

WINDOW = timedelta(days=14)
MOST_OURS = 400
"""Entries about the services in question, and about their hosts, each: the newest."""
MOST_BESIDE = 100
"""Entries of other services and hosts, which can hardly be more than cleared."""
AFTER = timedelta(minutes=10)
"""How long after the trouble a change may have been written down and have come before it: clocks differ."""
OPSKIT_KINDS = (FREEZE, THAW)


@dataclass(frozen=True, slots=True)
class Found:
    """What was looked at, each the newest first. `since`: what is older was not looked at; `missing` says why, if that is later than it should be."""

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
    whole = Filter(environment=environment, since=begin)
    ours = [whole._replace(service=name, limit=MOST_OURS) for name in services]
    ours += [whole._replace(hosts=tuple(hosts), limit=MOST_OURS)] if hosts else []
    rollouts: dict[str, RolloutRecord] = {}
    reached = begin
    for wanted in ours or [whole._replace(limit=MOST_OURS)]:
        found = changelog.rollouts(wanted._replace(until=at + AFTER))
        rollouts |= {record.id: record for record in found}
        if len(found) == wanted.limit:
            reached = max(reached, found[-1].at)
    beside = changelog.rollouts(whole._replace(limit=MOST_BESIDE))
    rollouts |= {record.id: record for record in beside if record.id not in rollouts}
    own = (Filter(since=begin, limit=MOST_BESIDE, action=THAW),)
    return Found(
        _newest(rollouts.values()),
        changelog.runs(whole._replace(until=at + AFTER, owes=True, limit=MOST_BESIDE)),
        changelog.notes(whole._replace(limit=MOST_BESIDE)),
        tuple(
            each
            for wanted in own
            for each in changelog.entries(wanted)
            if isinstance(each, OtherEntry) and each.event.header.environment in ("", environment)
        ),
        since=reached,
        missing=_cut(begin, reached),
    )


def _newest(records: Iterable[RolloutRecord]) -> tuple[RolloutRecord, ...]:
    return tuple(sorted(records, key=lambda record: record.at, reverse=True))


def _cut(wanted: datetime, reached: datetime) -> tuple[str, ...]:
    if reached <= wanted:
        return ()
    days = (reached - wanted).total_seconds() / 86400
    return (
        f"there is so much in the changelog that {days:.1f} of the days before the trouble were not looked at; --since looks further back",
    )
