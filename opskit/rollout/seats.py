"""Where hosts stand behind load balancers: as which server of which backend, and what the changelog tells of who took them out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from opskit.changelog.body import parts, text
from opskit.changelog.event import HOSTS
from opskit.errors import ConfigError
from opskit.rollout.health import filled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opskit.changelog import Event
    from opskit.config.service import Service
    from opskit.fleet.inventory import Host, Inventory

_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,100}")


@dataclass(frozen=True, slots=True, order=True)
class Seat:
    """A host as the server of a backend of the HAProxy on `at`."""

    host: str
    at: str
    backend: str
    server: str

    def __str__(self) -> str:
        return f"{self.backend}/{self.server} on {self.at}"

    def body(self) -> dict[str, str]:
        """Give it as it stands in an event."""
        return {"host": self.host, "at": self.at, "backend": self.backend, "server": self.server}


class Socket(NamedTuple):
    """The runtime socket of a load balancer, spoken to as the user `sudo`, if one is named."""

    path: str
    sudo: str = ""


@dataclass(frozen=True, slots=True)
class Drains:
    """How the hosts of a plan are taken out of load balancers, and put back.

    `sockets` are those of the load balancers' hosts. Times in seconds: `drain` for sessions to end, `restore` until it is up again.
    `ours` were taken out by us before and are to be put back; `must` says whether nothing is changed that could not be taken out.
    """

    seats: tuple[Seat, ...]
    sockets: Mapping[str, Socket]
    drain: float
    restore: float
    ours: frozenset[Seat] = frozenset()
    must: bool = True

    def of(self, hosts: Iterable[str]) -> list[Seat]:
        """Give the seats of these hosts."""
        wanted = set(hosts)
        return [seat for seat in self.seats if seat.host in wanted]


def drains_of(
    service: Service,
    hosts: Sequence[str],
    inventory: Inventory,
) -> Drains | None:
    """Give the seats of a service's hosts, None if it stands behind no load balancer.

    Raises SelectorError, and ConfigError for a host that lacks a var of the server's name.
    """
    behind = service.load_balancer
    if behind is None:
        return None
    doors = [host.name for host in inventory.select(behind.balancer.hosts)]
    seats = tuple(
        Seat(host, at, backend, _server(behind.server, inventory.hosts[host]))
        for host in hosts
        for at in doors
        for backend in behind.backends
    )
    sockets = dict.fromkeys(doors, Socket(behind.balancer.socket, behind.balancer.sudo))
    return Drains(seats, sockets, behind.drain, behind.restore)


def taken_out(events: Iterable[Event]) -> frozenset[Seat]:
    """Give the seats that the events of a rollout, oldest first, say it took out and did not put back.

    A run puts back what it took out or took over itself, and says that before it begins: what it says of a host that it never came to ends nothing.
    """
    out: set[Seat] = set()
    by_run: dict[str, set[Seat]] = {}
    for event in events:
        if event.header.kind != HOSTS:
            continue
        own = by_run.setdefault(text(event.body, "run"), set())
        begun = read(parts(event.body, "drains"))
        own.update(begun)
        out.update(begun)
        for result in parts(event.body, "results"):
            host = text(result, "host")
            out.difference_update([seat for seat in own if seat.host == host])
            out.update(read(parts(result, "drained")))
    return frozenset(out)


def read(bodies: Iterable[Mapping[str, object]]) -> list[Seat]:
    """Read seats of an event; what opskit would not have written is left out."""
    found = []
    for body in bodies:
        seat = Seat(*(text(body, key) for key in ("host", "at", "backend", "server")))
        if (
            seat.host
            and seat.at
            and _NAME.fullmatch(seat.backend)
            and _NAME.fullmatch(seat.server)
        ):
            found.append(seat)
    return found


def _server(pattern: str, host: Host) -> str:
    name = filled(pattern.replace("{short}", host.name.partition(".")[0]), host)
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name[:40]!r} of {host.name} is no server of HAProxy",
            hint="look at `load_balancer.server` in opskit.toml and at the vars of the host",
        )
    return name
