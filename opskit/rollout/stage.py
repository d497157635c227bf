"""Stage: the package on every host, its bytes checked, nothing live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.errors import HostUnfitError
from opskit.rollout import layout
from opskit.rollout.facts import Doing
from opskit.rollout.probe import MARGIN_KIB, unfit
from opskit.rollout.steps import OnHost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opskit.fleet.remote import Remote
    from opskit.rollout.context import Run
    from opskit.rollout.pack import Package
    from opskit.rollout.plan import Plan
    from opskit.rollout.probe import HostState
    from opskit.rollout.roll import Roll
    from opskit.rollout.steps import Work

TIMEOUT = 1800.0


def stage(
    plan: Plan,
    package: Package,
    *,
    states: Mapping[str, HostState],
    work: Work,
    run: Run,
    roll: Roll,
) -> None:
    """Bring `package` to every host that is left; a host that cannot take it is out of the rollout.

    Nothing is live yet, so the first wish to stop breaks it off.
    """
    if not roll.gate():
        return
    run.tell(Doing(f"sends {package.file.stat().st_size:,} bytes packed, files: {package.files}"))
    with run.breakable():
        for outcome in run.fleet.each(_staging(plan, package, states, work), roll.left()):
            if outcome.error:
                roll.note_error(outcome.host, outcome.error)


def _staging(
    plan: Plan, package: Package, states: Mapping[str, HostState], work: Work
) -> Callable[[Remote], None]:
    service = work.service
    needed = package.size // 1024 + MARGIN_KIB
    script = layout.stage(
        work.guard,
        release=plan.after.id if plan.after else "",
        folders=service.shared_folders,
        files=service.shared_files,
    )

    def stage_one(remote: Remote) -> None:
        if problem := unfit(states[remote.name], needed_kib=needed):
            hint = "make room, or lower the service's `keep`"
            raise HostUnfitError(remote.name, problem, hint=hint)
        on = OnHost(work, remote, plan.targets_by_host[remote.name])
        with on.step("stage"):
            on.change(script, "staging", timeout=TIMEOUT, data=package.chunks)

    return stage_one
