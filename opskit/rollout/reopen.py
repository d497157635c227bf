"""Reopen: upkeep that was interrupted is finished from what its hosts say: since when they run, and what holds them.

A host that was begun and has another boot now has been away: it is only checked, and taken into use again. One that still has the
same boot is rebooted; where a command or a task may have been at work there, nobody knows how far that came, and only
somebody who has looked may do it again.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from opskit.changelog.records import NOT_REACHED
from opskit.errors import UsageError
from opskit.rollout import breaking, tenants
from opskit.rollout.owners import is_dead
from opskit.rollout.plan import Plan, Target
from opskit.rollout.relics import asking
from opskit.rollout.remembered import demand_open, remember
from opskit.rollout.report import HostResult
from opskit.rollout.resume import OUT, demand_right, in_the_way
from opskit.rollout.seats import taken_out
from opskit.rollout.status import by_words
from opskit.rollout.targets import out_of_reach
from opskit.rollout.upkeep import UpkeepPlan, ask_boots, live_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opskit.changelog import Changelog, RolloutRecord
    from opskit.errors import LockedError
    from opskit.fleet.fanout import Fleet
    from opskit.rollout.breaking import Held
    from opskit.rollout.labour import Labour
    from opskit.rollout.probe import HostState
    from opskit.rollout.relics import Relic
    from opskit.rollout.remembered import Remembered
    from opskit.rollout.seats import Seat
    from opskit.rollout.tenants import Tenant

NOT_BEGUN = (NOT_REACHED, "skipped", "unreachable")
FRESH, BACK, AWAY, AGAIN, UNSURE = "fresh", "back", "away", "again", "unsure"
SAID = {
    BACK: "has been away and is back: it is checked and taken into use again",
    AWAY: "was begun and does not answer: it is waited for",
    AGAIN: "was begun and still runs as before: that is done again",
    UNSURE: "was begun and still runs as before, and nobody knows how far that came: it is left alone",
    FRESH: "was not reached yet",
}


@dataclass(frozen=True, slots=True)
class Left:
    """Where a rollout left its hosts: the word for each that has no end yet, and its target now."""

    words: Mapping[str, str]
    targets: Mapping[str, Target]

    def those(self, *words: str) -> tuple[str, ...]:
        """Give the hosts that were left so."""
        return tuple(host for host, word in self.words.items() if word in words)


def plan_reopen(
    *,
    record: RolloutRecord,
    labour: Labour,
    tenants_there: Sequence[Tenant],
    fleet: Fleet,
    changelog: Changelog,
    why: str,
    take_over: bool = False,
    drain: bool = True,
) -> UpkeepPlan:
    """Ask every host where upkeep was left, and say what is done from there; changes nothing.

    Raises RefusedError for what nobody can go on with, or not from here.
    """
    demand_open(record)
    memory = remember(record)
    relics = _relics(fleet, memory, tenants_there)
    left = _left(record, memory, fleet, again=labour.again)
    demand_right(changelog, record, _keys(relics), left.those(AWAY))
    gates = tenants.gates_of(tenants_there, within=memory.within)
    ours = taken_out(record.events)
    whole = replace(_plan(record, memory, left), why=why, gates=gates, users=labour.users)
    plan = _drained(whole, left, tenants_there, fleet, ours=ours, drain=drain)
    held = _held(changelog, memory, tenants_there, relics, why=why) if take_over else {}
    return UpkeepPlan(
        plan,
        tuple(tenants_there),
        labour,
        live_on(
            tenants_there,
            _states(relics),
            changelog if labour.regains else None,
            lost=left.those(AWAY, BACK),
        ),
        may_be_away=frozenset(left.those(AWAY, AGAIN)),
        broken=frozenset(left.those(AWAY, BACK)),
        rest=_rest(record, left, labour, ours),
        locked=_locked(memory, left, relics),
        taken_over=held,
        in_the_way=_in_the_way(changelog, memory, relics, held),
    )


def _drained(
    whole: Plan,
    left: Left,
    tenants_there: Sequence[Tenant],
    fleet: Fleet,
    *,
    ours: Iterable[Seat],
    drain: bool,
) -> Plan:
    """Give the plan with how its hosts are taken out of load balancers; those that are left alone stay as they are there, too.

    Where they are more than the budget forgives, the gate lets nobody through, and no host needs to be spared.
    """
    alone = left.those(UNSURE)
    worked_on = replace(
        whole,
        targets=tuple(t for t in whole.targets if t.host not in alone),
        batches=() if len(alone) > whole.max_failures else whole.batches,
    )
    plan = tenants.drained_all(worked_on, tenants_there, fleet, None, ours=ours, drain=drain)
    return replace(plan, targets=whole.targets, batches=whole.batches)


def _relics(
    fleet: Fleet, memory: Remembered, tenants_there: Sequence[Tenant]
) -> Mapping[str, Mapping[str, Relic]]:
    """Give what the rollout left on the hosts that answer, by service."""
    hosts = [target.host for target in memory.targets if target.host in fleet.inventory.hosts]
    found: dict[str, Mapping[str, Relic]] = {}
    for tenant in tenants_there:
        ask = asking(
            tenant.service.path, rollout=memory.rollout, releases=dict.fromkeys(hosts, "")
        )
        told = fleet.each(ask, tenant.on(hosts))
        found[tenant.service.name] = {each.host: each.value for each in told if each.value}
    return found


def _keys(relics: Mapping[str, Mapping[str, Relic]]) -> list[str]:
    return [relic.key for told in relics.values() for relic in told.values() if relic.key]


def _states(relics: Mapping[str, Mapping[str, Relic]]) -> Mapping[str, Mapping[str, HostState]]:
    return {
        service: {host: relic.state for host, relic in told.items()}
        for service, told in relics.items()
    }


def _left(record: RolloutRecord, memory: Remembered, fleet: Fleet, *, again: bool) -> Left:
    """Ask the hosts since when they run, and say where each was left that has no end yet."""
    ended = {host.name for host in record.hosts if host.outcome == "done"}
    begun = {host.name for host in record.hosts if host.outcome not in NOT_BEGUN}
    open_ones = [target for target in memory.targets if target.host not in ended]
    known = [target.host for target in open_ones if target.host in fleet.inventory.hosts]
    now = {target.host: target for target in ask_boots(fleet, known)}
    words: dict[str, str] = {}
    targets: dict[str, Target] = {}
    for target in open_ones:
        host = target.host
        if host not in now:
            targets[host] = out_of_reach(host, UsageError("is no longer in opskit.toml"))
        elif host not in begun:
            words[host], targets[host] = FRESH, now[host]
        else:
            words[host] = _word(target, now[host], again=again)
            targets[host] = target
    return Left(words, targets)


def _word(before: Target, now: Target, *, again: bool) -> str:
    if now.problem:
        return AWAY
    if now.boot != before.boot:
        return BACK
    return AGAIN if again else UNSURE


def _plan(record: RolloutRecord, memory: Remembered, left: Left) -> Plan:
    ready = left.those(FRESH, BACK, AWAY, AGAIN)
    busy = [host for host in ready if not left.targets[host].problem]
    batches = (tuple(host for host in batch if host in busy) for batch in memory.batches)
    ended = (target for target in memory.targets if target.host not in left.targets)
    return Plan(
        rollout=memory.rollout,
        run=secrets.token_hex(3),
        was="" if record.outcome == "unfinished" else record.outcome,
        gone_on=len(record.resumed),
        action=memory.action,
        environment=record.environment,
        targets=(
            *ended,
            *left.targets.values(),
            *(Target(host, problem=OUT, outcome="failed") for host in memory.left_out),
        ),
        batches=tuple(filter(None, batches)),
        max_failures=memory.max_failures,
        gated=True,
        within=memory.within,
        task=record.task,
        script=record.script,
        notes=by_words((host, SAID[word]) for host, word in left.words.items()),
    )


def _rest(
    record: RolloutRecord, left: Left, labour: Labour, ours: Iterable[Seat]
) -> tuple[tuple[HostResult, bool], ...]:
    """Give the results of hosts where nothing is done, and whether they are recorded."""
    done = [(HostResult(h.name, "done"), True) for h in record.hosts if h.outcome == "done"]
    hint = (
        f"see whether it still runs, and how the host is; then opskit {record.action} … "
        f"-H @failed:{record.id} does it anew, and takes the host into use again"
    )
    what = f"it still runs as before, and nobody knows how far the {labour.step} came"
    unsure = (
        HostResult(
            told.name,
            "failed",
            error=told.error if what in told.error else f"{told.error}; {what}".removeprefix("; "),
            hint=hint,
            output=told.output,
            drained=tuple(seat for seat in ours if seat.host == told.name),
        )
        for told in record.hosts
        if told.name in left.those(UNSURE)
    )
    return (*done, *((result, False) for result in unsure))


def _locked(
    memory: Remembered, left: Left, relics: Mapping[str, Mapping[str, Relic]]
) -> tuple[str, ...]:
    """Give the hosts where nothing is done, and that the dead run holds."""
    busy = left.those(FRESH, BACK, AWAY, AGAIN)
    held = {
        host: None
        for told in relics.values()
        for host, relic in told.items()
        if host not in busy and any(lock.rollout == memory.rollout for lock in relic.state.locks)
    }
    return tuple(held)


def _in_the_way(
    changelog: Changelog,
    memory: Remembered,
    relics: Mapping[str, Mapping[str, Relic]],
    taken_over: Mapping[str, tuple[Held, ...]],
) -> LockedError | None:
    """Give the error for a lock of a run that may be alive, if there is one."""
    owners = [held.lock.owner for each in taken_over.values() for held in each]
    locks = (
        (host, lock, relic.state.now)
        for told in relics.values()
        for host, relic in told.items()
        for lock in relic.state.locks
        if lock.owner not in owners and not is_dead(changelog, lock)
    )
    first = next(locks, None)
    return in_the_way(*first, rollout=memory.rollout) if first else None


def _held(
    changelog: Changelog,
    memory: Remembered,
    tenants_there: Sequence[Tenant],
    relics: Mapping[str, Mapping[str, Relic]],
    *,
    why: str,
) -> Mapping[str, tuple[Held, ...]]:
    """Give the locks that are to be broken, by service; raises UsageError without a reason, RefusedError if their owner is alive."""
    states = _states(relics)
    return {
        tenant.service.name: breaking.of_rollout(
            changelog, memory.rollout, states[tenant.service.name], why=why
        )
        for tenant in tenants_there
    }
