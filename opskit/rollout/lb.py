"""Load balancers as they are now, and hosts taken out of them or put back by hand, recorded as a rollout of its own.

A drain by hand stays until somebody puts the host back: no deploy and no restart does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from opskit.changelog import new_rollout_id
from opskit.errors import ConfigError, OpskitError, RefusedError
from opskit.rollout.doors import ask, commands, known, left_out
from opskit.rollout.facts import BatchBegun
from opskit.rollout.plan import Plan, Target
from opskit.rollout.remembered import BY_HAND
from opskit.rollout.report import HostResult
from opskit.rollout.seats import drains_of
from opskit.rollout.spare import alone, bearable
from opskit.rollout.steps import failed
from opskit.rollout.targets import held_notes, survey

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from opskit.changelog import Changelog, RolloutRecord
    from opskit.config.balancers import Behind
    from opskit.config.service import Service
    from opskit.fleet.fanout import Fleet
    from opskit.fleet.remote import Remote
    from opskit.rollout.context import Run
    from opskit.rollout.drain import Traffic
    from opskit.rollout.haproxy import Backend, Server
    from opskit.rollout.report import Report
    from opskit.rollout.roll import Roll
    from opskit.rollout.seats import Drains, Seat

DRAIN, RESTORE = BY_HAND


@dataclass(frozen=True, slots=True)
class Row:
    """One server of a backend on one load balancer; `host` is ours behind it, "" if none is, `by` the rollout that took it out."""

    at: str
    backend: str
    server: Server
    host: str = ""
    by: RolloutRecord | None = None

    @property
    def well(self) -> bool:
        """Whether it serves, or a drain by hand or a run that still goes on wants it not to: of that, the changelog must know."""
        if not self.host or self.server.is_well:
            return True
        wanted = self.by and (self.by.action == DRAIN or self.by.outcome == "running")
        return self.server.is_out and bool(wanted)


@dataclass(frozen=True, slots=True)
class View:
    """A service's load balancer: each backend on each host of it, its servers, and what could not be asked, by host."""

    service: str
    environment: str
    name: str
    backends: tuple[tuple[str, Backend], ...]
    rows: tuple[Row, ...]
    errors: Mapping[str, OpskitError]

    @property
    def well(self) -> bool:
        """Whether all answer, every backend has a server that serves, and no host is down, or out unless it is known who wants that."""
        serve = (any(s.serves for s in backend.servers.values()) for _, backend in self.backends)
        return not self.errors and all(serve) and all(row.well for row in self.rows)


@dataclass(frozen=True, slots=True)
class ByHand:
    """The plan of a drain or a restore by hand, and its service."""

    plan: Plan
    service: Service


def look(
    service: Service, fleet: Fleet, changelog: Changelog, *, only: Collection[str] | None = None
) -> View:
    """Ask the load balancers of a service how its servers are, or those of some hosts `only`; raises ConfigError if it stands behind none."""
    behind, drains = _behind(service), _drains(service, fleet)
    states, errors = ask(drains, fleet)
    by = left_out(changelog, service, drains.seats)
    seats = {(seat.at, seat.backend, seat.server): seat for seat in drains.seats}
    backends = tuple((at, states[at][name]) for at in sorted(states) for name in behind.backends)
    rows = [
        _row(at, backend, server, seats, by)
        for at, backend in backends
        for server in backend.servers.values()
    ]
    name = behind.balancer.name
    chosen = tuple(row for row in rows if only is None or row.host in only)
    return View(service.name, service.environment, name, backends, chosen, errors)


