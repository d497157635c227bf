"""Restart: a service restarted host after host in batches, each healthy before the next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from opskit.changelog import new_rollout_id
from opskit.errors import ConfigError, OpskitError
from opskit.rollout.batches import split
from opskit.rollout.commands import commands_of
from opskit.rollout.doors import drained
from opskit.rollout.gates import Gates, asking, gates_of
from opskit.rollout.plan import Plan, Target
from opskit.rollout.serving import serve
from opskit.rollout.steps import OnHost
from opskit.rollout.targets import held_notes, survey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opskit.config.service import Service
    from opskit.fleet.fanout import Fleet
    from opskit.fleet.remote import Remote
    from opskit.rollout.context import Run
    from opskit.rollout.report import HostResult, Report
    from opskit.rollout.roll import Roll
    from opskit.rollout.status import Judge
    from opskit.rollout.steps import Work


@dataclass(frozen=True, slots=True)
class RestartPlan:
    """A plan, and the service that is restarted."""

    plan: Plan
    service: Service


def plan_restart(
    *,
    service: Service,
    hosts: Sequence[str],
    fleet: Fleet,
    why: str,
    rollout: str = "",
    gates: Gates | None = None,
    judge: Judge | None = None,
    drain: bool = True,
) -> RestartPlan:
    """Ask every host what it runs, and say what a restart will do; changes nothing. Raises ConfigError.

    `gates` are those of all the service's hosts; without, they are of these hosts alone. `judge` tells what there is on
    hosts that the changelog does not know. Unless they are to `drain`, hosts stay behind their load balancer.
    """
    if service.restart is None:
        raise ConfigError(
            f"service {service.name} has no `restart`",
            hint=f"add restart = … to [services.{service.name}] in opskit.toml",
        )
    gates = gates or gates_of(service, len(hosts))
    found = survey(fleet, hosts, path=service.path)
    targets = tuple(_target(target) for target in found.targets)
    rollout = rollout or new_rollout_id()
    plan = Plan(
        rollout=rollout,
        action="restart",
        environment=service.environment,
        service=service.name,
        targets=targets,
        batches=split(
            [t.host for t in targets if not t.problem], service.batches, most=gates.room
        ),
        why=why,
        max_failures=service.max_failures,
        gates=gates,
        gated=True,
        notes=(
            *held_notes(found.states, judge.changelog if judge else None),
            *(judge.notes(service, found) if judge else ()),
        ),
        commands=commands_of(service, rollout=rollout),
    )
    return RestartPlan(drained(plan, service, fleet, judge, drain=drain), service)


def restart(made: RestartPlan, run: Run) -> Report:
    """Do what the plan says.

    Raises LockedError or ChangelogError with nothing changed; whatever comes of hosts is in the report.
    """
    path = made.service.path

    def body(roll: Roll) -> None:
        with run.locked(made.plan, roll, path=path) as locks:
            work = run.work(made.plan, made.service, locks.guard, roll)
            roll.run(restarting(made.plan, work, roll), ask=asking(made.plan, made.service, run))

    return run.record(made.plan, body, path=path)


def _target(target: Target) -> Target:
    if target.problem or target.before:
        return replace(target, after=target.before)
    return replace(
        target, problem="has no live release", hint="deploy first: opskit deploy", outcome="failed"
    )


def restarting(plan: Plan, work: Work, roll: Roll) -> Callable[[Remote], HostResult]:
    """Give the work that restarts the service on one host and says what came of it."""

    def restart_one(remote: Remote) -> HostResult:
        target = plan.targets_by_host[remote.name]
        on = OnHost(work, remote, target)
        live = target.before.id if target.before else ""
        try:
            serve(on, target.before, receipt=roll.receipt(remote.name))
        except OpskitError as error:
            return on.result("failed", live=live, error=error)
        return on.result("done", live=live)

    return restart_one
