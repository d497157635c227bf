"""Resume: a rollout that was interrupted is finished, or taken back, from what its hosts say and not from what the log says.

By whoever has the changelog and may log in to the hosts, from any laptop. Each host is found where it was left (`relics.where`)
and goes on from there, behind the gates and with the failure budget that the rollout began with.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from opskit.changelog.resuming import is_allowed
from opskit.errors import RefusedError, UsageError
from opskit.rollout import breaking
from opskit.rollout.carrying import carried_on, needed_version, took_back
from opskit.rollout.doors import drained
from opskit.rollout.leftovers import (
    REVERTED,
    SAID,
    SAID_BACK,
    commands_left,
    ends_at_rest,
    gated_as_before,
    has_work,
    over_budget,
    target_now,
)
from opskit.rollout.locks import held_by
from opskit.rollout.owners import is_dead
from opskit.rollout.plan import Plan, Target
from opskit.rollout.relics import DONE, asking, where
from opskit.rollout.remembered import demand_open, remember
from opskit.rollout.seats import taken_out
from opskit.rollout.status import by_words

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from opskit.changelog import Changelog, RolloutRecord
    from opskit.config.service import Service
    from opskit.errors import LockedError, OpskitError
    from opskit.fleet.fanout import Fleet
    from opskit.rollout.breaking import Held
    from opskit.rollout.context import Run
    from opskit.rollout.gates import Gates
    from opskit.rollout.probe import HeldLock
    from opskit.rollout.relics import Relic
    from opskit.rollout.remembered import Remembered
    from opskit.rollout.report import HostResult, Report
    from opskit.rollout.roll import Roll
    from opskit.rollout.source import Version

OUT = "could not take part when it was planned"


@dataclass(frozen=True, slots=True)
class ResumePlan:
    """A plan, and what resuming needs beside it.

    `where` is where each host stands that answers (see `relics`), `relics` what it said. `rest` are results of hosts where
    nothing is left to do; `locked` are hosts among them: they are locked, too, so that nobody takes back there meanwhile what goes on elsewhere.
    `taken_over` are locks that are broken because somebody says so. `version` is what some hosts have yet to get.
    """

    plan: Plan
    service: Service
    where: Mapping[str, str]
    relics: Mapping[str, Relic]
    rest: tuple[HostResult, ...]
    known: Mapping[str, str]
    locked: tuple[str, ...]
    taken_over: tuple[Held, ...]
    version: Version | None


def plan_resume(
    *,
    record: RolloutRecord,
    service: Service,
    fleet: Fleet,
    changelog: Changelog,
    gates: Gates,
    why: str,
    revert: bool = False,
    take_over: bool = False,
    drain: bool = True,
) -> ResumePlan:
    """Ask every host of a rollout where it was left, and say what is done from there; changes nothing.

    `gates` are those of all the service's hosts; what becomes of a run that is stopped was said when it began.

    Raises RefusedError for one that nobody can go on with, or not from here; SourceError if its version cannot be had again.
    """
    demand_open(record)
    memory = remember(record)
    _demand_the_same(memory, service, record, revert=revert)
    relics, errors = _ask(fleet, memory, service)
    keys = [relic.key for relic in relics.values() if relic.key]
    demand_right(changelog, record, keys, errors)
    found = {host: _where(relic, memory, host) for host, relic in relics.items()}
    targets = tuple(target_now(t, relics, found, errors, revert=revert) for t in memory.targets)
    ready = [target for target in targets if not target.problem]
    ours = taken_out(record.events)
    out = {seat.host for seat in ours} if service.load_balancer else set()
    busy = [t.host for t in ready if t.host in out or has_work(found[t.host], revert=revert)]
    idle = [target for target in ready if target.host not in busy]
    notes = () if revert else over_budget(record, memory, found, service)
    release = memory.after if memory.action == "deploy" and not revert else None
    plan = _plan(record, memory, targets, busy, relics=relics, found=found, revert=revert)
    version = needed_version(service, release, busy, relics, rollout=record.id)
    commands = commands_left(plan, service, found, staged=version is None)
    plan = replace(plan, why=why, notes=(*plan.notes, *notes), commands=commands)
    plan = gated_as_before(plan, memory, service, gates)
    return ResumePlan(
        drained(plan, service, fleet, None, ours=ours, drain=drain),
        service,
        found,
        relics,
        rest=ends_at_rest(idle, record, found, revert=revert),
        known={host.name: host.outcome for host in record.hosts},
        locked=tuple(target.host for target in idle),
        taken_over=_held(changelog, memory, relics, why=why) if take_over else (),
        version=version,
    )


def _plan(
    record: RolloutRecord,
    memory: Remembered,
    targets: Sequence[Target],
    busy: Collection[str],
    *,
    relics: Mapping[str, Relic],
    found: Mapping[str, str],
    revert: bool,
) -> Plan:
    said = SAID_BACK if revert else SAID
    return Plan(
        rollout=memory.rollout,
        run=secrets.token_hex(3),
        was="" if record.outcome == "unfinished" else record.outcome,
        gone_on=len(record.resumed),
        goal=REVERTED if revert else DONE,
        action=memory.action,
        environment=record.environment,
        service=record.service,
        targets=(*targets, *(Target(h, problem=OUT, outcome="failed") for h in memory.left_out)),
        batches=_batches(memory, busy),
        after=memory.after,
        max_failures=memory.max_failures,
        problems_count=memory.action != "rollback" and not revert,
        found={host: relic.state.live for host, relic in relics.items()},
        notes=by_words((host, said[word]) for host, word in found.items() if word in said),
    )


def resume(made: ResumePlan, run: Run) -> Report:
    """Do what the plan says, in the name of the rollout that it goes on with; recorded as `rollout.resumed`.

    Taking back, and a rollback, go on even if the changelog cannot be written. Raises LockedError with nothing changed.
    """
    owners = [each.lock.owner for each in made.taken_over]
    _demand_free(made, run, owners)
    if made.taken_over:
        breaking.record(run.changelog, made.service, made.taken_over, why=made.plan.why)
    carry = took_back if made.plan.goal == REVERTED else carried_on

    def body(roll: Roll) -> None:
        if roll.left() or made.locked:
            carry(made, run, roll, owners)

    return run.record(
        made.plan,
        body,
        path=made.service.path,
        must=made.plan.problems_count,
        rest=[(each, made.known.get(each.host) == each.outcome) for each in made.rest],
    )


def _demand_the_same(
    memory: Remembered, service: Service, record: RolloutRecord, *, revert: bool
) -> None:
    what = f"{record.action} {record.id}"
    if memory.path and memory.path != service.path:
        raise RefusedError(
            f"{what} was under {memory.path}, and {service.name} is under {service.path} now",
            hint="put `path` back in opskit.toml for as long as it takes",
        )
    if not revert and any(each.revert for each in record.resumed):
        hint = f"opskit resume {record.id} --revert goes on with that; then deploy anew"
        raise RefusedError(f"{what} is being taken back", hint=hint)
    if revert and memory.action == "deploy" and memory.after and memory.after.irreversible:
        hint = f"opskit resume {record.id} finishes it; over it all the same: opskit rollback --past-irreversible REASON"
        why = memory.after.irreversible
        raise RefusedError(f"{what} cannot simply be taken back: {why}", hint=hint)
    if revert and memory.action == "restart":
        raise RefusedError(
            f"{what}: a restart cannot be taken back",
            hint=f"opskit resume {record.id} finishes it",
        )


def _ask(
    fleet: Fleet, memory: Remembered, service: Service
) -> tuple[Mapping[str, Relic], Mapping[str, OpskitError]]:
    releases = {t.host: t.after.id if t.after else "" for t in memory.targets}
    known = [host for host in releases if host in fleet.inventory.hosts]
    errors: dict[str, OpskitError] = {
        host: UsageError("is no longer in opskit.toml") for host in releases if host not in known
    }
    relics: dict[str, Relic] = {}
    ask = asking(service.path, rollout=memory.rollout, releases=releases)
    for outcome in fleet.each(ask, known):
        if outcome.value:
            relics[outcome.host] = outcome.value
        elif outcome.error:
            errors[outcome.host] = outcome.error
    return {host: relics[host] for host in known if host in relics}, errors


def demand_right(
    changelog: Changelog, record: RolloutRecord, keys: Sequence[str], away: Collection[str]
) -> None:
    """Raise RefusedError if what we write into this rollout would not count: its hosts have the `keys` that make it so.

    `away` are hosts that do not answer.
    """
    if is_allowed(changelog, record, keys):
        return
    what = f"{record.action} {record.id} is {record.actor}'s"
    if away:
        hint = f"is the key on a host that does not answer: {', '.join(away)}?"
        raise RefusedError(f"{what}, and no host that answers has its key", hint=hint)
    raise RefusedError(
        f"{what}, and no host has its key: it came to its hosts never, or they are past it",
        hint=f"opskit status says what they run; then deploy or roll back anew, or let {record.actor} resume it",
    )


def _where(relic: Relic, memory: Remembered, host: str) -> str:
    target = next(t for t in memory.targets if t.host == host)
    before, after = (r.id if r else "" for r in (target.before, target.after))
    return where(relic, before=before, after=after, rollout=memory.rollout, action=memory.action)


def _batches(memory: Remembered, busy: Collection[str]) -> tuple[tuple[str, ...], ...]:
    kept = (tuple(host for host in batch if host in busy) for batch in memory.batches)
    return tuple(filter(None, kept))


def _held(
    changelog: Changelog, memory: Remembered, relics: Mapping[str, Relic], *, why: str
) -> tuple[Held, ...]:
    states = {host: relic.state for host, relic in relics.items()}
    return breaking.of_rollout(changelog, memory.rollout, states, why=why)


def _demand_free(made: ResumePlan, run: Run, owners: Sequence[str]) -> None:
    """Raise LockedError, with nothing recorded, if a run that may be alive holds a host."""
    if run.patience:
        return
    for host in (*(h for batch in made.plan.batches for h in batch), *made.locked):
        state = made.relics[host].state
        for lock in state.locks:
            if lock.owner not in owners and not is_dead(run.changelog, lock):
                raise in_the_way(host, lock, state.now, rollout=made.plan.rollout)


def in_the_way(host: str, lock: HeldLock, now: int, *, rollout: str) -> LockedError:
    """Give the error for a lock that keeps somebody from going on with `rollout`; `now` is the time by the host's clock."""
    error = held_by(host, lock, now)
    if lock.rollout == rollout:
        error.hint = (
            f"if {lock.actor}'s run is certainly dead: opskit resume {lock.rollout} --take-over -m WHY; "
            f"else --wait, or ask {lock.actor}"
        )
    return error
