"""HAProxy on one host, as a run speaks to it: what it says, who may take servers out of it now, and how it is told to."""

from __future__ import annotations

import contextlib
import random
import re
import sys
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from opskit.errors import (
    CommandFailedError,
    ConnectionLostError,
    HostError,
    HostKeyError,
    HostUnfitError,
    LockedError,
    LoginError,
    UnreachableError,
)
from opskit.fleet.command import Command
from opskit.rollout import haproxy, turn
from opskit.rollout.facts import Doing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opskit.fleet.fanout import Fleet
    from opskit.fleet.remote import Remote
    from opskit.rollout.facts import Teller
    from opskit.rollout.haproxy import Backend
    from opskit.rollout.seats import Drains, Socket
    from opskit.rollout.stop import Stop

TIMEOUT = 15.0  # seconds that an answer may take
GONE = (UnreachableError, ConnectionLostError, HostKeyError, LoginError)
_OWNER = re.compile(r"[a-z0-9~]{1,64}")


class Turns(NamedTuple):
    """How many seconds a turn lasts, and for how many one is waited for."""

    seconds: int = turn.SECONDS
    patience: float = 2.0 * turn.SECONDS


USUAL = Turns()


class Balancer:
    """One HAProxy. Threads may share it: one of them speaks at a time, and all who waited meanwhile take what it was told."""

    def __init__(
        self, remote: Remote, socket: Socket, backends: Sequence[str], turns: Turns = USUAL
    ) -> None:
        self.name = remote.name
        self._remote = remote
        self._socket, self._sudo = socket
        self._backends = tuple(dict.fromkeys(backends))
        self._turns = turns
        self._until = 0.0
        self._lock = threading.Lock()
        self._by_command = bool(self._sudo)
        self._asked_at = -1.0
        self._seen: Mapping[str, Backend] = {}

    def look(self) -> Mapping[str, Backend]:
        """Give what it says now of its backends; raises HostError, HostUnfitError for a backend that it has not."""
        wanted = time.monotonic()
        with self._lock:
            if self._asked_at < wanted:
                asked_at = time.monotonic()
                self._seen = self._read(self._say(haproxy.look(self._backends)))
                self._asked_at = asked_at
            return self._seen

    def tracked(self) -> Mapping[tuple[str, str], tuple[str, str]]:
        """Give which servers of any backend follow the state of others, see `haproxy.read_tracked`; raises HostError."""
        with self._lock:
            return haproxy.read_tracked(self._say(haproxy.look_at_all()))

    def put(
        self, backend: str, servers: Sequence[str], told: str, *, in_turn: bool = False
    ) -> bool:
        """Tell servers something, see `haproxy.set_servers`; only in one's turn, if asked so: tells whether that was not over yet. Raises HostError."""
        with self._lock:
            self._asked_at = -1.0
            for line in haproxy.set_servers(backend, servers, told):
                if in_turn and now() > self._until:
                    return False
                if said := haproxy.complaint(self._say(line)):
                    what = f"HAProxy does not set {backend}/{', '.join(servers)} to {told}: {said}"
                    raise HostError(self.name, what, hint="is the socket of `level admin`?")
            if told == haproxy.READY:
                self._wake(backend, servers)
        return True

    @contextlib.contextmanager
    def turn(self, owner: str, stop: Stop, tell: Teller) -> Iterator[None]:
        """Be the only one for the block who takes servers out; raises LockedError when that takes too long, or `stop` is wished for."""
        try:
            self.renew(owner, stop, tell)
            yield
        finally:
            give = Command(turn.give(self._socket, owner=owner), timeout=TIMEOUT)
            with contextlib.suppress(HostError):  # it ends by itself
                self._remote.execute(give)

    def renew(self, owner: str, stop: Stop, tell: Teller) -> bool:
        """Have one's turn for as long again, or take it; tells whether it was one's own all the time. Raises LockedError, HostError."""
        until, told = time.monotonic() + self._turns.patience, False
        while (said := self._taken(owner)) not in ("taken", "kept"):
            if not told:
                tell(Doing(f"waits for its turn at {self.name}: {said} takes servers out"))
            told = True
            if time.monotonic() > until or stop.rest(random.uniform(0.1, 0.5)):  # noqa: S311 - so that two do not step in time
                raise LockedError(f"{self.name}: {said} takes servers out there", hint="try again")
        return said == "kept"

    def _taken(self, owner: str) -> str:
        """Give `taken`, `kept`, or who has the turn."""
        began, seconds = now(), self._turns.seconds
        script = turn.take(self._socket, owner=owner, seconds=seconds, anybody=bool(self._sudo))
        said = self._remote.execute(Command(script, timeout=TIMEOUT))
        word, _, who = (
            said.require("taking turns at the load balancer").text.strip().partition(" ")
        )
        if word in ("taken", "kept"):
            self._until = (
                began + seconds / 2
            )  # what is said in the first half is heard in the second
            return word
        return who if _OWNER.fullmatch(who) else "another run"

    def _wake(self, backend: str, servers: Sequence[str]) -> None:
        """Let servers that are ready take their part of what waits, as far as it can be told so."""
        with contextlib.suppress(HostError):
            found = haproxy.read(self._say(haproxy.look([backend])))
            for line in haproxy.wake(found[backend], servers) if backend in found else ():
                self._say(line)

    def _say(self, text: str) -> str:
        """Say something on the socket, through the SSH connection; where sshd does not let us, by a tool of the host's."""
        if not self._by_command:
            try:
                return self._through(text)
            except GONE:
                raise
            except HostError:
                self._remote.running.check(self.name)
        answer = self._with_a_tool(text)
        self._by_command = True
        return answer

    def _through(self, text: str) -> str:
        data = text.encode()
        answer = self._remote.ask_socket(self._socket, data, timeout=TIMEOUT, most=haproxy.MOST)
        return answer.decode("utf-8", "replace")

    def _with_a_tool(self, text: str) -> str:
        script = haproxy.by_command(self._socket, text)
        result = self._remote.execute(Command(script, timeout=TIMEOUT * 2, sudo=self._sudo))
        if result.ok and result.truncated:
            raise CommandFailedError(self.name, f"the answer of {self._socket} is too long")
        if result.ok:
            return result.text
        said = result.stderr.decode("utf-8", "replace").strip()[:300]
        hints = {
            haproxy.NO_SOCKET: "look at `socket` of the load balancer in opskit.toml, and at `stats socket` in haproxy.cfg",
            haproxy.NO_RIGHT: "give the login user a group that may (`stats socket … mode 660 group deploy level admin`), or say sudo = true",
            haproxy.NO_TOOL: "or allow AllowStreamLocalForwarding in sshd_config there",
        }
        if result.exit in hints:
            raise HostUnfitError(self.name, said, hint=hints[result.exit])
        what = f"HAProxy does not answer on {self._socket}"
        raise CommandFailedError(self.name, what, hint="does it run there?", output=said)

    def _read(self, answer: str) -> Mapping[str, Backend]:
        found = haproxy.read(answer)
        for backend in self._backends:
            if backend not in found:
                hint = "look at `load_balancer.backends` in opskit.toml"
                raise HostUnfitError(self.name, f"HAProxy has no backend {backend}", hint=hint)
        return found


def now() -> float:
    """Give the seconds of a clock that goes on while this machine sleeps."""
    on_macos = sys.platform == "darwin"  # where this one does
    return time.clock_gettime(time.CLOCK_MONOTONIC if on_macos else time.CLOCK_BOOTTIME)


def balancers_of(drains: Drains, fleet: Fleet, turns: Turns = USUAL) -> dict[str, Balancer]:
    """Give the load balancers by their hosts, in the order in which turns are taken."""
    backends: dict[str, list[str]] = {}
    for seat in drains.seats:
        backends.setdefault(seat.at, []).append(seat.backend)
    return {
        at: Balancer(fleet.remote(at), drains.sockets[at], backends[at], turns)
        for at in sorted(backends)
    }
