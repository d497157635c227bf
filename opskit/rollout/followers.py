"""Servers of HAProxy that track ours (`track` in haproxy.cfg): they are out as long as ours are, in backends that nobody named to opskit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.rollout.balancer import balancers_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opskit.fleet.fanout import Fleet
    from opskit.rollout.seats import Drains, Seat

    Place = tuple[str, str]
    """A backend, and a server of it."""

MOST_NAMED = 5
HINT = "name that backend in `load_balancer.backends`, too, if its servers are called as ours are; else look that it has others"


def ask_followers(drains: Drains, fleet: Fleet) -> dict[str, str]:
    """Ask load balancers which servers follow the seats of `drains` and are none; gives what is to be said of that, by host. One that does not answer is left out."""
    balancers = balancers_of(drains, fleet)
    told = fleet.each(lambda remote: balancers[remote.name].tracked(), balancers)
    found = {each.host: followers(drains.seats, each.host, each.value or {}) for each in told}
    return {at: _said(at, places) for at, places in found.items() if places}


def followers(seats: Iterable[Seat], at: str, tracked: Mapping[Place, Place]) -> tuple[Place, ...]:
    """Give the servers at a load balancer that follow seats there, directly or through others, and are none themselves."""
    ours = {(seat.backend, seat.server) for seat in seats if seat.at == at}
    reached = set(ours)
    while more := {
        one for one, other in tracked.items() if other in reached and one not in reached
    }:
        reached |= more
    return tuple(sorted(reached - ours))


def _said(at: str, places: tuple[Place, ...]) -> str:
    names = [f"{backend}/{server}" for backend, server in places]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    are = "tracks a server" if len(names) == 1 else "track servers"
    out = "it is" if len(names) == 1 else "they are"
    return f"{', '.join(names[:MOST_NAMED])}{more} on {at} {are} of ours: {out} drained along, and nobody looks whether others are left there"
