"""What hosts could go back to, for somebody who chooses: how old, whose and why, good or bad, on how many hosts."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from opskit.changelog import Filter
from opskit.errors import ChangelogError
from opskit.rollout.irreversible import jumps, recorded
from opskit.rollout.plan import Target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opskit.changelog import Changelog, RolloutRecord
    from opskit.config.service import Service
    from opskit.rollout.probe import HostState, Release

MOST_DEPLOYS = 500
STAMP = re.compile(r"(\d{8}-\d{6})-")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version that hosts have and that was live on some of them.

    `name` is what `goals` looks for: its revision, else its release. `at`, `actor` and `why` are those of its newest deploy; the
    last two are "" if the changelog does not know of it, and `at` is then the time in the release's name, if it has one.
    """

    name: str
    title: str
    at: datetime | None
    actor: str
    why: str
    there: int
    live: int
    good: int
    bad: int
    irreversible: str = ""
    over: str = ""
    """What a rollback to it would go over though that cannot be taken back, "" for nothing."""


def candidates(
    states: Mapping[str, HostState], changelog: Changelog, service: Service
) -> tuple[Candidate, ...]:
    """Give all versions to go back to, the newest first; those that every host runs are none."""
    deploys = _deploys(changelog, service)
    versions: dict[str, list[Release]] = {}
    for state in states.values():
        for release in state.releases:
            if release.id in state.good or release.id in state.bad:
                versions.setdefault(release.revision or release.id, []).append(release)
    known = recorded(changelog, service)
    found = [
        replace(_candidate(name, of, states, deploys), over=_over(of, states, known))
        for name, of in versions.items()
    ]
    wanted = [one for one in found if one.live < len(states)]
    oldest = datetime.min.replace(tzinfo=UTC)
    return tuple(sorted(wanted, key=lambda one: (one.at or oldest, one.name), reverse=True))


def _candidate(
    name: str,
    releases: Sequence[Release],
    states: Mapping[str, HostState],
    deploys: Mapping[str, RolloutRecord],
) -> Candidate:
    ids = {release.id for release in releases}
    newest = max(releases, key=lambda release: release.id)
    records = [deploys[each] for each in sorted(ids) if each in deploys]
    record = records[-1] if records else None
    having = [s for s in states.values() if any(release.id in ids for release in s.releases)]
    good = [s for s in having if ids & set(s.good) - s.bad]
    return Candidate(
        name=name,
        title=newest.title,
        at=record.at if record else _stamped(newest.id),
        actor=record.actor if record else "",
        why=record.why if record else "",
        there=len(having),
        live=sum(state.live in ids for state in states.values()),
        good=len(good),
        bad=sum(bool(ids & s.bad) for s in having if s not in good),
        irreversible=next((r.irreversible for r in releases if r.irreversible), ""),
    )


def _over(
    releases: Sequence[Release], states: Mapping[str, HostState], known: Mapping[str, str]
) -> str:
    """Say what hosts that have one of these releases would go back over though that cannot be taken back."""
    goals = {
        host: max((r for r in releases if r in s.releases), key=lambda r: r.id, default=None)
        for host, s in states.items()
    }
    targets = (
        Target(host, before=states[host].current, after=goal) for host, goal in goals.items()
    )
    return "; ".join(jump.line for jump in jumps(targets, states, known))


def _deploys(changelog: Changelog, service: Service) -> Mapping[str, RolloutRecord]:
    wanted = Filter(
        service=service.name, environment=service.environment, action="deploy", limit=MOST_DEPLOYS
    )
    try:
        found = changelog.rollouts(wanted)
    except ChangelogError:
        return {}
    return {record.to.release: record for record in found if record.to}


def _stamped(release: str) -> datetime | None:
    found = STAMP.match(release)
    try:
        return datetime.strptime(found[1], "%Y%m%d-%H%M%S").replace(tzinfo=UTC) if found else None
    except ValueError:
        return None
