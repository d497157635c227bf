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

from opskit.errors import HostError, LockedError, LockLostError, OpskitError, UnhealthyError
from opskit.rollout import haproxy
from opskit.rollout.balancer import USUAL
from opskit.rollout.edge import Edge, pauses
from opskit.rollout.facts import StepBegun, Warned
from opskit.rollout.report import StepTime
from opskit.rollout.spare import alone, bearable, emptied, server_at
from opskit.rollout.stop import STOP_NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from opskit.fleet.fanout import Fleet
    from opskit.fleet.remote import Remote
    from opskit.rollout.balancer import Turns
    from opskit.rollout.facts import Teller
    from opskit.rollout.locks import Locks
    from opskit.rollout.report import HostResult
    from opskit.rollout.seats import Drains, Seat
    from opskit.rollout.spare import States
    from opskit.rollout.stop import Stop

    Begin = Callable[[Sequence[str], Sequence[Seat]], bool]
    """Writes that hosts are touched from now on and which seats they are taken from; tells whether to go on."""

MOST_LOOKS = 5


class Traffic:
    """The load that hosts of one run get from load balancers; `reason` says why a run may not go on, "" if it may."""

    def __init__(
        self,
        drains: Drains | None,
        *,
        fleet: Fleet,
        tell: Teller,
        stop: Stop,
        owner: str,
        turns: Turns = USUAL,
    ) -> None:
        self.reason = ""
        self.locks: Sequence[Locks] = ()
        """Those of this run: a host whose lock was taken, and is gone, is not ours to put back."""
        self._fleet = fleet
        self._drains = drains
        self._tell = tell
        self._stop = stop
        self._out: dict[str, list[Seat]] = {}
        self._untouched: set[str] = set()
        self._doubtful: set[str] = set()
        self._by_hand: set[str] = set()
        self._edge = Edge(drains, fleet, turns, owner=owner, tell=tell, stop=stop)

    def admit(self, hosts: Sequence[str], begin: Begin, *, must: bool = True) -> tuple[str, ...]:
        """Take out as many of `hosts` as others can stand in for, after `begin` has written it; gives those, none if the run may not go on.

        Unless they `must` be taken out (and the plan says so, too), hosts that cannot be are changed all the same: what they run is worse.
        """
        if self._drains is None or not self._drains.of(hosts):
            return tuple(hosts) if begin(hosts, ()) else ()
        must = must and self._drains.must
        try:
            with contextlib.ExitStack() as turns:
                self._edge.enter(turns, must=must)
                return self._admit(hosts, begin, must=must)
        except (HostError, LockedError) as error:
            self._give_back(hosts)
            if must or self._stop.level:
                self.reason = f"the load balancer: {error}"
                return ()
            part = tuple(hosts[: max(1, len(hosts) // 2)])  # nobody says how many are needed
            self._tell(Warned(f"{', '.join(part)} changed without a drain: {error}"))
            return part if begin(part, ()) else ()

    def wait(self, host: str) -> None:
        """Wait until a host has no sessions left, but not longer than it may take; raises HostError."""
        began, seats = time.monotonic(), self._out.get(host, [])
        for pause in pauses():
            if not (left := self._edge.sessions(seats)):
                break
            if time.monotonic() - began > self._need.drain:
                are = "session is" if left == 1 else "sessions are"
                what = f"{left} {are} left there after {self._need.drain:g} s: it goes on"
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
            if host in self._doubtful:
                self._untouched.discard(host)
                return self.settled(work(remote))
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
            self._by_hand.add(host)
        return self._need.of(hosts)

    def seats(self, host: str) -> tuple[Seat, ...]:
        """Give the seats that this run took a host from and has not put it back to."""
        return tuple(self._out.get(host, ()))

    def is_out(self, host: str) -> bool:
        """Tell whether this run took a host out and has not put it back."""
        return host in self._out

    @property
    def doubtful(self) -> tuple[str, ...]:
        """The hosts of which nobody knows whether they were taken out, and that could not be put back."""
        return tuple(host for host in self._doubtful if host in self._out)

    def restore(self, host: str) -> None:
        """Put a host back: once every load balancer finds it answers, and until all say that it is up; raises HostError, UnhealthyError.

        What a load balancer found of a host before it was changed says nothing of how it is now.
        """
        if host not in self._untouched | self._by_hand:
            self._edge.doubt(self._still_ours(host))
        self._edge.wait_for(self._still_ours(host), lambda server: server.answers)
        seats = self._still_ours(host)
        self._demand(host)
        self._edge.put(seats, haproxy.READY)
        try:
            self._edge.wait_for(seats, lambda server: server.is_well or server.in_maintenance)
        except UnhealthyError:
            with contextlib.suppress(HostError):  # it must not come back later, with nobody there
                self._demand(host)
                self._edge.put(self._still_ours(host), haproxy.DRAIN)
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

    def _admit(self, hosts: Sequence[str], begin: Begin, *, must: bool) -> tuple[str, ...]:
        """Look, write, take out: what was seen counts as long as the turn in which it was seen lasts; else it is looked again."""
        wrote: object = None
        for _ in range(MOST_LOOKS):
            states, drains = self._edge.look(), self._need
            count = bearable(hosts, drains.seats, states)
            if not count and not must:
                self._tell(Warned(f"{hosts[0]} is changed without a drain: no other server is up"))
                return (hosts[0],) if begin(hosts[:1], ()) else ()
            if not count:
                self.reason = alone(hosts[:1], drains.of(hosts[:1]), states)
                return ()
            part, out = tuple(hosts[:count]), self._to_take_out(hosts[:count], states)
            if wrote != (part, out) and not begin(part, out):
                return ()
            wrote = part, out
            if self._take_out(out, states):
                return part
        raise LockedError("others take servers out at the same time", hint="try again")

    def _take_out(self, seats: Sequence[Seat], before: States) -> bool:
        """Take seats out, if nobody can have taken others out since it was looked; tells whether that is so, and no backend has none left now."""
        if not self._edge.renew():
            return False
        for seat in seats:
            self._out.setdefault(seat.host, []).append(seat)
            self._untouched.add(seat.host)
        told = self._edge.put(seats, haproxy.DRAIN, in_turn=True)
        if told and not emptied(seats, before, self._edge.look()):
            return True
        served = [s for s in seats if (server := server_at(s, before)) and not server.is_out]
        self._edge.put(served, haproxy.READY)
        for seat in seats:
            self._out.pop(seat.host, None)
            self._untouched.discard(seat.host)
        return False

    def _to_take_out(self, hosts: Sequence[str], states: States) -> list[Seat]:
        """Give the seats that are ours to take out and to put back; what somebody else took out is left as it is, and said."""
        found = []
        for seat in self._need.of(hosts):
            server = server_at(seat, states)
            if server is None:
                continue
            if server.in_maintenance or (server.is_out and seat not in self._need.ours):
                self._tell(Warned(f"{seat.host}: {seat} is in {server.word} already, and left so"))
            else:
                found.append(seat)
        return found

    def _give_back(self, hosts: Iterable[str]) -> None:
        """Put back what was taken out of a part that does not go on after all, as far as it can be told so."""
        for host in hosts:
            if host in self._untouched and host in self._out:
                try:
                    self._demand(host)
                    self._edge.put(self._out[host], haproxy.READY)
                    del self._out[host]
                except HostError:
                    self._doubtful.add(host)

    def _still_ours(self, host: str) -> list[Seat]:
        """Give the seats to which a host is put back: not where somebody has put it into maintenance meanwhile, which is said."""
        seats = self._out.get(host, [])
        for seat, server in () if host in self._by_hand else self._edge.look_at(seats):
            if server and server.in_maintenance:
                self._tell(
                    Warned(f"{host}: somebody put {seat} into {server.word}: it is left so")
                )
                self._out[host] = [each for each in self._out[host] if each != seat]
        return self._out.get(host, [])

    def _demand(self, host: str) -> None:
        """Raise LockLostError if a host is another run's now; one that cannot be asked is what its load balancer finds it to be."""
        for locks in self.locks:
            try:
                locks.demand(self._fleet.remote(host))
            except LockLostError:
                raise
            except HostError:
                continue

    def _left_out(self, result: HostResult, error: OpskitError | None) -> HostResult:
        seats = tuple(self._out[result.host])
        how = "may be" if result.host in self._doubtful else "is"
        said = f"{how} left out of {', '.join(map(str, seats))}"
        if error is None:
            self._tell(Warned(f"{result.host} {said}: nobody knows that it is well"))
            why = f"{result.error}; it {said}" if result.error else f"it {said}"
            return replace(result, drained=seats, error=why)
        outcome = "failed" if result.outcome in ("done", "reverted") else result.outcome
        told = result.error and str(error) in result.error
        what = result.error if told else f"{result.error}; {error}".removeprefix("; ")
        self._tell(Warned(f"{result.host} {said}: {error}"))
        return replace(result, outcome=outcome, error=what, hint=error.hint, drained=seats)

    @property
    def _need(self) -> Drains:
        assert self._drains is not None  # noqa: S101 - who has seats has drains
        return self._drains
