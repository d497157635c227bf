"""Drain: hosts taken out of load balancers before they are changed, and put back when they are well again.

What any rolling work does with it, through `Roll` or by itself:

    part = traffic.admit(hosts, begin)    as many of them as the others can do without; no new work comes to them any more
    traffic.around(work)                  a host's work, between the end of its last session and its return
    traffic.settled(result)               of a host that failed: back if it was not touched, else left out, and said

Who looks at a load balancer and takes servers out of it does so in his turn, so that two runs never leave it with none.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.errors import HostError, LockedError, OpskitError, UnhealthyError
from opskit.rollout import haproxy
from opskit.rollout.balancer import balancers_of
from opskit.rollout.facts import StepBegun, Warned
from opskit.rollout.report import StepTime
from opskit.rollout.spare import alone, bearable, server_at
from opskit.rollout.stop import STOP_NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from opskit.fleet.fanout import Fleet
    from opskit.fleet.remote import Remote
    from opskit.rollout.facts import Teller
    from opskit.rollout.haproxy import Server
    from opskit.rollout.report import HostResult
    from opskit.rollout.seats import Drains, Seat
    from opskit.rollout.spare import States
    from opskit.rollout.stop import Stop

    Begin = Callable[[Sequence[str], Sequence[Seat]], bool]
    """Writes that hosts are touched from now on and which seats they are taken from; tells whether to go on."""

PAUSES = (0.1, 0.2, 0.3, 0.5)


class Traffic:
    """The load that hosts of one run get from load balancers; `reason` says why a run may not go on, "" if it may."""

    def __init__(
        self, drains: Drains | None, *, fleet: Fleet, tell: Teller, stop: Stop, owner: str
    ) -> None:
        self.reason = ""
        self._drains = drains
        self._tell = tell
        self._stop = stop
        self._owner = owner
        self._out: dict[str, list[Seat]] = {}
        self._untouched: set[str] = set()
        self._balancers = balancers_of(drains, fleet) if drains else {}

    def admit(self, hosts: Sequence[str], begin: Begin, *, must: bool = True) -> tuple[str, ...]:
        """Take out as many of `hosts` as others can stand in for, after `begin` has written it; gives those, none if the run may not go on.

        Unless they `must` be taken out (and the plan says so, too), hosts that cannot be are changed all the same: what they run is worse.
        """
        if self._drains is None or not self._drains.of(hosts):
            return tuple(hosts) if begin(hosts, ()) else ()
        try:
            with contextlib.ExitStack() as turns:
                for balancer in self._balancers.values():
                    turns.enter_context(balancer.turn(self._owner, self._stop, self._tell))
                return self._admit(hosts, begin, self._look(), must=must and self._drains.must)
        except (HostError, LockedError) as error:
            self._give_back(hosts)
            if (must and self._drains.must) or self._stop.level:
                self.reason = f"the load balancer: {error}"
                return ()
            self._tell(Warned(f"{', '.join(hosts)} changed without a drain: {error}"))
            return tuple(hosts) if begin(hosts, ()) else ()

    def wait(self, host: str) -> None:
        """Wait until a host has no sessions left, but not longer than it may take; raises HostError."""
        began, seats = time.monotonic(), self._out.get(host, [])
        for pause in _pauses():
            if not (left := self._sessions(seats)):
                break
            if time.monotonic() - began > self._seconds:
                what = f"{left} sessions are left there after {self._seconds:g} s: it goes on"
                self._tell(Warned(f"{host}: {what}"))
                break
            if self._stop.wait(pause):
                raise HostError(host, "stopped while it waited for sessions to end")
        self._untouched.discard(host)

    def around(self, work: Callable[[Remote], HostResult]) -> Callable[[Remote], HostResult]:
        """Give a host's work with what comes before and after it: `wait`, and `restore` if it went well."""

        def turn(remote: Remote) -> HostResult:
            host = remote.name
            if host not in self._out:
                return work(remote)
            self._tell(StepBegun(host, "drain"))
            began = time.monotonic()
            self.wait(host)
            waited = StepTime("drain", round((time.monotonic() - began) * 1000))
            result = work(remote)
            result = replace(result, steps=(waited, *result.steps), ms=result.ms + waited.ms)
            return result if self._stop.level >= STOP_NOW else self.settled(result)

        return turn

    def adopt(self, hosts: Sequence[str]) -> list[Seat]:
        """Take over what others took out, to put it back; gives all seats of these hosts."""
        for host in hosts:
            self._out[host] = self._need.of([host])
        return self._need.of(hosts)

    def seats(self, host: str) -> tuple[Seat, ...]:
        """Give the seats that this run took a host from and has not put it back to."""
        return tuple(self._out.get(host, ()))

    def is_out(self, host: str) -> bool:
        """Tell whether this run took a host out and has not put it back."""
        return host in self._out

    def restore(self, host: str) -> None:
        """Put a host back: once every load balancer finds it answers, and until all say that it is up; raises HostError, UnhealthyError."""
        seats = self._out.get(host, [])
        self._wait_for(seats, lambda server: server.answers)
        self._put(seats, haproxy.READY)
        try:
            self._wait_for(seats, lambda server: server.is_well)
        except UnhealthyError:
            with contextlib.suppress(HostError):  # it must not come back later, with nobody there
                self._put(seats, haproxy.DRAIN)
            raise
        self._out.pop(host, None)

    def settled(self, result: HostResult, *, last: bool = False) -> HostResult:
        """Put a host back that was not touched, or is well; of one that is left out, give a result that says so.

        What became of a host may yet be found out, unless this is the `last` that is heard of it.
        """
        host = result.host
        if host not in self._out or result.drained:
            return result
        if result.outcome == "unknown" and not last:
            return result
        if host in self._untouched or result.outcome in ("done", "reverted"):
            try:
                self.restore(host)
            except OpskitError as error:
                return self._left_out(result, error)
            return result
        return self._left_out(result, None)

    def _admit(
        self, hosts: Sequence[str], begin: Begin, states: States, *, must: bool
    ) -> tuple[str, ...]:
        drains = self._need
        count = bearable(hosts, drains.seats, states)
        if not count and not must:
            self._tell(Warned(f"{hosts[0]} is changed without a drain: no other server is up"))
            return (hosts[0],) if begin(hosts[:1], ()) else ()
        if not count:
            self.reason = alone(hosts[:1], drains.of(hosts[:1]), states)
            return ()
        part, out = tuple(hosts[:count]), self._to_take_out(hosts[:count], states)
        if not begin(part, out):
            return ()
        for seat in out:
            self._out.setdefault(seat.host, []).append(seat)
            self._untouched.add(seat.host)
        self._put(out, haproxy.DRAIN)
        return part

    def _to_take_out(self, hosts: Sequence[str], states: States) -> list[Seat]:
        """Give the seats that are ours to take out and to put back; what somebody else took out is left as it is, and said."""
        found = []
        for seat in self._need.of(hosts):
            server = server_at(seat, states)
            if server is None:
                continue
            if server.is_out and seat not in self._need.ours:
                self._tell(Warned(f"{seat.host}: {seat} is in {server.word} already, and left so"))
            else:
                found.append(seat)
        return found

    def _give_back(self, hosts: Iterable[str]) -> None:
        """Put back what was taken out of a part that does not go on after all, as far as it can be told so."""
        for host in hosts:
            if host in self._untouched:
                with contextlib.suppress(HostError):
                    self._put(self._out[host], haproxy.READY)
                    del self._out[host]

    def _left_out(self, result: HostResult, error: OpskitError | None) -> HostResult:
        seats = tuple(self._out[result.host])
        said = f"left out of {', '.join(map(str, seats))}"
        if error is None:
            self._tell(Warned(f"{result.host} is {said}: nobody knows that it is well"))
            why = f"{result.error}; it is {said}" if result.error else f"it is {said}"
            return replace(result, drained=seats, error=why)
        outcome = "failed" if result.outcome in ("done", "reverted") else result.outcome
        what = f"{result.error}; {error}" if result.error else str(error)
        self._tell(Warned(f"{result.host} is {said}: {error}"))
        return replace(result, outcome=outcome, error=what, hint=error.hint, drained=seats)

    @property
    def _need(self) -> Drains:
        assert self._drains is not None  # noqa: S101 - who has seats has drains
        return self._drains

    @property
    def _seconds(self) -> float:
        return self._drains.drain if self._drains else 0.0

    def _look(self) -> States:
        return {name: balancer.look() for name, balancer in self._balancers.items()}

    def _sessions(self, seats: Sequence[Seat]) -> int:
        """Count the sessions that are left at these seats; raises HostError if somebody puts one back."""
        states = {at: self._balancers[at].look() for at in {seat.at for seat in seats}}
        servers = [(seat, server_at(seat, states)) for seat in seats]
        for seat, server in servers:
            if server and not server.is_out:
                raise HostError(seat.at, f"somebody has put {seat.backend}/{seat.server} back")
        return sum(server.sessions for _, server in servers if server)

    def _put(self, seats: Sequence[Seat], state: str) -> None:
        groups: dict[tuple[str, str], list[str]] = {}
        for seat in seats:
            groups.setdefault((seat.at, seat.backend), []).append(seat.server)
        for (at, backend), servers in groups.items():
            self._balancers[at].put(backend, servers, state)

    def _wait_for(self, seats: Sequence[Seat], holds: Callable[[Server], bool]) -> None:
        """Wait until something holds for all seats, not longer than a return may take; raises UnhealthyError."""
        began, limit = time.monotonic(), self._drains.restore if self._drains else 0.0
        for pause in _pauses():
            states = {at: self._balancers[at].look() for at in {seat.at for seat in seats}}
            bad = [(seat, server_at(seat, states)) for seat in seats]
            bad = [(seat, server) for seat, server in bad if not (server and holds(server))]
            if not bad:
                return
            if time.monotonic() - began > limit or self._stop.wait(pause):
                seat, server = bad[0]
                how = f"{server.word} ({server.check})" if server else "gone"
                what = f"{seat.backend}/{seat.server} is {how} after {limit:g} s"
                hint = "can HAProxy reach the service on this host?"
                raise UnhealthyError(seat.at, what, hint=hint)


def _pauses() -> Iterator[float]:
    yield from PAUSES
    while True:
        yield PAUSES[-1]
