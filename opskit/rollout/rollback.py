"""Rollback: every host back to the release that was last good on it, batch by batch behind the gate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from opskit.changelog import new_rollout_id
from opskit.errors import OpskitError
from opskit.rollout.batches import split
from opskit.rollout.commands import commands_of
from opskit.rollout.gates import Gates, gates_of
from opskit.rollout.plan import Plan, Target
from opskit.rollout.steps import OnHost
from opskit.rollout.targets import held_notes, survey

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from opskit.config.service import Service
    from opskit.fleet.fanout import Fleet
    from opskit.fleet.remote import Remote
    from opskit.rollout.context import Run
    from opskit.rollout.probe import HostState, Release
    from opskit.rollout.report import HostResult, Report
    from opskit.rollout.roll import Roll
    from opskit.rollout.steps import Work


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """A plan, and the service that goes back."""

    plan: Plan
    service: Service


def plan_rollback(
    *,
    service: Service,
    hosts: Sequence[str],
    fleet: Fleet,
    why: str,
    each: bool = False,
    rollout: str = "",
    gates: Gates | None = None,
) -> RollbackPlan:
    """Ask every host for its last good release, and say what a rollback will do; changes nothing.

    A rollback takes back one revision, the newest that is live on any host: a host that does not run it
    stays as it is. With `each`, all of `hosts` go back, whatever they run. `gates` are those of all the service's hosts, without, of
    these alone; too few healthy hosts make a rollback slower, they do not stop it.
    """
    gates = gates or gates_of(service, len(hosts))
    found = survey(fleet, hosts, path=service.path)
    stay = frozenset() if each else _not_on_newest(found.states)
    targets = tuple(
        _target(target, found.states.get(target.host))
        for target in found.targets
        if target.host not in stay
    )
    goals = tuple(dict.fromkeys(t.after for t in targets if t.after))
    rollout = rollout or new_rollout_id()
    plan = Plan(
        rollout=rollout,
        action="rollback",
        environment=service.environment,
        service=service.name,
        targets=targets,
        batches=split(
            [t.host for t in targets if not t.problem], service.batches, most=gates.room
        ),
        why=why,
        after=goals[0] if len(goals) == 1 else None,
        max_failures=service.max_failures,
        gates=gates,
        gated=bool(service.health or service.restart),
        problems_count=False,
        commands=commands_of(service, rollout=rollout, release=goals[0].id) if goals else (),
        notes=(*_apart(goals), *_staying(found.states, stay), *held_notes(found.states)),
    )
    return RollbackPlan(plan, service)


def rollback(made: RollbackPlan, run: Run) -> Report:
    """Do what the plan says; goes on even if the changelog cannot be written.

    Raises LockedError with nothing changed; whatever comes of hosts is in the report.
    """
    path = made.service.path

    def body(roll: Roll) -> None:
        with run.locked(made.plan, roll, path=path) as locks:
            work = run.work(made.plan, made.service, locks.guard)
            roll.run(_return(made.plan, work, roll))

    return run.record(made.plan, body, path=path, must=False)


def _not_on_newest(states: Mapping[str, HostState]) -> frozenset[str]:
    """Give the hosts that do not run what is newest; names of releases begin with their time."""
    newest = max((state.live for state in states.values()), default="")
    taken_back = {
        state.find(newest).revision or newest for state in states.values() if state.live == newest
    }
    return frozenset(
        host
        for host, state in states.items()
        if newest and (state.find(state.live).revision or state.live) not in taken_back
    )


def _apart(goals: Sequence[Release]) -> tuple[str, ...]:
    return ("hosts go back to different releases, each to its own",) if len(goals) > 1 else ()


def _staying(states: Mapping[str, HostState], stay: Collection[str]) -> tuple[str, ...]:
    return tuple(
        f"{host} does not run what is taken back and stays on {current.title}"
        if (current := states[host].current)
        else f"{host} runs nothing and is left alone"
        for host in states
        if host in stay
    )


def _target(target: Target, state: HostState | None) -> Target:
    if state is None:
        return target
    goal = state.last_good()
    if goal is None:
        return replace(
            target,
            problem="has no earlier release that was good here",
            hint="deploy a version that works",
            outcome="failed",
        )
    return replace(target, after=goal)


def _return(plan: Plan, work: Work, roll: Roll) -> Callable[[Remote], HostResult]:
    """A host that fails stays where it was sent: it was sent away from something worse."""

    def go_back(remote: Remote) -> HostResult:
        target = plan.targets_by_host[remote.name]
        on = OnHost(work, remote, target)
        if target.after is None:
            return on.result("failed", live="", error=OpskitError("nowhere to go back to"))
        try:
            if target.before:
                on.mark("bad", target.before.id, must=False)
            on.go_live(target.after, roll.receipt(remote.name), must=False)
        except OpskitError as error:
            return on.result("unknown", live="", error=error)
        return on.result("done", live=target.after.id)

    return go_back
