"""Something done once on each of some hosts, all at the same time: a Fabric task, or a command."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from opskit.changelog import new_rollout_id
from opskit.changelog.records import BY_SUDO
from opskit.errors import CommandFailedError
from opskit.fleet.command import Command
from opskit.rollout.commands import shown
from opskit.rollout.plan import Plan, Target
from opskit.rollout.report import HostResult, word_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opskit.errors import OpskitError
    from opskit.fleet.command import Outcome, Result
    from opskit.fleet.remote import Remote
    from opskit.rollout.context import Run
    from opskit.rollout.report import Report
    from opskit.rollout.roll import Roll


@dataclass(frozen=True, slots=True)
class OncePlan:
    """A plan, and what is done: a task of tasks.py with its arguments, or a command with its time limit, by `sudo` as a user."""

    plan: Plan
    arguments: Mapping[str, object]
    timeout: float | None = None
    sudo: str = ""


def plan_command(
    *,
    script: str,
    hosts: Sequence[str],
    environment: str,
    why: str,
    timeout: float | None = None,
    sudo: str = "",
    rollout: str = "",
) -> OncePlan:
    """Say what running `script` on `hosts` means, by `sudo` as that user unless it is ""; asks no host."""
    plan = _plan(
        "exec",
        hosts,
        environment,
        why,
        commands=(("run", shown(Command(script, sudo=sudo))),),
        script=script,
        rollout=rollout,
    )
    return OncePlan(replace(plan, notes=_by_sudo(sudo)), {}, timeout, sudo)


def _by_sudo(user: str) -> tuple[str, ...]:
    return (f"{BY_SUDO}{user}",) if user else ()


def plan_task(
    *,
    task: str,
    arguments: Mapping[str, object],
    hosts: Sequence[str],
    environment: str,
    why: str,
    sudo: str = "",
    rollout: str = "",
) -> OncePlan:
    """Say what running a task on `hosts` means, by `sudo` where it asks for that; asks no host."""
    said = " ".join([task, *(f"{name}={value!r}" for name, value in arguments.items())])
    plan = _plan(
        "task",
        hosts,
        environment,
        why,
        commands=(("run", f"task {said}"),),
        task=task,
        rollout=rollout,
    )
    return OncePlan(replace(plan, notes=_by_sudo(sudo)), arguments)


def once(
    made: OncePlan, run: Run, *, watch: Callable[[str, str, bytes], None] | None = None
) -> Report:
    """Do what the plan says; the report holds what every host said.

    `watch` gets (host, "stdout" or "stderr", bytes) as they come. Raises ChangelogError with nothing touched.
    """
    outputs: dict[str, Result] = {}

    def body(roll: Roll) -> None:
        with run.stop.during(run.fleet.cancel):
            for outcome in run.fleet.each(_work(made, run, watch), roll.left()):
                if outcome.value:
                    outputs[outcome.host] = outcome.value
                roll.end(_end(outcome))
        run.fleet.resume()
        roll.gate()

    report = run.record(made.plan, body)
    return replace(report, outputs=tuple(outputs[h] for h in made.plan.hosts if h in outputs))


def _plan(
    action: str,
    hosts: Sequence[str],
    environment: str,
    why: str,
    *,
    commands: tuple[tuple[str, str], ...],
    task: str = "",
    script: str = "",
    rollout: str,
) -> Plan:
    return Plan(
        rollout=rollout or new_rollout_id(),
        action=action,
        environment=environment,
        targets=tuple(Target(host) for host in hosts),
        batches=(tuple(hosts),),
        why=why,
        commands=commands,
        task=task,
        script=script,
    )


def _work(
    made: OncePlan, run: Run, watch: Callable[[str, str, bytes], None] | None
) -> Callable[[Remote], Result]:
    def work(remote: Remote) -> Result:
        def seen(stream: str, data: bytes) -> None:
            if watch:
                watch(remote.name, stream, data)

        if made.plan.task:
            task, given = made.plan.task, made.arguments
            return remote.run_task(run.tasks, task, given, env=run.secrets, watch=seen)
        script = Command(made.plan.script, env=run.secrets, timeout=made.timeout, sudo=made.sudo)
        return remote.execute(script, watch=seen)

    return work


def _end(outcome: Outcome[Result]) -> HostResult:
    error: OpskitError | None = outcome.error
    result = outcome.value
    if result is not None and not result.ok:
        said = result.tail()
        error = CommandFailedError(outcome.host, f"ended with status {result.exit}", output=said)
    return HostResult(
        host=outcome.host,
        outcome=word_for(error) if error else "done",
        ms=round(outcome.seconds * 1000),
        at=int(time.time() * 1000),
        error=error.what if error else "",
        hint=error.hint if error else "",
        output=error.output if error else "",
    )
