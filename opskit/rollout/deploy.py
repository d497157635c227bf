"""Deploy: bring a version to every host, then make it live batch by batch behind the gate."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.changelog import new_rollout_id
from opskit.rollout import edits, source
from opskit.rollout.activate import activation, taking_back
from opskit.rollout.batches import split
from opskit.rollout.commands import commands_of, stage_commands
from opskit.rollout.doors import drained
from opskit.rollout.gates import ROLLBACK, STOP, Gates, asking, gates_of
from opskit.rollout.irreversible import cleaned
from opskit.rollout.parcels import Parcels
from opskit.rollout.plan import Plan, Target
from opskit.rollout.prepare import prepare
from opskit.rollout.probe import MARGIN_KIB, Release, probe, unfit
from opskit.rollout.prune import after, prune, removable, to_go_back_to
from opskit.rollout.stage import ahead, stage
from opskit.rollout.status import Judge, by_words
from opskit.rollout.targets import ask_all, held_notes, survey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opskit.config.service import Service
    from opskit.fleet.fanout import Fleet
    from opskit.rollout.context import Run
    from opskit.rollout.git import Commit
    from opskit.rollout.locks import Locks
    from opskit.rollout.probe import HostState
    from opskit.rollout.report import Report
    from opskit.rollout.roll import Roll
    from opskit.rollout.targets import Survey

STAMP = "%Y%m%d-%H%M%S"
SANE = (10**9, 10**11)
"""Seconds since 1970, the years 2001 and 5138: a clock that tells more or less is none."""


@dataclass(frozen=True, slots=True)
class DeployPlan:
    """A plan, and what a deploy needs beside it; `states` is what each host said, `prunes` whether old releases go in the end."""

    plan: Plan
    service: Service
    version: source.Version
    release: Release
    states: Mapping[str, HostState]
    prunes: bool = True


def plan_deploy(
    *,
    service: Service,
    hosts: Sequence[str],
    find: Callable[[], source.Version],
    fleet: Fleet,
    why: str,
    irreversible: str = "",
    rollout: str = "",
    gates: Gates | None = None,
    judge: Judge | None = None,
    drain: bool = True,
    prunes: bool = True,
) -> DeployPlan:
    """Ask every host what it runs, `find` the version meanwhile, and say what a deploy will do; changes nothing.

    `irreversible` says why it cannot be taken back, beside what commits say. `rollout` is its id, as `Changelog.new_rollout_id` gives it; without, it is bound to nobody. `gates` are those of all the
    service's hosts, of which `hosts` may be a part; without, they are of these hosts alone. `judge` tells what the deploy would go over
    that the changelog does not know. Unless they are to `drain`, hosts stay behind their load balancer; unless it `prunes`, they keep all releases that they have.
    """
    gates = gates or gates_of(service, len(hosts))
    asked = ask_all(fleet, hosts, path=service.path, ask=edits.probe if judge else probe)
    version = find()
    found = survey(fleet, hosts, path=service.path, asked=asked)
    one_way = cleaned(irreversible) or _one_way(version, found.targets)
    gates, said = _one_way_gates(gates, one_way)
    release = _release(version, found.states, one_way)
    waits = bool(service.confirm_within)
    targets = tuple(_target(t, release, found.states, waits=waits) for t in found.targets)
    named = {"rollout": rollout or new_rollout_id(), "release": release.id}
    plan = Plan(
        rollout=named["rollout"],
        action="deploy",
        environment=service.environment,
        service=service.name,
        targets=targets,
        batches=split(
            [t.host for t in targets if not t.problem], service.batches, most=gates.room
        ),
        why=why,
        after=release,
        max_failures=service.max_failures,
        gates=gates,
        gated=bool(service.health or service.restart),
        commits=_commits(version, targets),
        notes=_notes(service, version, found, judge) + said,
        commands=(*stage_commands(service, **named), *commands_of(service, **named)),
    )
    plan = drained(plan, service, fleet, judge, drain=drain)
    return DeployPlan(plan, service, version, release, found.states, prunes)


def _notes(
    service: Service, version: source.Version, found: Survey, judge: Judge | None
) -> tuple[str, ...]:
    return (
        *version.notes,
        *held_notes(found.states, judge.changelog if judge else None),
        *(judge.notes(service, found) if judge else ()),
        *_known_notes(version, found.states),
    )


def deploy(made: DeployPlan, run: Run) -> Report:
    """Do what the plan says.

    Raises LockedError, BuildError, SourceError, ChangelogError or InterruptedRunError with nothing
    live anywhere; whatever comes of hosts is in the report.
    """
    path = made.service.path

    def body(roll: Roll) -> None:
        run.refuse_held(made.states)
        with tempfile.TemporaryDirectory(prefix="opskit-", ignore_cleanup_errors=True) as scratch:
            artifact = prepare(
                made.service,
                made.version,
                made.release,
                rollout=made.plan.rollout,
                run=run,
                scratch=Path(scratch),
            )
            parcels = Parcels(artifact, Path(scratch))
            with (
                ahead(parcels, made.states),
                run.locked(made.plan, roll, path=path) as locks,
            ):
                work = run.work(made.plan, made.service, locks.guard, roll)
                stage(made.plan, parcels, states=locks.states, work=work, run=run, roll=roll)
                ask = asking(made.plan, made.service, run)
                roll.run(activation(made.plan, made.release, work=work, roll=roll), ask=ask)
                if roll.reason and made.plan.gates.on_failure == ROLLBACK and not run.stop.level:
                    roll.take_back(taking_back(made.plan, work=work, roll=roll))
                if made.prunes:
                    _prune(made, run, roll, locks)

    return run.record(made.plan, body, path=path)


def _release(version: source.Version, states: Mapping[str, HostState], one_way: str) -> Release:
    return Release(_release_id(version, states), version.revision, version.label, one_way)


def _release_id(version: source.Version, states: Mapping[str, HostState]) -> str:
    """Name the release by time and revision, so that names sort as the releases were made.

    A second is long for a script, and laptops' clocks differ: the time is the hosts' own, and where one of them has
    a name of this second or of one to come, the second after that is taken.
    """
    known = [release.id for state in states.values() for release in state.releases]
    made = [then + timedelta(seconds=1) for name in known if (then := _made_at(name))]
    return f"{max([_now(states), *made]):{STAMP}}-{version.revision[:8]}"


def _now(states: Mapping[str, HostState]) -> datetime:
    """Give the time by the clocks of most hosts, by ours if they tell none."""
    clocks = [state.now for state in states.values() if SANE[0] < state.now < SANE[1]]
    told = sorted(clocks) or [int(time.time())]
    return datetime.fromtimestamp(told[(len(told) - 1) // 2], UTC)


def _made_at(release: str) -> datetime | None:
    """Read the time in a release's name, None for a name that is not ours."""
    stamp, _, revision = release.rpartition("-")
    try:
        made = datetime.strptime(stamp, STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
    return made if len(revision) == 8 and made.timestamp() < SANE[1] else None


def _target(
    target: Target, release: Release, states: Mapping[str, HostState], *, waits: bool
) -> Target:
    state = states.get(target.host)
    problem = unfit(state, needed_kib=MARGIN_KIB, waits=waits) if state else ""
    if problem:
        return replace(target, after=release, problem=problem, outcome="failed")
    return replace(target, after=release)


def _known_notes(version: source.Version, states: Mapping[str, HostState]) -> tuple[str, ...]:
    """Say what hosts know already of the version: that it is live there, or that it was marked bad."""
    notes = []
    for host, state in states.items():
        if state.current and state.current.revision == version.revision:
            notes.append((host, "runs this version already"))
        elif any(r.revision == version.revision and r.id in state.bad for r in state.releases):
            notes.append((host, "has had this version, and it was taken back there"))
    return by_words(notes)


def _commits(version: source.Version, targets: Sequence[Target]) -> tuple[Commit, ...]:
    olds = dict.fromkeys(t.before.revision for t in targets if t.before and t.before.revision)
    every = {commit: None for old in olds for commit in source.commits_between(version, old)}
    return tuple(every)


def _one_way(version: source.Version, targets: Sequence[Target]) -> str:
    olds = dict.fromkeys(t.before.revision for t in targets if t.before and t.before.revision)
    found = {said: None for old in olds for said in source.irreversible_since(version, old)}
    return cleaned("; ".join(found))


def _one_way_gates(gates: Gates, one_way: str) -> tuple[Gates, tuple[str, ...]]:
    """Give the gates of a deploy, and what is to be said of them: no policy takes back what cannot be taken back."""
    said = (f"this cannot be taken back: {one_way}",) if one_way else ()
    if not one_way or gates.on_failure != ROLLBACK:
        return gates, said
    stays = "so hosts that have it keep it when the run is stopped"
    return replace(gates, on_failure=STOP), (*said, stays)


def _prune(made: DeployPlan, run: Run, roll: Roll, locks: Locks) -> None:
    """Ask those hosts that, as far as is known, have more than they should keep."""
    keep, states = made.service.keep, locks.states
    done = [
        name
        for name, result in roll.ends.results.items()
        if result.outcome == "done" and removable(after(states[name], made.release), keep=keep)
    ]
    spared = to_go_back_to(made.plan.targets, stopped=bool(roll.reason))
    prune(
        run.fleet, done, path=made.service.path, keep=keep, guard=locks.guard, tell=run.tell, spared=spared
    )  # fmt: skip
