"""What rollouts came to over some time, by service and by team: DORA's four figures, from facts of the changelog.

`DEFINITIONS` says what each figure means; each comes with how many it was made of, and is None where there was nothing to make it of.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opskit.blame.deeds import BAD, DEPLOY, GOOD, cleared_at, rolled_back
from opskit.blame.grade import Rate
from opskit.changelog.ruling import GUILTY, INNOCENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    from opskit.blame.deeds import Deed
    from opskit.changelog import VerdictEntry

Place = tuple[str, str]
"""A service and an environment."""
WEEK = 7 * 86400.0
DEFINITIONS: Mapping[str, str] = {
    "deployment": "a deploy that came to at least one host; one that failed before that is none, nor is what a bisection only tries",
    "deployment frequency": "deployments a week, over the time that the changelog knows of; nothing for less than a week",
    "failed change": "a deployment that came out failed, partial, refused or reverted, that a rollback took off a host later, or that a verdict says is guilty; a verdict innocent clears what was only rolled back",
    "change failure rate": "failed changes of all deployments, with the 95 % interval (Wilson's)",
    "time to restore": "from when a failed change came to its first host, or from the onset that its verdict says, until its bad hosts were back, or ran what a later deployment or rollback brought that is not failed itself; the median",
    "rollback rate": "deployments that a rollback took off a host later, or that took themselves back, of all deployments",
    "lead time": "from a commit to the end of the first deployment that brought it and stayed, for commits that are in a repository on this machine; the median",
}


@dataclass(frozen=True, slots=True)
class Median:
    """The middle of `n` lengths of time in seconds, None for none."""

    n: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What rollouts of a service, a team or all came to.

    `rollouts` are of all kinds, `never_live` deploys that came to no host. `open` are failed changes that nothing has restored yet, `unknown` commits of which no
    repository here knows when they were made.
    """

    name: str
    team: str
    environment: str
    rollouts: int
    deployments: int
    never_live: int
    per_week: float | None
    failed: Rate
    rolled_back: Rate
    restore: Median
    open: int
    lead: Median
    unknown: int
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed change: why it is one, from when to when it lasted (None: nothing has restored it yet)."""

    id: str
    service: str
    environment: str
    because: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Report:
    """Figures of all, by service (and environment), and by team, between two times."""

    since: datetime
    until: datetime
    all: Figures
    services: tuple[Figures, ...]
    teams: tuple[Figures, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What figures are made of: deploys and rollbacks, the oldest first, and how many rollouts of all kinds there were, by service and environment.

    `rulings` are the verdicts that hold, by rollout. `owners` are teams by service and environment, `made` times of commits by SHA.
    """

    deeds: Sequence[Deed]
    counts: Mapping[tuple[str, str], int]
    rulings: Mapping[str, VerdictEntry]
    owners: Mapping[tuple[str, str], str]
    made: Mapping[str, datetime] = field(default_factory=dict)


def report(facts: Facts, since: datetime, until: datetime) -> Report:
    """Give what rollouts came to between two times."""
    made = _Made(facts, since, until)
    places = sorted({*facts.counts, *made.deploys})
    own = [place for place in places if place[0]]
    of_team: dict[str, list[Place]] = {}
    for place in own:
        of_team.setdefault(facts.owners.get(place, ""), []).append(place)
    return Report(
        since,
        until,
        made.figures("", "", "", places),
        tuple(made.figures(s, facts.owners.get((s, e), ""), e, [(s, e)]) for s, e in own),
        tuple(made.figures(team, team, "", theirs) for team, theirs in sorted(of_team.items())),
    )


