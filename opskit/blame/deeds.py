"""Deploys and rollbacks as facts: when each came to which hosts, what it brought there, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from opskit.blame.flips import changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from opskit.changelog import HostRecord, RolloutRecord

DEPLOY, ROLLBACK = "deploy", "rollback"
KINDS = (DEPLOY, ROLLBACK)
BAD = ("failed", "partial", "refused", "reverted")
"""How a deploy comes out that went wrong; if it had come to a host by then, it is a failed change."""
GOOD = "done"


@dataclass(frozen=True, slots=True)
class Deed:
    """A deploy or a rollback. `came` are the hosts that ran what it brought, since when; `back` those that went back in it, and when.

    `bad` are hosts that it left in a bad state. `brought` and `took` are, by host, the releases that came and that ran there before.
    """

    id: str
    kind: str
    at: datetime
    ended: datetime
    service: str
    environment: str
    outcome: str
    came: Mapping[str, datetime]
    back: Mapping[str, datetime]
    bad: frozenset[str]
    brought: Mapping[str, str]
    took: Mapping[str, str]
    commits: tuple[str, ...]

    @property
    def is_live(self) -> bool:
        """Whether it came to any host."""
        return bool(self.came)

    @property
    def stays(self) -> frozenset[str]:
        """The hosts on which it left what it brought."""
        return frozenset(self.came) - frozenset(self.back)


def deed(record: RolloutRecord) -> Deed:
    """Give what a deploy or a rollback did."""
    found = changes(record)
    known = [*found.flips.values(), *found.retreats.values()]
    ended = record.ended or record.at + timedelta(milliseconds=record.ms or 0)
    hosts = [host for host in record.hosts if host.name in found.flips]
    return Deed(
        id=record.id,
        kind=record.action,
        at=record.at,
        ended=max([ended, *known] if record.ms is None else [ended]),
        service=record.service,
        environment=record.environment,
        outcome=record.outcome,
        came=found.flips,
        back=found.retreats,
        bad=frozenset(host.name for host in hosts if host.outcome in ("failed", "unknown")),
        brought={host.name: name for host in hosts if (name := _new(record, host))},
        took={host.name: host.before.release for host in hosts if host.before},
        commits=tuple(commit.sha for commit in record.commits),
    )


def _new(record: RolloutRecord, host: HostRecord) -> str:
    goal = host.goal or record.to
    return host.to or (goal.release if goal else "")


def rolled_back(deeds: Sequence[Deed]) -> Mapping[str, str]:
    """Give, by the ids of deploys, the first rollback that took a host from what the deploy brought there; `deeds` are the oldest first."""
    runs: dict[tuple[str, str, str], tuple[str, str]] = {}
    found: dict[str, str] = {}
    for each in deeds:
        for host in each.came:
            place = (each.service, each.environment, host)
            release, brought_by = runs.get(place, ("", ""))
            is_left = release and each.took.get(host, release) == release != each.brought.get(host)
            if each.kind == ROLLBACK and is_left:
                found.setdefault(brought_by, each.id)
            if host not in each.back:
                runs[place] = (each.brought.get(host, ""), each.id)
    deploys = {each.id for each in deeds if each.kind == DEPLOY}
    return {name: by for name, by in found.items() if name in deploys}


def cleared_at(hosts: Iterable[str], broken: Deed, later: Iterable[Deed]) -> datetime | None:
    """Give when `later` deploys and rollbacks (the oldest first) had brought something else to all `hosts`; None if they have not yet."""
    left = set(hosts)
    for each in later:
        gone = {
            host
            for host in left & each.stays
            if each.brought.get(host) != broken.brought.get(host, "")
        }
        left -= gone
        if gone and not left:
            return each.ended
    return None
