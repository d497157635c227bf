"""What must hold before the next batch, beyond the failure budget: enough healthy hosts, a pause, a check of one's own."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from opskit.config.service import CommandStep, TaskStep
from opskit.errors import ConfigError, OpskitError
from opskit.rollout.build import build
from opskit.rollout.environ import commands_environment
from opskit.rollout.facts import Doing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from opskit.config.service import Service, Step
    from opskit.fleet.remote import Remote
    from opskit.rollout.context import Run
    from opskit.rollout.plan import Plan

    Ask = Callable[[int, Sequence[str]], "Answer"]
    """Asked after batch `number` of these hosts whether the run may go on."""

STOP, ROLLBACK = "stop", "rollback"


class Answer(NamedTuple):
    """Why a run may not go on, "" if it may, and the last lines of what says so."""

    why: str = ""
    output: str = ""


AGREED = Answer()


@dataclass(frozen=True, slots=True)
class Floor:
    """What one of several services asks for: of its `hosts`, `least` stay healthy while others are changed."""

    service: str
    hosts: frozenset[str]
    least: int

    def room(self, down: Collection[str]) -> int:
        """Give how many more of its hosts may be changed while these are `down`."""
        return len(self.hosts) - self.least - len(self.hosts.intersection(down))


@dataclass(frozen=True, slots=True)
class Gates:
    """The gates of one run.

    Of the service's `hosts`, `floor` must stay healthy while others are changed, 0 if nobody asks for that. `pause` in seconds,
    `check` a step, `on_failure` "stop" or "rollback". `detect` are the seconds from a host's change until it is known at the latest that
    it is bad, 0 if nothing tells. `floors` are of a run that is about hosts with all that lives on them.
    """

    hosts: int = 0
    floor: int = 0
    pause: float = 0.0
    check: Step | None = None
    on_failure: str = STOP
    detect: float = 0.0
    floors: tuple[Floor, ...] = ()

    @property
    def room(self) -> int | None:
        """The most hosts that may be changed at the same time; None if there is no such limit."""
        return self.hosts - self.floor if self.floor else None


NO_GATES = Gates()


def fitting_in(gates: Gates, hosts: Sequence[str], down: Sequence[str]) -> list[str]:
    """Give so many of `hosts`, from the first on, as the floors of all services on them allow while others are `down`; one at least."""
    part: list[str] = []
    for host in hosts:
        floors = [floor for floor in gates.floors if host in floor.hosts]
        if part and any(floor.room([*down, *part]) < 1 for floor in floors):
            break
        part.append(host)
    return part


def parts_of(gates: Gates, batch: Sequence[str], down: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Give a batch in parts, each as large as the floors allow while others are `down`."""
    rest = list(batch)
    while rest:
        part = fitting_in(gates, rest, down)
        yield tuple(part)
        del rest[: len(part)]


def full_floor(gates: Gates, left: Sequence[str], down: Sequence[str]) -> Floor | None:
    """Give a floor that keeps hosts which are `left` from being changed, if there is one."""
    floors = (floor for floor in gates.floors if floor.hosts.intersection(left))
    return next((floor for floor in floors if floor.room(down) < 1), None)


def below(wants: Gates | Floor, down: Sequence[str]) -> str:
    """Say that too few hosts would be left healthy, since others are `down`."""
    if isinstance(wants, Gates):
        healthy, hosts, floor, whose = wants.hosts - len(down), wants.hosts, wants.floor, ""
    else:
        down = [host for host in down if host in wants.hosts]
        healthy, hosts, floor = len(wants.hosts) - len(down), len(wants.hosts), wants.least
        whose = f" of {wants.service}"
    return (
        f"{healthy} of {hosts} hosts{whose} are healthy, and min_healthy wants {floor} "
        f"beside the one that is changed; not healthy: {', '.join(down)}"
    )