def plan_by_hand(
    action: str,
    *,
    service: Service,
    hosts: Sequence[str],
    fleet: Fleet,
    why: str,
    rollout: str = "",
) -> ByHand:
    """Say what a drain or a restore of these hosts will do; changes nothing.

    Raises ConfigError, and RefusedError if a load balancer does not answer or cannot do without them.
    """
    behind = _behind(service)
    drains = drains_of(service, hosts, fleet.inventory)
    assert drains  # noqa: S101 - it stands behind a load balancer
    states, errors = ask(drains, fleet)
    drains, problems = known(drains, states)
    for said in (*map(str, errors.values()), *problems):
        raise RefusedError(f"the load balancer: {said}")
    count = bearable(hosts, drains.seats, states)
    if action == DRAIN and count < len(hosts):
        raise RefusedError(alone(hosts, drains.seats, states))
    found = survey(fleet, hosts, path=service.path) if action == RESTORE else None
    targets = found.targets if found else tuple(map(Target, hosts))
    ready = [target.host for target in targets if not target.problem]
    told = commands(behind)[action == RESTORE]
    plan = Plan(
        rollout=rollout or new_rollout_id(),
        action=action,
        environment=service.environment,
        service=service.name,
        targets=targets,
        batches=(tuple(ready),) if ready else (),
        why=why,
        problems_count=False,
        drains=replace(drains, ours=frozenset(drains.seats) if found else frozenset()),
        notes=held_notes(found.states) if found else (),
        commands=(told,),
    )
    return ByHand(plan, service)


def by_hand(made: ByHand, run: Run) -> Report:
    """Do what the plan says.

    Raises LockedError (of a restore: while a run holds a host), RefusedError and ChangelogError with nothing changed.
    """

    def body(roll: Roll) -> None:
        if made.plan.action == DRAIN:
            part = roll.traffic.admit(roll.left(), roll.begin)
            if part:
                _each(made, run, roll, _drain_one(roll.traffic), part)
            else:
                roll.heed_traffic()
            return
        with run.locked(made.plan, roll, path=made.service.path):
            part = roll.left()
            if part and roll.begin(part, roll.traffic.adopt(part)):
                _each(made, run, roll, _restore_one(made.plan, roll.traffic), part)

    must = made.plan.action == DRAIN
    return run.record(made.plan, body, path=made.service.path, must=must)


def _each(
    made: ByHand,
    run: Run,
    roll: Roll,
    work: Callable[[Remote], HostResult],
    hosts: Sequence[str],
) -> None:
    run.tell(BatchBegun(1, 1, tuple(hosts)))
    for outcome in run.fleet.each(work, hosts):
        error = outcome.error or OpskitError("nothing came back")
        before = made.plan.live_before(outcome.host)
        result = outcome.value or failed(outcome.host, error, before=before, after=before)
        roll.end(roll.traffic.settled(result))


def _drain_one(traffic: Traffic) -> Callable[[Remote], HostResult]:
    def work(remote: Remote) -> HostResult:
        seats = traffic.seats(remote.name)
        traffic.wait(remote.name)
        return HostResult(remote.name, "done", drained=seats)

    return work


def _restore_one(plan: Plan, traffic: Traffic) -> Callable[[Remote], HostResult]:
    def work(remote: Remote) -> HostResult:
        traffic.restore(remote.name)
        live = plan.live_before(remote.name)
        return HostResult(remote.name, "done", live, live, live)

    return work


def _row(
    at: str,
    backend: Backend,
    server: Server,
    seats: Mapping[tuple[str, str, str], Seat],
    by: Mapping[Seat, RolloutRecord],
) -> Row:
    seat = seats.get((at, backend.name, server.name))
    if seat is None:
        return Row(at, backend.name, server)
    return Row(at, backend.name, server, seat.host, by.get(seat) if server.is_out else None)


def _behind(service: Service) -> Behind:
    if service.load_balancer is None:
        raise ConfigError(
            f"service {service.name} stands behind no load balancer in {service.environment}",
            hint=f"add load_balancer = … to [services.{service.name}] in opskit.toml",
        )
    return service.load_balancer


def _drains(service: Service, fleet: Fleet) -> Drains:
    """Give the seats of all hosts of a service."""
    hosts = [host.name for host in fleet.inventory.select(service.hosts)]
    drains = drains_of(service, hosts, fleet.inventory)
    assert drains  # noqa: S101 - as above
    return drains
