"""How many hosts a load balancer can do without: the last server of a backend is never taken out. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.fleet.selectors import fold
from opskit.rollout.haproxy import UP

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from opskit.rollout.haproxy import Backend, Server
    from opskit.rollout.seats import Seat

    States = Mapping[str, Mapping[str, Backend]]
    """What each load balancer said, by its host, of its backends, by their names."""


def bearable(hosts: Sequence[str], seats: Sequence[Seat], states: States) -> int:
    """Give how many of `hosts`, from the first, may be taken out so that every backend that serves still does.

    A host that serves nowhere can always be spared.
    """
    count = 0
    while count < len(hosts) and _is_bearable(hosts[: count + 1], seats, states):
        count += 1
    return count


def alone(hosts: Sequence[str], seats: Sequence[Seat], states: States) -> str:
    """Say why hosts cannot be taken out, which are all that serves somewhere."""
    where = next(s for s in seats if not _is_bearable(hosts, _like(s, seats), states))
    place = f"up in {where.backend} on {where.at}"
    if len(hosts) == 1:
        return f"{hosts[0]} is the only server that is {place}: it is not drained"
    return f"no server but {fold(hosts)} is {place}: they are not drained all at once"


def _like(one: Seat, seats: Sequence[Seat]) -> list[Seat]:
    return [seat for seat in seats if (seat.at, seat.backend) == (one.at, one.backend)]


def emptied(seats: Iterable[Seat], before: States, after: States) -> bool:
    """Tell whether a backend of these seats had a server that serves, and has none any more."""

    def serves(states: States, at: str, backend: str) -> bool:
        return any(server.serves for server in states[at][backend].servers.values())

    places = {(seat.at, seat.backend) for seat in seats}
    return any(serves(before, *place) and not serves(after, *place) for place in places)


def once_back(seats: Collection[Seat], states: States) -> States:
    """Give what load balancers will say once these seats are put back; a server in maintenance stays there."""
    ours = {(seat.at, seat.backend, seat.server) for seat in seats}

    def then(at: str, name: str, server: Server) -> Server:
        if (at, name, server.name) not in ours or server.in_maintenance:
            return server
        return replace(server, admin=0, status=UP)

    return {
        at: {
            name: replace(
                backend,
                servers={each: then(at, name, server) for each, server in backend.servers.items()},
            )
            for name, backend in backends.items()
        }
        for at, backends in states.items()
    }


def server_at(seat: Seat, states: States) -> Server | None:
    """Give what is known of a seat's server, None if the load balancer has none of that name."""
    return states[seat.at][seat.backend].servers.get(seat.server)


def _is_bearable(hosts: Sequence[str], seats: Iterable[Seat], states: States) -> bool:
    out: dict[tuple[str, str], set[str]] = {}
    for seat in seats:
        if seat.host in hosts:
            out.setdefault((seat.at, seat.backend), set()).add(seat.server)
    for (at, backend), names in out.items():
        serving = {s.name for s in states[at][backend].servers.values() if s.serves}
        if serving & names and not serving - names:
            return False
    return True
