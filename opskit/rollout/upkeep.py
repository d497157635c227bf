"""Upkeep: work on whole hosts, batch by batch: out of use, worked on, back, healthy with all that lives there, in use again.

`reboot` and `replace` say what the work is (see `labour`); what is left of it when it was broken off, `reopen` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.changelog import new_rollout_id
from opskit.config.model import NOTHING
from opskit.rollout import boots, breaking, tenants
from opskit.rollout.batches import split
from opskit.rollout.gates import parts_of
from opskit.rollout.plan import Plan, Target
from opskit.rollout.probe import Release
from opskit.rollout.status import by_words
from opskit.rollout.targets import out_of_reach, survey
from opskit.rollout.upkeep_host import UpkeepHost

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from opskit.changelog import Changelog
    from opskit.errors import LockedError
    from opskit.fleet.fanout import Fleet
    from opskit.fleet.remote import Remote
    from opskit.rollout.breaking import Held
    from opskit.rollout.context import Run
    from opskit.rollout.gates import Gates
    from opskit.rollout.labour import Labour
    from opskit.rollout.probe import HostState
    from opskit.rollout.report import HostResult, Report
    from opskit.rollout.roll import Roll
    from opskit.rollout.status import Judge
    from opskit.rollout.tenants import Tenant

WITHIN = 600.0
"""Seconds that a host may be away, if nobody says so."""
BATCHES = (1,)


@dataclass(frozen=True, slots=True)
class UpkeepPlan:
    """A plan, and what upkeep needs beside it.

    `live` is what each host ran of each service, by the service's name. Hosts that `may_be_away` are worked on all the
    same. Of one that is resumed, `broken` are hosts on which the work is done, or was at least begun: they are waited for, not worked on; `rest` are
    results of hosts where nothing is left to do, and whether they are recorded, `locked` those that its dead run holds all the same; `taken_over` are locks, by service, that are broken
    because somebody says so, `in_the_way` says of another one.
    """

    plan: Plan
    tenants: tuple[Tenant, ...]
    labour: Labour
    live: Mapping[str, Mapping[str, Release]]
    may_be_away: frozenset[str] = frozenset()
    broken: frozenset[str] = frozenset()
    rest: tuple[tuple[HostResult, bool], ...] | None = None
    locked: tuple[str, ...] = ()
    taken_over: Mapping[str, tuple[Held, ...]] = NOTHING
    in_the_way: LockedError | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for: hosts of an environment in `batches`, each away for at most `within` seconds, and why."""

    hosts: tuple[str, ...]
    environment: str
    why: str
    batches: tuple[int | str, ...] = BATCHES
    within: float = WITHIN
    max_failures: int = 0
    rollout: str = ""
    drain: bool = True


def plan_upkeep(
    action: str,
    labour: Labour,
    wish: Wish,
    *,
    tenants_there: Sequence[Tenant],
    fleet: Fleet,
    judge: Judge,
) -> UpkeepPlan:
    """Ask every host since when it runs, and what; say what will be done. Changes nothing. Raises ConfigError."""
    hosts = wish.hosts
    targets, said = _admitted(ask_boots(fleet, hosts), labour)
    found = {
        t.service.name: survey(fleet, t.on(hosts), path=t.service.path) for t in tenants_there
    }
    gates = tenants.gates_of(tenants_there, within=wish.within)
    plan = Plan(
        rollout=wish.rollout or new_rollout_id(),
        action=action,
        environment=wish.environment,
        targets=targets,
        batches=_batches(targets, wish, gates),
        why=wish.why,
        max_failures=wish.max_failures,
        gates=gates,
        gated=True,
        within=wish.within,
        users=labour.users,
        task=labour.recorded[0],
        script=labour.recorded[1],
        notes=(
            *tenants.notes(tenants_there, hosts, found, judge.changelog),
            *by_words(said.items()),
        ),
        commands=_commands(labour, hosts),
    )
    states = {service: survey.states for service, survey in found.items()}
    plan = tenants.drained_all(plan, tenants_there, fleet, judge, drain=wish.drain)
    live = live_on(tenants_there, states, judge.changelog if labour.regains else None)
    return UpkeepPlan(plan, tuple(tenants_there), labour, live, may_be_away=frozenset(said))


