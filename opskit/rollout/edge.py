"""All load balancers of a run at once: what they say, whose turn it is there, what they are told and what is waited for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opskit.errors import HostError, LockedError, UnhealthyError
from opskit.rollout import haproxy
from opskit.rollout.balancer import USUAL, balancers_of
from opskit.rollout.facts import Warned
from opskit.rollout.spare import server_at

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable, Iterator, Sequence

    from opskit.fleet.fanout import Fleet
    from opskit.rollout.balancer import Turns
    from opskit.rollout.facts import Teller
    from opskit.rollout.haproxy import Server
    from opskit.rollout.seats import Drains, Seat
    from opskit.rollout.spare import States
    from opskit.rollout.stop import Stop

PAUSES = (0.1, 0.2, 0.3, 0.5)


class Edge:
    """The load balancers of a run, by their hosts; none without `drains`."""

    def __init__(
        self,
        drains: Drains | None,
        fleet: Fleet,
        turns: Turns = USUAL,
        *,
        owner: str,
        tell: Teller,
        stop: Stop,
    ) -> None:
        self._balancers = balancers_of(drains, fleet, turns) if drains else {}
        self._restore = drains.restore if drains else 0.0
        self._whose = owner, stop, tell
        self._tell = tell
        self._stop = stop
        self._in_turn = True

    def enter(self, turns: contextlib.ExitStack, *, must: bool) -> None:
        """Take the turns at all of them, in `turns`. What `must` not have them goes on without, and does not ask again.

        Raises LockedError, HostError.
        """
        try:
            for balancer in self._balancers.values() if self._in_turn else ():
                turns.enter_context(balancer.turn(*self._whose))
        except LockedError as error:
            if must or self._stop.level:
                raise
            self._in_turn = False
            self._tell(Warned(f"takes servers out without its turn: {error}"))

    def renew(self) -> bool:
        """Have the turns for as long again; tells whether they were ours all the time. Raises LockedError, HostError."""
        renewed = [b.renew(*self._whose) for b in self._balancers.values() if self._in_turn]
        return all(renewed)

    def look(self) -> States:
        """Give what all of them say now; raises HostError."""
        return {name: balancer.look() for name, balancer in self._balancers.items()}

    def look_at(self, seats: Sequence[Seat]) -> list[tuple[Seat, Server | None]]:
        """Give how the servers at these seats are now; raises HostError."""
        states = {at: self._balancers[at].look() for at in {seat.at for seat in seats}}
        return [(seat, server_at(seat, states)) for seat in seats]

    def sessions(self, seats: Sequence[Seat]) -> int:
        """Count the sessions that are left at these seats; raises HostError if somebody puts one back."""
        servers = self.look_at(seats)
        for seat, server in servers:
            if server and not server.is_out:
                raise HostError(seat.at, f"somebody has put {seat.backend}/{seat.server} back")
        return sum(server.sessions for _, server in servers if server)

    def put(self, seats: Sequence[Seat], told: str, *, in_turn: bool = False) -> bool:
        """Tell seats to drain or to be ready; only in our turns, if asked so and if we have them: tells whether none was over yet. Raises HostError."""
        groups: dict[tuple[str, str], list[str]] = {}
        for seat in seats:
            groups.setdefault((seat.at, seat.backend), []).append(seat.server)
        in_turn = in_turn and self._in_turn
        return all(
            self._balancers[at].put(backend, servers, told, in_turn=in_turn)
            for (at, backend), servers in groups.items()
        )

    def doubt(self, seats: Sequence[Seat]) -> None:
        """Let checks that HAProxy began before now say nothing of these seats any more, where it has any; raises HostError, UnhealthyError.

        One that is under way may have been answered by what ran there before, so the seats are in doubt again once it is over.
        """
        checked = [(seat, s) for seat, s in self.look_at(seats) if s and s.is_checked]
        self.put([seat for seat, _ in checked], haproxy.DOUBT)
        if busy := [seat for seat, server in checked if server.is_being_checked]:
            self.wait_for(busy, lambda server: bool(server.held) or not server.is_being_checked)
            self.put(busy, haproxy.DOUBT)

    def wait_for(self, seats: Sequence[Seat], holds: Callable[[Server], bool]) -> None:
        """Wait until something holds for all seats, not longer than a return may take; raises UnhealthyError."""
        began, limit = time.monotonic(), self._restore
        for pause in pauses():
            bad = [(seat, s) for seat, s in self.look_at(seats) if not (s and holds(s))]
            if not bad:
                return
            if time.monotonic() - began > limit or self._stop.wait(pause):
                seat, server = bad[0]
                how = f"{server.word} ({server.check})" if server else "gone"
                what = f"{seat.backend}/{seat.server} is {how} after {limit:g} s"
                raise UnhealthyError(seat.at, what, hint=_hint(server))


def _hint(server: Server | None) -> str:
    if server and server.is_checked and "OK" in server.check:
        return "`load_balancer.restore` must be longer than HAProxy takes for its checks: `rise` times `inter`"
    return "can HAProxy reach the service on this host?"


def pauses() -> Iterator[float]:
    """Give the seconds between two looks."""
    yield from PAUSES
    while True:
        yield PAUSES[-1]
