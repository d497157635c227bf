"""What load balancers say: that they can be told to drain, know the hosts, and could do without one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.errors import OpskitError
from opskit.rollout.doctor.finding import Finding, failed
from opskit.rollout.doors import ask, known
from opskit.rollout.followers import HINT, ask_followers
from opskit.rollout.seats import drains_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from opskit.config.service import Service
    from opskit.fleet.fanout import Fleet
    from opskit.rollout.haproxy import Backend

AREA = "load balancers"


def check_balancers(fleet: Fleet, services: Iterable[Service]) -> Iterator[Finding]:
    """Ask the load balancers of services about them; changes nothing."""
    for service in services:
        try:
            yield from _check(fleet, service)
        except OpskitError as error:
            yield failed(AREA, error)


def _check(fleet: Fleet, service: Service) -> Iterator[Finding]:
    hosts = [host.name for host in fleet.inventory.select(service.hosts)]
    drains = drains_of(service, hosts, fleet.inventory) if service.load_balancer else None
    if drains is None:
        return
    states, errors = ask(drains, fleet)
    for host, error in errors.items():
        yield failed(AREA, error, host)
    drains, problems = known(drains, states)
    hint = "look at `load_balancer` in opskit.toml, and at haproxy.cfg"
    for said in problems:
        yield Finding(AREA, "bad", f"{service.name}: {said}", hint)
    for at, backends in states.items():
        for name in dict.fromkeys(seat.backend for seat in drains.seats):
            yield _spare(service, at, backends[name])
    for at, said in ask_followers(drains, fleet).items():
        yield Finding(AREA, "warn", f"{service.name}: {said}", HINT, (at,))


def _spare(service: Service, at: str, backend: Backend) -> Finding:
    up = sum(server.serves for server in backend.servers.values())
    what = f"{service.name}: {backend.name} has {up} of {len(backend.servers)} servers up"
    if up > 1:
        return Finding(AREA, "ok", what, hosts=(at,))
    last = [server.name for server in backend.servers.values() if server.serves]
    hint = (
        f"the last one that is up is never drained, so {last[0]} cannot be changed: see `opskit lb`"
        if last
        else "nobody is served, as before a first deploy; hosts can be changed: see `opskit lb`"
    )
    return Finding(AREA, "warn", what, hint, (at,))
