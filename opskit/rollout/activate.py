"""Activate: a staged release live on one host and healthy, or the host put back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.errors import HostError, LockLostError, OpskitError
from opskit.rollout.steps import OnHost
from opskit.rollout.stop import STOP_NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from opskit.fleet.remote import Remote
    from opskit.rollout.plan import Plan
    from opskit.rollout.probe import Release
    from opskit.rollout.report import HostResult
    from opskit.rollout.roll import Roll
    from opskit.rollout.steps import Work


def activation(
    plan: Plan, release: Release, *, work: Work, roll: Roll
) -> Callable[[Remote], HostResult]:
    """Give the work that makes `release` live on one host and says what came of it."""

    def activate(remote: Remote) -> HostResult:
        on = OnHost(work, remote, plan.targets_by_host[remote.name])
        try:
            back = roll.receipt(remote.name, back=True)
            on.go_live(release, roll.receipt(remote.name), back=back)
        except OpskitError as error:
            if work.stop.level >= STOP_NOW or isinstance(error, LockLostError):
                return on.result("unknown", live="", error=error)
            return put_back(on, error, receipt=roll.receipt(remote.name, back=True))
        return on.result("done", live=release.id)

    return activate


def taking_back(plan: Plan, *, work: Work, roll: Roll) -> Callable[[Remote], HostResult]:
    """Give the work that puts a host back on which the release itself was well, because the run was stopped."""

    def take_back(remote: Remote) -> HostResult:
        on = OnHost(work, remote, plan.targets_by_host[remote.name])
        error = OpskitError(f"put back, because the run was stopped: {roll.reason}")
        return put_back(on, error, receipt=roll.receipt(remote.name, back=True))

    return take_back


def put_back(on: OnHost, error: OpskitError, *, receipt: str) -> HostResult:
    """Return a host on which a release failed to the one that it had, and see that this one is healthy.

    A host that had none keeps the failed one: there is nothing to go back to.
    """
    before, after = on.target.before, on.target.after
    try:
        if before is None:
            if after:
                on.mark("bad", after.id, must=False)
            return on.result("failed", live="", error=error)
        with on.step("put back"):
            if after:
                on.mark("bad", after.id, must=False)
            replace(on, steps=[]).go_live(before, receipt, must=False)
    except OpskitError as second:
        worse = HostError(
            on.remote.name, f"{error.what}; and putting it back failed: {second.what}",
            hint=second.hint, output=_output(second) or _output(error),
        )  # fmt: skip
        return on.result("failed", live="", error=worse)
    return on.result("reverted", live=before.id, error=error)


def _output(error: OpskitError) -> str:
    return error.output if isinstance(error, HostError) else ""