def _batches(targets: Sequence[Target], wish: Wish, gates: Gates) -> tuple[tuple[str, ...], ...]:
    """Give the batches that are asked for, cut to what the floors of the services allow."""
    batches = split([t.host for t in targets if not t.problem], wish.batches)
    away = [t.host for t in targets if t.problem]
    return tuple(part for batch in batches for part in parts_of(gates, batch, away))


def ask_boots(fleet: Fleet, hosts: Sequence[str]) -> tuple[Target, ...]:
    """Give a target for each host, with the boot that it runs since, or with what stands in the way."""
    found = {outcome.host: outcome for outcome in fleet.each(boots.read, hosts)}
    return tuple(
        out_of_reach(host, error)
        if (error := found[host].error)
        else Target(host, boot=found[host].value or "")
        for host in hosts
    )


def _admitted(
    targets: Sequence[Target], labour: Labour
) -> tuple[tuple[Target, ...], Mapping[str, str]]:
    """Give the hosts that take part, and what is said of those that do so though they do not answer: they are replaced."""
    if not labour.new_machine:
        return tuple(targets), NOTHING
    said = {t.host: f"is replaced, though out of reach: {t.problem}" for t in targets if t.problem}
    return tuple(Target(t.host) if t.host in said else t for t in targets), said


def live_on(
    tenants_there: Sequence[Tenant],
    states: Mapping[str, Mapping[str, HostState]],
    changelog: Changelog | None,
    *,
    lost: Collection[str] = (),
) -> Mapping[str, Mapping[str, Release]]:
    """Give what each host runs of each service: as it says itself in `states`, else as the changelog says, if that is asked.

    Of hosts that may have `lost` it already, the changelog has the first word.
    """
    found: dict[str, Mapping[str, Release]] = {}
    for service in (tenant.service for tenant in tenants_there):
        recorded = changelog.live(service.name, service.environment) if changelog else {}
        known = {
            host: Release(live.release, live.revision, live.label)
            for host, live in recorded.items()
        }
        told = states.get(service.name, {})
        said = {host: state.current for host, state in told.items() if state.current}
        sure = {host: release for host, release in said.items() if host not in lost}
        found[service.name] = {**said, **known, **sure}
    return found


def upkeep(made: UpkeepPlan, run: Run) -> Report:
    """Do what the plan says.

    Raises LockedError or ChangelogError with nothing changed; whatever comes of hosts is in the report.
    """
    plan = made.plan
    if made.in_the_way and not run.patience:
        raise made.in_the_way
    owners = [held.lock.owner for each in made.taken_over.values() for held in each]
    for tenant in made.tenants:
        if held := made.taken_over.get(tenant.service.name):
            breaking.record(run.changelog, tenant.service, held, why=plan.why)

    def body(roll: Roll) -> None:
        with tenants.holding(
            plan,
            made.tenants,
            run=run,
            roll=roll,
            may_be_away=made.may_be_away,
            also=made.locked,
            taken_over=owners,
        ) as locks:

            def work(remote: Remote) -> HostResult:
                return UpkeepHost(made, remote, run=run, roll=roll, locks=locks).work()

            roll.run(work, ask=tenants.asking_all(plan, made.tenants, run))

    return run.record(plan, body, rest=made.rest)


def _commands(labour: Labour, hosts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    by_words: dict[str, list[str]] = {}
    for host in hosts:
        by_words.setdefault(labour.shown(host), []).append(host)
    if len(by_words) == 1:
        return ((labour.step, next(iter(by_words))),)
    return tuple((f"{labour.step} {','.join(names)}", said) for said, names in by_words.items())