def gates_of(service: Service, hosts: int, *, auto_rollback: bool | None = None) -> Gates:
    """Give the gates of a run on a service that lives on so many hosts; `auto_rollback` overrules its `on_failure`.

    Raises ConfigError if so many must stay healthy that none may be changed.
    """
    floor = floor_of(service, hosts)
    if floor and floor >= hosts:
        raise ConfigError(
            f"min_healthy of service {service.name} is {floor} of {hosts} hosts: none may ever be changed",
            hint=f"lower min_healthy in [services.{service.name}] of opskit.toml",
        )
    on_failure = service.on_failure
    if auto_rollback is not None:
        on_failure = ROLLBACK if auto_rollback else STOP
    return Gates(hosts, floor, service.pause, service.gate, on_failure, _detect(service))


def asking(plan: Plan, service: Service, run: Run) -> Ask:
    """Give what asks the pause and the service's own gate between two batches."""

    def ask(number: int, hosts: Sequence[str]) -> Answer:
        check = plan.gates.check
        pause(plan.gates, run, number)
        if check is None or run.stop.level:
            return AGREED
        try:
            _check(check, plan, service, run, hosts)
        except OpskitError as error:
            return Answer(f"the gate after batch {number}: {error.what}", error.output)
        return AGREED

    return ask


def pause(gates: Gates, run: Run, number: int) -> None:
    """Wait after batch `number` as long as the gates want it, but not longer than until the first wish to stop."""
    if gates.pause:
        run.tell(Doing(f"waits {gates.pause:g} s before batch {number + 1}"))
        run.stop.rest(gates.pause)


def _check(step: Step, plan: Plan, service: Service, run: Run, hosts: Sequence[str]) -> None:
    """Ask the service's own gate; raises OpskitError if it does not agree."""
    match step:
        case CommandStep(command=command):
            run.tell(Doing(f"asks the gate: {command}"))
            _check_here(command, plan, service, run, hosts)
        case TaskStep(task=task):
            run.tell(Doing(f"asks the gate: task {task}"))
            with run.breakable():  # what comes next on these hosts comes after the last of them
                outcomes = list(run.fleet.each(_task(task, plan, service, run), hosts))
            for outcome in outcomes:
                if outcome.error:
                    raise outcome.error


def _check_here(
    command: str, plan: Plan, service: Service, run: Run, hosts: Sequence[str]
) -> None:
    env = commands_environment(
        service,
        release=plan.after,
        rollout=plan.rollout,
        host="",
        variables={},
        secrets=run.secrets,
    )
    with tempfile.TemporaryDirectory(prefix="opskit-") as scratch:
        build(
            command,
            what="the gate",
            folder=run.tasks.parent,
            log=Path(scratch) / "log",
            env={**env, "OPSKIT_HOSTS": " ".join(hosts)},
            timeout=service.gate_timeout,
            redactor=run.redactor,
            stop=run.stop,
        )


def _task(task: str, plan: Plan, service: Service, run: Run) -> Callable[[Remote], None]:
    from opskit.rollout.serving import accepted

    known = {
        "service": service.name,
        "release": plan.after.id if plan.after else "",
        "path": service.path,
    }
    arguments = accepted(run.tasks, task, known)

    def check_one(remote: Remote) -> None:
        env = commands_environment(
            service,
            release=plan.after,
            rollout=plan.rollout,
            host=remote.name,
            variables=remote.host.vars,
            secrets=run.secrets,
        )
        remote.run_task(run.tasks, task, arguments, env=env)

    return check_one


def floor_of(service: Service, hosts: int) -> int:
    """Give how many of so many hosts of a service must stay healthy, 0 if nobody asks for that; a share is rounded up."""
    wanted = service.min_healthy
    if wanted is None:
        return 0
    if isinstance(wanted, str):
        return math.ceil(hosts * Fraction(wanted.removesuffix("%")) / 100)
    return wanted


def _detect(service: Service) -> float:
    """Give the longest that a host runs a bad release before that is known, as far as anything tells."""
    health = service.health
    restart = service.restart_timeout if service.restart else 0.0
    return restart + (health.within + health.settle + health.timeout if health else 0.0)
