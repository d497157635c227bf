"""Releases that cannot simply be taken back, since they change what no rollback brings back, such as a database's tables.

Whoever writes such a change says so in the commit, as a trailer of its message: `Irreversible: drops orders.note`. Or whoever
deploys it says so: `--irreversible REASON`. It then stands with the release on its hosts, as `irreversible` of `info` and
of `to` in the changelog. Both are asked before a rollback, for a host may have missed the release in question.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.changelog import Filter
from opskit.errors import ChangelogError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opskit.changelog import Changelog, HostRecord
    from opskit.config.service import Service
    from opskit.rollout.plan import Target
    from opskit.rollout.probe import HostState, Release

RULE = "irreversible"
MOST_DEPLOYS = 200
LONGEST = 200  # characters of a reason
WENT_THERE = ("done", "reverted", "unknown")


@dataclass(frozen=True, slots=True)
class Jump:
    """A rollback of `hosts` over `release`: what is in place since does not fit to what they go back to."""

    release: str
    reason: str
    hosts: tuple[str, ...]

    @property
    def line(self) -> str:
        """What is to be said of it, in one line."""
        more = f" and {len(self.hosts) - 1} more" if len(self.hosts) > 1 else ""
        return f"{self.hosts[0]}{more} would go back over {self.release}, which cannot be taken back: {self.reason}"


def cleaned(reason: str) -> str:
    """Give a reason on one line, not too long, without what a terminal would obey."""
    words = " ".join(reason.split())
    return "".join(c for c in words if c.isprintable())[:LONGEST]


def recorded(changelog: Changelog, service: Service) -> Mapping[str, str]:
    """Give, by release, why deploys of a service could not be taken back; nothing if the changelog cannot be read."""
    wanted = Filter(
        service=service.name, environment=service.environment, action="deploy", limit=MOST_DEPLOYS
    )
    try:
        found = changelog.rollouts(wanted)
    except ChangelogError:
        return {}
    return {
        record.to.release: cleaned(record.to.irreversible)
        for record in found
        if record.to and record.to.irreversible
        if any(_went(host, record.to.release) for host in record.hosts)
    }


def jumps(
    targets: Iterable[Target], states: Mapping[str, HostState], known: Mapping[str, str]
) -> tuple[Jump, ...]:
    """Give what hosts would go back over; `known` is what the changelog says, see `recorded`.

    Names of releases sort as they were made. A release that was found good on a host after it had such a one is no
    jump: it runs with what that has left.
    """
    marked = {r.id: r.irreversible for s in states.values() for r in s.releases if r.irreversible}
    titles = {r.id: r.title for s in states.values() for r in s.releases}
    marked = {**known, **marked}
    over: dict[str, list[str]] = {}
    for target in targets:
        if target.before and target.after and not target.problem:
            for name in marked:
                if target.after.id < name <= target.before.id and not _outlived(
                    states[target.host], name, target.after
                ):
                    over.setdefault(name, []).append(target.host)
    return tuple(
        Jump(titles.get(name, name), marked[name], tuple(hosts)) for name, hosts in over.items()
    )


def demand_none(found: Iterable[Jump], past: str) -> None:
    """Raise RefusedError if hosts would go back over something and nobody says why all the same."""
    lines = [jump.line for jump in found]
    if lines and not past:
        hint = "see how to undo it by hand, or deploy a version that fits; else add --past-irreversible REASON"
        raise RefusedError(lines[0], hint="\n".join([*lines[1:], hint]))


def _went(host: HostRecord, release: str) -> bool:
    return host.live == release or host.outcome in WENT_THERE


def _outlived(state: HostState, name: str, goal: Release) -> bool:
    """Tell whether the goal was last found good here after this release was here."""
    last = {(mark, release): n for n, (mark, release, _) in enumerate(state.marks)}
    there = max(last.get(("good", name), -1), last.get(("bad", name), -1))
    return -1 < there < last.get(("good", goal.id), -1)
