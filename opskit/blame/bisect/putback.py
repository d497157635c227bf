"""The host of a bisection as it was: back on the release that it had, and without those that were only tried there.

A release that was tried must not stay: a later rollback would take it for one that was good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.errors import ChangelogError, OpskitError, SourceError, UnknownNameError
from opskit.fleet.command import Command
from opskit.rollout import layout
from opskit.rollout.deploy import plan_deploy
from opskit.rollout.facts import Warned
from opskit.rollout.goals import NEVER_LIVE
from opskit.rollout.report import Report
from opskit.rollout.rollback import plan_rollback, returning
from opskit.rollout.source import find_same

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from opskit.changelog import Changelog, Release
    from opskit.config.service import Service
    from opskit.fleet.fanout import Fleet
    from opskit.fleet.remote import Remote
    from opskit.rollout import probe
    from opskit.rollout.context import Run
    from opskit.rollout.deploy import DeployPlan
    from opskit.rollout.facts import Teller
    from opskit.rollout.probe import HostState
    from opskit.rollout.roll import Roll
    from opskit.rollout.rollback import RollbackPlan


def plan_return(
    service: Service, host: str, was: Release, *, fleet: Fleet, rollout: str, why: str, drain: bool
) -> RollbackPlan:
    """Say how a host goes back to the release that it had, or, if that is gone, to another one of the same revision; changes nothing.

    Raises UnknownNameError if it has neither.
    """

    def back(to: str) -> RollbackPlan:
        return plan_rollback(
            service=service,
            hosts=(host,),
            fleet=fleet,
            why=why,
            each=True,
            to=to,
            rollout=rollout,
            drain=drain,
            past="it is what the host ran before the bisection",
        )

    try:
        return back(was.release)
    except UnknownNameError:
        if not was.revision:
            raise
    made = back(was.revision)
    if any(NEVER_LIVE in target.problem for target in made.plan.targets):
        raise UnknownNameError(f"{host} has nothing of {was.title} that was ever live")
    return made


def plan_anew(
    service: Service, host: str, was: Release, *, fleet: Fleet, rollout: str, why: str, drain: bool
) -> DeployPlan:
    """Say how the revision that a host ran is deployed to it again, where no release of it is left; changes nothing. Raises SourceError if it cannot be had."""
    if not was.revision:
        raise SourceError(f"{host} has {was.release} no more, and nobody knows its revision", hint="deploy a version that works")  # fmt: skip
    return plan_deploy(
        service=service,
        hosts=(host,),
        find=lambda: find_same(service.source, revision=was.revision, label=was.label),
        fleet=fleet,
        why=why,
        rollout=rollout,
        drain=drain,
        prunes=False,
    )


def go_back(made: RollbackPlan, run: Run, host: str, tried: Sequence[str]) -> Report:
    """Do what the plan says, and remove the releases that were `tried`; goes on even if the changelog cannot be written.

    Raises LockedError or RefusedError with nothing changed.
    """

    def body(roll: Roll) -> None:
        with run.locked(made.plan, roll, path=made.service.path) as locks:
            work = run.work(made.plan, made.service, locks.guard, roll)
            roll.run(returning(made.plan, work, roll))
            if tried and not roll.reason:
                _remove(run.fleet, host, tried, guard=locks.guard, tell=run.tell)

    return run.record(made.plan, body, path=made.service.path, must=False)


def tidy(made: RollbackPlan, run: Run, host: str, tried: Sequence[str]) -> Report:
    """Remove the releases that were `tried` from a host that runs what it had: nothing that is live changes. Raises LockedError."""
    locks = run.locks(made.plan, path=made.service.path)
    try:
        for error in locks.take([host]).values():
            raise error
        if tried:
            _remove(run.fleet, host, tried, guard=locks.guard, tell=run.tell)
    finally:
        locks.release(run.tell, keys="all")
    plan = made.plan
    return Report(plan.rollout, plan.action, plan.service, plan.environment, "done", "", 0.0, ())


def tried(changelog: Changelog, brings: Iterable[str], was: Release) -> tuple[str, ...]:
    """Give the names of the releases that rollouts brought, but for the one that the host had before."""
    found = []
    for rollout in brings:
        try:
            to = changelog.rollout(rollout).to
        except (ChangelogError, UnknownNameError):
            continue  # it was announced, and never began; or nobody can tell, which must not keep the host from going back
        if to and to.release and to.release != was.release:
            found.append(to.release)
    return tuple(dict.fromkeys(found))


def is_theirs(live: probe.Release | None, was: Release, tried: Iterable[str]) -> bool:
    """Tell whether a host runs what neither was there before nor was tried: somebody else has changed it meanwhile."""
    if live is None:
        return True
    is_same = bool(was.revision) and live.revision == was.revision
    return not is_same and live.id not in (was.release, *tried)


def is_there(state: HostState, sha: str, was: Release) -> bool:
    """Tell whether a host runs that commit, in the release that it had before, as it was deployed: it need not be brought there."""
    live = state.current
    is_as_deployed = state.edits is None or not state.edits.drift
    return bool(live and (live.id, live.revision) == (was.release, sha)) and is_as_deployed


def _remove(fleet: Fleet, host: str, names: Sequence[str], *, guard: str, tell: Teller) -> None:
    def work(remote: Remote) -> None:
        done = remote.execute(Command(layout.prune(guard, names), twice=True))
        done.require("removing what was tried")

    for outcome in fleet.each(work, [host]):
        if isinstance(outcome.error, OpskitError):
            tell(Warned(f"{host}: releases that were only tried are still there: {outcome.error.what}"))  # fmt: skip
