"""The steps of a resumed rollout: staged again where it is missing, healed where it was left half-way, or taken back."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.errors import LockLostError, OpskitError, RefusedError, SourceError
from opskit.rollout import source
from opskit.rollout.activate import activation, put_back, taking_back
from opskit.rollout.gates import ROLLBACK, asking
from opskit.rollout.leftovers import WAS_PUT_BACK, at_rest, has_work
from opskit.rollout.parcels import Parcels
from opskit.rollout.prepare import prepare
from opskit.rollout.prune import prune, to_go_back_to
from opskit.rollout.relics import HALF, HALF_BACK
from opskit.rollout.restart import restarting
from opskit.rollout.rollback import returning
from opskit.rollout.serving import serve
from opskit.rollout.stage import stage
from opskit.rollout.steps import OnHost
from opskit.rollout.stop import STOP_NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from opskit.config.service import Service
    from opskit.fleet.remote import Remote
    from opskit.rollout.artifact import Artifact
    from opskit.rollout.context import Run
    from opskit.rollout.locks import Locks
    from opskit.rollout.probe import HostState, Release
    from opskit.rollout.relics import Relic
    from opskit.rollout.report import HostResult
    from opskit.rollout.resume import ResumePlan
    from opskit.rollout.roll import Roll
    from opskit.rollout.source import Version
    from opskit.rollout.steps import Work


def needed_version(
    service: Service,
    release: Release | None,
    hosts: Sequence[str],
    relics: Mapping[str, Relic],
    *,
    rollout: str,
) -> Version | None:
    """Find again what some of `hosts` have yet to get, None if all have it; raises SourceError if it is not to be had."""
    if release is None or all(_is_staged(relics[host].state, release) for host in hosts):
        return None
    back = f"to take it back instead: opskit resume {rollout} --revert"
    try:
        return source.find_same(service.source, revision=release.revision, label=release.label)
    except SourceError as error:
        raise SourceError(error.what, hint=f"{error.hint}; {back}".removeprefix("; ")) from None


def carried_on(made: ResumePlan, run: Run, roll: Roll, owners: Sequence[str]) -> None:
    """Finish it: what is missing is staged, and every host goes on from where it was left."""
    plan, path = made.plan, made.service.path
    with tempfile.TemporaryDirectory(prefix="opskit-") as scratch:
        artifact = None
        if made.version and plan.after and roll.gate():
            artifact = _artifact(made, made.version, plan.after, run=run, scratch=Path(scratch))
        with _locked(made, run, roll, owners) as locks:
            work = run.work(plan, made.service, locks.guard, roll)
            if artifact and plan.after:
                parcels, states = Parcels(artifact, Path(scratch)), locks.states
                missing = [h for h in roll.left() if not _is_staged(states[h], plan.after)]
                stage(plan, parcels, states=states, work=work, run=run, roll=roll, hosts=missing)
            roll.run(_going_on(made, work, roll), ask=asking(plan, made.service, run))
            if plan.action == "deploy":
                if roll.reason and plan.gates.on_failure == ROLLBACK and not run.stop.level:
                    roll.take_back(taking_back(plan, work=work, roll=roll))
                done = [name for name, result in roll.ends.results.items() if result.outcome == "done" and name in made.relics]  # fmt: skip
                spared = to_go_back_to(plan.targets, stopped=bool(roll.reason))
                prune(run.fleet, done, path=path, keep=made.service.keep, guard=locks.guard, tell=run.tell, spared=spared)  # fmt: skip


def took_back(made: ResumePlan, run: Run, roll: Roll, owners: Sequence[str]) -> None:
    """Take it back: every host that was switched returns to what it had before."""
    with _locked(made, run, roll, owners) as locks:
        work = run.work(made.plan, made.service, locks.guard, roll)

        def take_back(remote: Remote) -> HostResult:
            on = OnHost(work, remote, made.plan.targets_by_host[remote.name])
            if not has_work(made.where[remote.name], revert=True):
                return at_rest(on.target, made.where[remote.name], revert=True)
            return _taken_back(on, roll, judged=made.plan.action == "deploy")

        roll.run(take_back)


def _locked(
    made: ResumePlan, run: Run, roll: Roll, owners: Sequence[str]
) -> AbstractContextManager[Locks]:
    """Hold all hosts of the rollout that have not gone on to something else, as they were when they were asked where it left them."""
    asked = {host: relic.state for host, relic in made.relics.items()}
    path = made.service.path
    return run.locked(made.plan, roll, path=path, also=made.locked, taken_over=owners, asked=asked)


def _artifact(
    made: ResumePlan, version: Version, release: Release, *, run: Run, scratch: Path
) -> Artifact:
    """Make again what is sent; raises RefusedError if it is not what hosts have got already."""
    artifact = prepare(
        made.service, version, release, rollout=made.plan.rollout, run=run, scratch=scratch
    )
    for host, relic in made.relics.items():
        if relic.manifest and relic.manifest != artifact.manifest.digest:
            raise RefusedError(
                f"the build of {release.title} gives something else than what {host} has got",
                hint=f"to take it back instead: opskit resume {made.plan.rollout} --revert",
            )
    return artifact


def _is_staged(state: HostState, release: Release) -> bool:
    return any(known.id == release.id for known in state.releases)


def _going_on(made: ResumePlan, work: Work, roll: Roll) -> Callable[[Remote], HostResult]:
    plan = made.plan
    fresh = _from_the_start(made, work, roll)

    def go_on(remote: Remote) -> HostResult:
        word = made.where[remote.name]
        on = OnHost(work, remote, plan.targets_by_host[remote.name])
        if not has_work(word, revert=False):  # it is only to be put back behind its load balancers
            return at_rest(on.target, word, revert=False)
        if word == HALF:
            waits = made.relics[remote.name].waits
            return _healed(on, roll, back=plan.action == "deploy", waits=waits)
        if word == HALF_BACK:
            why = OpskitError(WAS_PUT_BACK)
            return put_back(on, why, receipt=roll.receipt(remote.name, back=True))
        return fresh(remote)

    return go_on


def _from_the_start(made: ResumePlan, work: Work, roll: Roll) -> Callable[[Remote], HostResult]:
    plan = made.plan
    if plan.action == "restart":
        return restarting(plan, work, roll)
    if plan.action == "rollback" or plan.after is None:
        return returning(plan, work, roll)
    return activation(plan, plan.after, work=work, roll=roll)


def _healed(on: OnHost, roll: Roll, *, back: bool, waits: bool) -> HostResult:
    """Go on after the switch: restart, check, mark it good; a deploy that fails there is put `back`."""
    release = on.target.after
    try:
        serve(on, release, receipt=roll.receipt(on.remote.name), must=back)
        if waits:
            on.confirm()
    except OpskitError as error:
        if not back or on.work.stop.level >= STOP_NOW or isinstance(error, LockLostError):
            return on.result("unknown", live="", error=error)
        return put_back(on, error, receipt=roll.receipt(on.remote.name, back=True))
    return on.result("done", live=release.id if release else "")


def _taken_back(on: OnHost, roll: Roll, *, judged: bool) -> HostResult:
    """Take one host back; what it leaves is then marked bad if it was new, so that no rollback goes there."""
    before, after = on.target.before, on.target.after
    if before is None:
        return on.result("failed", live="", error=OpskitError("nothing to go back to"))
    try:
        if after and judged:
            on.mark("bad", after.id, must=False)
        on.go_live(before, roll.receipt(on.remote.name, back=True), must=False)
    except OpskitError as error:
        return on.result("unknown", live="", error=error)
    return on.result("reverted", live=before.id)
