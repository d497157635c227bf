"""Rollback: every host back to the release that was last good on it, or to one that is named, batch by batch behind the gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.changelog import new_rollout_id
from opskit.config.model import NOTHING
from opskit.errors import OpskitError
from opskit.rollout import edits, goals, irreversible
from opskit.rollout.batches import split
from opskit.rollout.commands import commands_of
from opskit.rollout.doors import drained
from opskit.rollout.gates import Gates, gates_of
from opskit.rollout.plan import Override, Plan
from opskit.rollout.steps import OnHost
from opskit.rollout.targets import held_notes, survey

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from opskit.config.service import Service
    from opskit.fleet.fanout import Fleet
    from opskit.fleet.remote import Remote
    from opskit.rollout.context import Run
    from opskit.rollout.irreversible import Jump
    from opskit.rollout.plan import Target
    from opskit.rollout.probe import HostState, Release
    from opskit.rollout.report import HostResult, Report
    from opskit.rollout.roll import Roll
    from opskit.rollout.status import Judge
    from opskit.rollout.steps import Work
    from opskit.rollout.targets import Survey


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """A plan, the service that goes back, and what it would go back over though that cannot be taken back."""

    plan: Plan
    service: Service
    jumps: tuple[Jump, ...] = ()

    def demand_allowed(self) -> None:
        """Raise RefusedError if it goes back over something that cannot be taken back, and nobody said why."""
        irreversible.demand_none(self.jumps, "".join(o.why for o in self.plan.overrides))


def plan_rollback(
    *,
    service: Service,
    hosts: Sequence[str],
    fleet: Fleet,
    why: str,
    each: bool = False,
    to: str = "",
    past: str = "",
    known: Mapping[str, str] = NOTHING,
    rollout: str = "",
    gates: Gates | None = None,
    judge: Judge | None = None,
    drain: bool = True,
) -> RollbackPlan:
    """Ask every host for its last good release, or for the one named `to`, and say what a rollback will do; changes nothing.

    A rollback takes back one revision, the newest that is live on any host: a host that does not run it stays as it is, and so does one that runs what is older than `to`, unless all do. With `each`, all of `hosts` go, whatever they run.
    `past` says why to go over what cannot be taken back; `known` is that, see `irreversible.recorded`. `gates` and `judge` as for a
    deploy; too few healthy hosts make a rollback slower, they do not stop it. Raises UnknownNameError and UsageError for a `to` that means nothing, or more than one version.
    """
    gates = gates or gates_of(service, len(hosts))
    found = survey(fleet, hosts, path=service.path)
    to = to and goals.demand_one(found.states, to, service=service.name)
    targets = [_target(target, found.states.get(target.host), to) for target in found.targets]
    stay = _stay(targets, found.states, to, each=each)
    going = tuple(target for target in targets if target.host not in stay)
    jumps = irreversible.jumps(going, found.states, known)
    rollout = rollout or new_rollout_id()
    ends = tuple(dict.fromkeys(t.after for t in going if t.after and not t.problem))
    plan = Plan(
        rollout=rollout,
        action="rollback",
        environment=service.environment,
        service=service.name,
        targets=going,
        batches=split([t.host for t in going if not t.problem], service.batches, most=gates.room),
        why=why,
        after=ends[0] if len(ends) == 1 else None,
        max_failures=service.max_failures,
        gates=gates,
        gated=bool(service.health or service.restart),
        problems_count=False,
        commands=commands_of(service, rollout=rollout, release=ends[0].id) if ends else (),
        notes=_notes(going, found, ends, stay, _told(service, found, judge))
        + (_shared_edits(service, fleet, going) if service.hard_links else ())
        + (() if past else tuple(jump.line for jump in jumps)),
        overrides=tuple(Override(irreversible.RULE, jump.line, past) for jump in jumps if past),
    )
    return RollbackPlan(drained(plan, service, fleet, judge, drain=drain), service, jumps)


def _told(service: Service, found: Survey, judge: Judge | None) -> tuple[str, ...]:
    held = held_notes(found.states, judge.changelog if judge else None)
    return (*held, *(judge.notes(service, found) if judge else ()))


def _shared_edits(service: Service, fleet: Fleet, going: Sequence[Target]) -> tuple[str, ...]:
    """Say where what somebody wrote into a live release stands in the one to go back to, too."""
    ends = {t.host: t.after.id for t in going if t.after and not t.problem}
    altered = edits.altered_in(fleet, ends, path=service.path)
    again = "a deploy of that revision brings it as it was"
    return tuple(f"{line}, as releases share files (hard_links); {again}" for line in altered)


def _notes(
    going: Sequence[Target],
    found: Survey,
    ends: Sequence[Release],
    stay: Collection[str],
    surprises: Sequence[str],
) -> tuple[str, ...]:
    return (
        *_apart(ends),
        *_staying(found.states, stay),
        *goals.marked_bad(going, found.states),
        *surprises,
    )


def rollback(made: RollbackPlan, run: Run) -> Report:
    """Do what the plan says; goes on even if the changelog cannot be written.

    Raises LockedError or RefusedError with nothing changed; whatever comes of hosts is in the report.
    """
    made.demand_allowed()
    path = made.service.path

    def body(roll: Roll) -> None:
        with run.locked(made.plan, roll, path=path) as locks:
            work = run.work(made.plan, made.service, locks.guard, roll)
            roll.run(returning(made.plan, work, roll))

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
    several = len({goal.title for goal in goals}) > 1
    return ("hosts go back to different releases, each to its own",) if several else ()


def _staying(states: Mapping[str, HostState], stay: Collection[str]) -> tuple[str, ...]:
    return tuple(
        f"{host} does not run what is taken back and stays on {current.title}"
        if (current := states[host].current)
        else f"{host} runs nothing and is left alone"
        for host in states
        if host in stay
    )


def _target(target: Target, state: HostState | None, to: str) -> Target:
    return goals.named(target, state, to) if to else goals.last_good(target, state)


def _stay(
    targets: Sequence[Target], states: Mapping[str, HostState], to: str, *, each: bool
) -> frozenset[str]:
    """Give the hosts that are left as they are: who was sent to `to` before and did not arrive there well goes again."""
    if not to:
        return frozenset() if each else _not_on_newest(states)
    there = {
        t.host for t in targets if t.before and goals.fits(t.before, to) and states[t.host].proven
    }
    newest = max((t.after.id for t in targets if t.after), default="")
    older = {host for host, state in states.items() if state.live < newest}
    goes_back = not each and states.keys() - there - older
    return frozenset(there | older if goes_back else there)


def returning(plan: Plan, work: Work, roll: Roll) -> Callable[[Remote], HostResult]:
    """Give the work that takes one host back and says what came of it.

    A host that fails stays where it was sent: it was sent away from something worse."""

    def go_back(remote: Remote) -> HostResult:
        target = plan.targets_by_host[remote.name]
        on = OnHost(work, remote, target)
        if target.after is None:
            return on.result("failed", live="", error=OpskitError("nowhere to go back to"))
        try:
            if target.before and target.before.id != target.after.id:
                on.mark("bad", target.before.id, must=False)
            on.go_live(target.after, roll.receipt(remote.name), must=False)
        except OpskitError as error:
            return on.result("unknown", live="", error=error)
        return on.result("done", live=target.after.id)

    return go_back