class _Made:
    """What figures are made of, by place: deploys, failures, lead times in seconds."""

    def __init__(self, facts: Facts, since: datetime, until: datetime) -> None:
        self._counts = facts.counts
        self._span = until - since
        self.deploys: dict[Place, list[Deed]] = {}
        for each in facts.deeds:
            if each.kind == DEPLOY:
                self.deploys.setdefault((each.service, each.environment), []).append(each)
        self._back = rolled_back(facts.deeds)
        self._failures = {each.id: each for each in _failures(facts, self._back)}
        self._leads, self._unknown = _leads(facts)

    def figures(self, name: str, team: str, environment: str, places: Sequence[Place]) -> Figures:
        deploys = [each for place in places for each in self.deploys.get(place, ())]
        live = [each for each in deploys if each.is_live]
        failures = (self._failures[each.id] for each in live if each.id in self._failures)
        failed = tuple(sorted(failures, key=lambda each: each.since))
        back = [each for each in live if each.id in self._back or not each.stays]
        return Figures(
            name=name,
            team=team,
            environment=environment,
            rollouts=sum(self._counts.get(place, 0) for place in places),
            deployments=len(live),
            never_live=len(deploys) - len(live),
            per_week=_per_week(len(live), self._span),
            failed=Rate(len(failed), len(live)),
            rolled_back=Rate(len(back), len(live)),
            restore=_median([(f.until - f.since).total_seconds() for f in failed if f.until]),
            open=sum(each.until is None for each in failed),
            lead=_median([took for each in live for took in self._leads.get(each.id, ())]),
            unknown=sum(self._unknown.get(each.id, 0) for each in live),
            failures=failed,
        )


def _failures(facts: Facts, back: Mapping[str, str]) -> Iterable[Failure]:
    """Give the failed changes, the oldest first."""
    after = _After(facts, back)
    for each in facts.deeds:
        because = after.why_failed(each)
        if because:
            since = min(each.came.values())
            ruled = facts.rulings.get(each.id)
            if ruled and ruled.verdict == GUILTY and ruled.onset:
                since = max(since, ruled.onset)
            yield Failure(
                each.id,
                each.service,
                each.environment,
                because,
                since,
                after.restored(each, since),
            )


class _After:
    """What came after a deployment: whether that makes it a failed change, and when its hosts were well again."""

    def __init__(self, facts: Facts, back: Mapping[str, str]) -> None:
        self._rulings = facts.rulings
        self._back = back
        self._of: dict[Place, list[Deed]] = {}
        for each in facts.deeds:
            self._of.setdefault((each.service, each.environment), []).append(each)
        self._place = {each.id: n for theirs in self._of.values() for n, each in enumerate(theirs)}

    def why_failed(self, one: Deed) -> str:
        """Give why a deed is a failed change, "" if it is none."""
        if one.kind != DEPLOY or not one.is_live:
            return ""
        ruled = self._rulings.get(one.id)
        if ruled and ruled.verdict == GUILTY:
            return f"verdict {ruled.id}"
        if one.outcome in BAD:
            return one.outcome
        if one.id in self._back and not (ruled and ruled.verdict == INNOCENT):
            return f"rolled back by {self._back[one.id]}"
        return ""

    def restored(self, one: Deed, since: datetime) -> datetime | None:
        """Give when what was bad of a failed change was gone, None if nothing says that it is."""
        ill = (
            one.bad if one.outcome in BAD and not self._is_bad_whole(one) else one.stays | one.bad
        )
        left = {host for host in ill if one.back.get(host) is None}
        if not left:
            return max((*one.back.values(), since))
        later = self._of[one.service, one.environment][self._place[one.id] + 1 :]
        fine = (each for each in later if each.outcome == GOOD and not self.why_failed(each))
        found = cleared_at(left, one, fine)
        return max(found, since) if found else None

    def _is_bad_whole(self, one: Deed) -> bool:
        """Tell whether all hosts of a deployment are bad, not only those on which it failed."""
        ruled = self._rulings.get(one.id)
        return one.id in self._back or bool(ruled and ruled.verdict == GUILTY)


def _leads(facts: Facts) -> tuple[Mapping[str, Sequence[float]], Mapping[str, int]]:
    """Give, by deployment, how long the commits took that it was the first to bring, in seconds, and how many are unknown."""
    seen: set[tuple[Place, str]] = set()
    leads: dict[str, list[float]] = {}
    unknown: dict[str, int] = {}
    for each in facts.deeds:
        for sha in each.commits if each.kind == DEPLOY and each.stays else ():
            if (key := ((each.service, each.environment), sha)) in seen:
                continue
            seen.add(key)
            if made := facts.made.get(sha):
                took = (each.ended - made).total_seconds()
                leads.setdefault(each.id, []).append(max(took, 0.0))
            else:
                unknown[each.id] = unknown.get(each.id, 0) + 1
    return leads, unknown


def _median(lengths: Sequence[float]) -> Median:
    return Median(len(lengths), statistics.median(lengths) if lengths else None)


def _per_week(count: int, span: timedelta) -> float | None:
    seconds = span.total_seconds()
    return count / seconds * WEEK if count and seconds >= WEEK else None
