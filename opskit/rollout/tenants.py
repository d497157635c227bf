"""The services that live on the hosts of a run: what each asks for before, between and after, and their locks, all or none.

A run that is about whole hosts, such as a reboot, is about every service on them at once.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from opskit.errors import ConfigError, LockedError
from opskit.fleet.selectors import fold
from opskit.rollout.doors import NO_DRAIN, drained
from opskit.rollout.gates import AGREED, Answer, Floor, Gates, asking, floor_of, pause
from opskit.rollout.seats import Drains, Socket
from opskit.rollout.targets import held_notes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from opskit.changelog import Changelog
    from opskit.config.service import Service
    from opskit.errors import OpskitError
    from opskit.fleet.fanout import Fleet
    from opskit.rollout.context import Run
    from opskit.rollout.gates import Ask
    from opskit.rollout.locks import Locks
    from opskit.rollout.plan import Plan
    from opskit.rollout.roll import Roll
    from opskit.rollout.seats import Seat, Socket
    from opskit.rollout.status import Judge
    from opskit.rollout.targets import Survey


@dataclass(frozen=True, slots=True)
class Tenant:
    """A service that lives on some hosts of a run; `hosts` are all that it lives on, in the run or not."""

    service: Service
    hosts: frozenset[str]

    def on(self, hosts: Sequence[str]) -> list[str]:
        """Give those of `hosts` that it lives on."""
        return [host for host in hosts if host in self.hosts]


def gates_of(tenants: Sequence[Tenant], *, within: float) -> Gates:
    """Give the gates of a run on hosts that are away for at most `within` seconds.

    Raises ConfigError if so many hosts of a service must stay healthy that none may ever be away.
    """
    wanted = ((tenant, floor_of(tenant.service, len(tenant.hosts))) for tenant in tenants)
    floors = tuple(Floor(t.service.name, t.hosts, least) for t, least in wanted if least)
    for floor in floors:
        if floor.room(()) < 1:
            raise ConfigError(
                f"min_healthy of service {floor.service} is {floor.least} of {len(floor.hosts)} hosts: "
                "none of them may ever be away",
                hint=f"lower min_healthy in [services.{floor.service}] of opskit.toml",
            )
    checks = [t.service.health for t in tenants if t.service.health]
    longest = max((each.within + each.settle + each.timeout for each in checks), default=0.0)
    rest = max((tenant.service.pause for tenant in tenants), default=0.0)
    return Gates(pause=rest, detect=within + longest, floors=floors)


def notes(
    tenants: Sequence[Tenant],
    hosts: Sequence[str],
    found: Mapping[str, Survey],
    changelog: Changelog | None = None,
) -> tuple[str, ...]:
    """Say what lives on the hosts, what would not be noticed, and who holds them, see `held_notes`; `found` is what they said, by service."""
    said = [f"{t.service.name} lives on {fold(t.on(hosts))}" for t in tenants]
    said += [
        f"{t.service.name} has no health check: nothing tells whether it comes back"
        for t in tenants
        if not t.service.health
    ]
    empty = [host for host in hosts if not any(host in t.hosts for t in tenants)]
    if empty:
        said.append(
            f"no service of opskit.toml lives on {fold(empty)}: nothing is locked or checked there"
        )
    held = (note for survey in found.values() for note in held_notes(survey.states, changelog))
    return (*said, *dict.fromkeys(held))


def drained_all(
    plan: Plan,
    tenants: Sequence[Tenant],
    fleet: Fleet,
    judge: Judge | None,
    *,
    ours: Iterable[Seat] = (),
    drain: bool = True,
) -> Plan:
    """Give a plan with how its hosts are taken out of the load balancers of all services on them; see `doors.drained`.

    Raises RefusedError, and ConfigError for two load balancers on the same host, which one run cannot speak to.
    """
    made = [
        drained(_only(plan, tenant), tenant.service, fleet, judge, ours=ours, drain=drain)
        for tenant in tenants
    ]
    notes = (note for each in made for note in each.notes)
    plan = replace(plan, notes=(*plan.notes, *dict.fromkeys(notes)))
    found = [each.drains for each in made if each.drains]
    if not found:
        return plan
    sockets: dict[str, Socket] = {}
    for host, socket in (each for drains in found for each in drains.sockets.items()):
        if sockets.setdefault(host, socket) != socket:
            raise ConfigError(
                f"two load balancers on {host}: {sockets[host].path} and {socket.path}",
                hint=NO_DRAIN,
            )
    before, after = ([each.commands[n] for each in made if each.commands] for n in (0, -1))
    return replace(
        plan,
        commands=(*before, *plan.commands, *after),
        drains=Drains(
            seats=tuple(seat for drains in found for seat in drains.seats),
            sockets=sockets,
            drain=max(drains.drain for drains in found),
            restore=max(drains.restore for drains in found),
            ours=frozenset().union(*(drains.ours for drains in found)),
            must=plan.problems_count,
        ),
    )


def _only(plan: Plan, tenant: Tenant) -> Plan:
    """Give the part of a plan that is about the hosts of one service."""
    batches = (tuple(tenant.on(batch)) for batch in plan.batches)
    return replace(
        plan,
        targets=tuple(target for target in plan.targets if target.host in tenant.hosts),
        batches=tuple(filter(None, batches)),
        notes=(),
        commands=(),
    )


def asking_all(plan: Plan, tenants: Sequence[Tenant], run: Run) -> Ask:
    """Give what asks the pause, and the gate of every service that lives on the hosts of the batch before."""

    def ask(number: int, hosts: Sequence[str]) -> Answer:
        pause(plan.gates, run, number)
        for tenant in tenants:
            if tenant.service.gate and tenant.on(hosts):
                own = replace(plan, gates=Gates(check=tenant.service.gate))
                ask_one = asking(own, tenant.service, run.of(tenant.service))
                why, output = ask_one(number, tenant.on(hosts))
                if why:
                    return Answer(f"{tenant.service.name}: {why}", output)
        return AGREED

    return ask


@contextlib.contextmanager
def holding(
    plan: Plan,
    tenants: Sequence[Tenant],
    *,
    run: Run,
    roll: Roll,
    may_be_away: Collection[str] = (),
    also: Collection[str] = (),
    taken_over: Collection[str] = (),
) -> Iterator[Mapping[str, Locks]]:
    """Hold the hosts that are left, and `also` others, for every service on them: gives the locks by service.

    A host that cannot be locked is out of the run, unless it `may_be_away` or is one of the others. `taken_over` are owners of locks that somebody
    has said to be dead. Raises LockedError with nothing held.
    """
    every = {
        tenant.service.name: run.locks(plan, path=tenant.service.path, taken_over=taken_over)
        for tenant in tenants
    }
    roll.traffic.locks = tuple(every.values())
    keys = "" if plan.run else "own"
    try:
        with run.breakable():
            wanted = [*roll.left(), *also]
            for host, error in _take(every, tenants, run=run, hosts=wanted).items():
                if host not in (*may_be_away, *also):
                    roll.note_error(host, error)
        keys = ""
        roll.hold()
        with contextlib.ExitStack() as kept:
            for locks in every.values():
                kept.enter_context(locks.kept())
            yield every
    finally:
        run.fleet.resume()
        for locks in every.values():
            locks.release(run.tell, keys="own" if roll.ends.is_all_done else keys)


def _take(
    every: Mapping[str, Locks], tenants: Sequence[Tenant], *, run: Run, hosts: Sequence[str]
) -> Mapping[str, OpskitError]:
    """Take all locks, or none: while another run holds any, wait as long as there is patience."""
    while True:
        errors: dict[str, OpskitError] = {}
        try:
            for tenant in sorted(tenants, key=lambda each: each.service.path):
                errors |= every[tenant.service.name].take(tenant.on(hosts))
        except LockedError as error:
            for locks in every.values():
                locks.release(run.tell)
            run.patience.wait(error, run.tell, run.stop)
        else:
            return errors
