"""Locks that are broken because somebody says that their owner is dead: recorded first, then taken away where they were seen.

The event is of kind `lock.broken`, of the service and environment that it is about; its body is

    {"why", "locks": [{"host", "rollout", "run", "actor", "action", "why", "since", "until", "now"}, ...]}

with times in seconds by the clock of that host: a lock was `now - since` old.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.errors import RefusedError, UsageError
from opskit.fleet.command import Command
from opskit.rollout import lockfile
from opskit.rollout.owners import is_alive, is_dead
from opskit.rollout.targets import survey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opskit.changelog import Changelog, Event
    from opskit.config.service import Service
    from opskit.errors import OpskitError
    from opskit.fleet.fanout import Fleet
    from opskit.fleet.remote import Remote
    from opskit.rollout.probe import HeldLock, HostState

BROKEN = "lock.broken"


@dataclass(frozen=True, slots=True)
class Held:
    """A lock as it was seen on a host, and the host's time then."""

    host: str
    lock: HeldLock
    now: int


def held_on(
    fleet: Fleet, hosts: Sequence[str], *, path: str
) -> tuple[tuple[Held, ...], Mapping[str, OpskitError]]:
    """Give the locks of a service on hosts, and the errors of hosts that did not answer."""
    found = survey(fleet, hosts, path=path)
    held = (
        Held(host, lock, found.states[host].now)
        for host in hosts
        if host in found.states
        for lock in found.states[host].locks
    )
    return tuple(held), found.errors


def demand_not_alive(changelog: Changelog, held: Iterable[Held]) -> None:
    """Raise RefusedError if the owner of a lock runs on this machine: that one is to be stopped, not robbed."""
    for each in held:
        if is_alive(changelog, each.lock):
            raise RefusedError(
                f"{each.host}: {each.lock.action} {each.lock.rollout} runs on this machine now",
                hint="stop it with Ctrl-C where it runs; it lets go of its hosts then",
            )


def of_rollout(
    changelog: Changelog, rollout: str, states: Mapping[str, HostState], *, why: str
) -> tuple[Held, ...]:
    """Give the locks of a rollout that stand in the way because nobody knows whether their owner lives.

    Raises UsageError without a reason, RefusedError if an owner is alive here.
    """
    if not why:
        raise UsageError("--take-over asks for a reason", hint="add -m/--why TEXT")
    held = [
        Held(host, lock, state.now)
        for host, state in states.items()
        for lock in state.locks
        if lock.rollout == rollout and not is_dead(changelog, lock)
    ]
    demand_not_alive(changelog, held)
    return tuple(held)


def record(changelog: Changelog, service: Service, held: Iterable[Held], *, why: str) -> Event:
    """Write down that these locks are broken; only then may they be. Raises ChangelogError."""
    locks = [
        {
            "host": each.host,
            "rollout": each.lock.rollout[:50],
            "run": each.lock.run[:50],
            "actor": each.lock.actor[:200],
            "action": each.lock.action[:50],
            "why": each.lock.why[:500],
            "since": each.lock.since,
            "until": each.lock.until,
            "now": each.now,
        }
        for each in held
    ]
    where = {"service": service.name, "environment": service.environment}
    return changelog.append(BROKEN, {"why": why, "locks": locks}, **where)


def remove(fleet: Fleet, held: Iterable[Held], *, path: str) -> Mapping[str, OpskitError]:
    """Take these locks away, and no other that came since; gives the errors of hosts where that failed."""
    owners: dict[str, list[str]] = {}
    for each in held:
        owners.setdefault(each.host, []).append(each.lock.owner)

    def work(remote: Remote) -> None:
        for owner in owners[remote.name]:
            done = remote.execute(
                Command(lockfile.break_open(path, rollout=owner), timeout=60, twice=True)
            )
            done.require("taking the lock away")

    return {outcome.host: outcome.error for outcome in fleet.each(work, owners) if outcome.error}
