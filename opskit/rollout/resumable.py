"""What can be resumed: rollouts that were left half-way, and over which nobody has gone since, as far as the changelog knows."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from opskit.changelog import Filter
from opskit.changelog.records import NOT_REACHED
from opskit.errors import RefusedError
from opskit.rollout.remembered import ACTIONS, UPKEEP, demand_open, remember

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from datetime import datetime

    from opskit.changelog import Changelog, HostRecord, RolloutRecord
    from opskit.config.model import Config

BROKEN_OFF = ("unfinished", "interrupted", "abandoned")
ENDED = ("failed", "partial", "unknown")
"""Outcomes of which something is left half-way only if a host was touched."""
UNTOUCHED = (NOT_REACHED, "skipped", "unreachable")
MOST = 200
"""Rollouts of each outcome, and of what came later, that are looked through."""


def resumable(
    changelog: Changelog, config: Config, hosts_in: Callable[[str], Collection[str]]
) -> tuple[RolloutRecord, ...]:
    """Give the rollouts of services and environments in opskit.toml that can be resumed, the newest first; raises ChangelogError.

    `hosts_in` gives the hosts of an environment: on one that is gone, nothing is left to do.
    """
    found = [
        record
        for outcome in (*BROKEN_OFF, *ENDED)
        for record in changelog.rollouts(Filter(outcome=outcome, limit=MOST))
        if _is_known(record, config) and _can_go_on(record)
    ]
    since = functools.cache(functools.partial(_newest, changelog))
    left = [
        record
        for record in found
        if _left(record, hosts_in(record.environment))
        - _come_to(since(record.service, record.environment), after=_last(record))
    ]
    return tuple(sorted(left, key=lambda record: record.at, reverse=True))


def command(record: RolloutRecord) -> str:
    """Give the command that goes on with it: one that is being taken back goes on so."""
    return f"opskit resume {record.id}{' --revert' if is_reverted(record) else ''}"


def is_reverted(record: RolloutRecord) -> bool:
    """Tell whether somebody has begun to take it back."""
    return any(each.revert for each in record.resumed)


def _is_known(record: RolloutRecord, config: Config) -> bool:
    places = config.services.get(record.service, {})
    return record.environment in (places if record.service else config.environments)


def _can_go_on(record: RolloutRecord) -> bool:
    """Tell whether `resume` would go on with it, if its hosts are as the changelog says."""
    try:
        demand_open(record)
        memory = remember(record)
    except RefusedError:
        return False
    if record.outcome in BROKEN_OFF:
        return True
    back = [host for host in record.hosts if host.outcome == "reverted"]
    touched = bool(record.resumed) or any(map(_is_touched, record.hosts))
    return touched and (len(back) <= memory.max_failures or is_reverted(record))


def _is_touched(host: HostRecord) -> bool:
    """Tell whether something was done to a host, or may have been when it went out of reach."""
    lost = host.outcome == "unreachable" and host.to and not host.live
    return bool(lost) or host.outcome not in UNTOUCHED


def _left(record: RolloutRecord, hosts: Collection[str]) -> set[str]:
    """Give the hosts on which something is left to do: all of them, if only its end is missing."""
    goal = "reverted" if is_reverted(record) else "done"
    every = {host.name for host in record.hosts}
    return ({host.name for host in record.hosts if host.outcome != goal} or every) & set(hosts)


def _newest(changelog: Changelog, service: str, environment: str) -> Sequence[RolloutRecord]:
    """Give what was done last to a service; without one, what was done last to whole hosts."""
    wanted = Filter(service=service, environment=environment, limit=MOST)
    if service:
        return changelog.rollouts(wanted)
    return [r for action in UPKEEP for r in changelog.rollouts(wanted._replace(action=action))]


def _come_to(later: Iterable[RolloutRecord], *, after: datetime) -> set[str]:
    """Give the hosts to which rollouts have come that began after a time."""
    began = (r for r in later if r.action in ACTIONS and r.at > after)
    return {host.name for r in began for host in r.hosts if host.outcome not in UNTOUCHED}


def _last(record: RolloutRecord) -> datetime:
    return record.resumed[-1].at if record.resumed else record.at
