"""The service runs what is live on a host: restarted, healthy, back behind load balancers, its release marked good.

A host is asked as seldom as may be: the receipt and the mark, which are a line each, go along with the service's own
commands where it has any. What could not be written in that way is written by itself, and what stands in its way said.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.config.service import CommandCheck, CommandStep, TaskStep
from opskit.errors import HostError, LockLostError, UnhealthyError
from opskit.rollout import layout
from opskit.rollout.facts import Warned
from opskit.rollout.guarded import and_then
from opskit.rollout.health import in_current, wait_healthy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from opskit.rollout.probe import Release
    from opskit.rollout.steps import OnHost


def serve(on: OnHost, release: Release | None, *, receipt: str = "", must: bool = True) -> None:
    """Leave the receipt, if there is one; restart, check, restore, mark the release good. Raises OpskitError.

    On the way back (not `must`) what cannot be written down on the host stops nothing.
    """
    live = release.id if release else ""
    good = _good(on, live) if must else ""
    if receipt and not isinstance(on.work.service.restart, CommandStep):
        on.leave_receipt(receipt)
        receipt = ""
    is_marked = restart(on, release, receipt=receipt, then="" if on.work.service.health else good)
    is_marked = check(on, release, then=good) or is_marked
    restore(on)
    if not is_marked:
        on.mark("good", live, must=must)


def restart(on: OnHost, release: Release | None, *, receipt: str = "", then: str = "") -> bool:
    """Restart the service by its command or task, if it has one; tells whether a command did `then` afterwards."""
    match on.work.service.restart:
        case CommandStep() as step:
            with on.step("restart"):
                return _restart_by(on, step, release, receipt=receipt, then=then)
        case TaskStep(task=task):
            with on.step("restart"):
                _restart_by_task(on, task, release)
        case None:
            pass
    return False


def check(on: OnHost, release: Release | None, *, then: str = "") -> bool:
    """Wait until the service is healthy, if it has a check; tells whether one that is a command did `then` afterwards."""
    service = on.work.service
    health = service.health
    if health is None:
        return False
    asked = health.check
    alone = isinstance(asked, CommandCheck) and not asked.sudo and not health.settle
    with on.step("check"):
        return wait_healthy(
            on.remote,
            health,
            path=service.path,
            env=on.environment(release),
            stop=on.work.stop,
            then=then if alone else "",
        )


def restore(on: OnHost) -> None:
    """Let load balancers send work again; raises UnhealthyError if one does not find the host up, LockLostError if it is not ours any more.

    One that cannot be asked now says nothing against the host: it is asked again when the work is done.
    """
    traffic = on.work.traffic
    if traffic and traffic.is_out(on.remote.name):
        with on.step("restore"):
            try:
                traffic.restore(on.remote.name)
            except (UnhealthyError, LockLostError):
                raise
            except HostError as error:
                on.work.tell(Warned(f"{on.remote.name} is not put back yet: {error}"))


def accepted(tasks: Path, task: str, values: Mapping[str, object]) -> dict[str, object]:
    """Give those of `values` that the task has a parameter for; raises UnknownNameError, ConfigError."""
    from opskit.config.lookup import named
    from opskit.fleet.tasks import list_tasks

    known = {info.name: info for info in list_tasks(tasks)}
    wanted = {parameter.name for parameter in named("task", task, known).parameters}
    return {name: value for name, value in values.items() if name in wanted}


def _good(on: OnHost, live: str) -> str:
    """Give what marks the release good on the host; nothing where load balancers have the last word."""
    if on.work.traffic:
        return ""
    line = layout.mark("good", release=live, rollout=on.work.rollout)
    return f"{on.work.guard}\n{line}"


def _restart_by(
    on: OnHost, step: CommandStep, release: Release | None, *, receipt: str, then: str
) -> bool:
    service, guarded = on.work.service, on.work.guard
    if receipt:
        guarded = layout.leave_receipt(guarded, receipt=receipt)
    then = "" if step.sudo else then
    command = in_current(service.path, step, guarded=guarded, then=then)
    limit, env = service.restart_timeout, on.environment(release)
    result = on.remote.execute(replace(command, env=env, timeout=limit))
    return and_then(result, "the restart", lines=40 if step.unit else 10) and bool(then)


def _restart_by_task(on: OnHost, task: str, release: Release | None) -> None:
    work = on.work
    known = {
        "service": work.service.name,
        "release": release.id if release else "",
        "path": work.service.path,
    }
    arguments = accepted(work.tasks, task, known)
    on.remote.run_task(work.tasks, task, arguments, env=on.environment(release))
