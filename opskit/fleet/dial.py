"""The way to a host: TCP, a proxy command or a tunnel through jump hosts, then keys and login."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from opskit.errors import HostError, UnreachableError
from opskit.fleet import problems
from opskit.fleet.hostkeys import KnownHosts
from opskit.fleet.quickstart import import_paramiko
from opskit.fleet.wire import Proxy, Wire, connect, notice_dead_peer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opskit.config.model import Ssh
    from opskit.fleet.connection import Transport
    from opskit.fleet.guard import Guard
    from opskit.fleet.inventory import Host
    from opskit.fleet.keys import KeyRing
    from opskit.fleet.running import Running

MEMORY = 5.0
"""Seconds that a jump host's failure answers for all who want to go through it."""


@dataclass(slots=True)
class Gate:
    """A jump host: one connection that all targets behind it share."""

    slots: threading.BoundedSemaphore
    lock: threading.Lock = field(default_factory=threading.Lock)
    transport: Transport | None = None
    error: HostError | None = None
    failed_at: float = 0.0


class Dialer:
    """Opens connections; keys, known hosts and jump hosts are shared by all of them."""

    def __init__(self, ssh: Ssh, guard: Guard, running: Running) -> None:
        self.ssh = ssh
        self.guard = guard
        self._running = running
        self._ring: KeyRing | None = None
        self.readying = threading.RLock()
        """Whoever holds it is about to make all `ready`: nobody else begins with that, nor goes on beyond the way to a host."""
        self._lock = threading.Lock()
        self._gates: dict[tuple[Host, ...], Gate] = {}
        self._trust: dict[tuple[Path, ...], KnownHosts] = {}
        self._open: set[Wire] = set()
        self._closed = False

    def ready(self) -> KeyRing:
        """Import what connections are made with, if that has not been done; gives the keys."""
        with self.readying:
            if self._ring is None:
                import_paramiko()
                from opskit.fleet.keys import KeyRing

                self._ring = KeyRing()
            return self._ring

    def call(self, host: Host, *, to_end: bool = False, back: bool = False) -> Transport:
        """Give a transport that is logged in; raises UnreachableError, HostKeyError, LoginError.

        A server that hangs up before it says who it is (MaxStartups) is asked again within the
        time limit for connecting; so is a host that is to come `back`, if it cannot be reached.
        One that is made `to_end` processes is made by a cancelled fleet, too.
        """
        limit = host.connect_timeout or self.ssh.connect_timeout
        end = time.monotonic() + limit
        for tries, pause in enumerate(_pauses(), 1):
            try:
                return self._attempt(host, end, limit, to_end=to_end, back=back)
            except HostError:
                if not to_end:
                    self._running.check(host.name)
                raise
            except problems.HungUp as hung_up:
                if not to_end:
                    self._running.check(host.name)
                if self._closed or time.monotonic() + pause >= end:
                    hung_up.error.what += f" (tried {tries} times within {limit:g} s)"
                    raise hung_up.error from None
            time.sleep(pause)
        raise AssertionError

    def close(self) -> None:
        """End every connection, also those that are being made."""
        self._closed = True
        with self._lock:
            wires, self._open = list(self._open), set()
        for wire in wires:
            wire.close()
        if self._ring is not None:
            self._ring.close()

    def cut(self) -> None:
        """End the connections that are being made, but for those that are to end what runs."""
        with self._lock:
            wires = [wire for wire in self._open if wire.opening and not wire.to_end]
        for wire in wires:
            wire.close()

    def _attempt(
        self, host: Host, end: float, limit: float, *, to_end: bool, back: bool
    ) -> Transport:
        if not host.hops:
            wire = self._first_wire(host, end, limit, back=back)
            wire.to_end = to_end
            return self._secure(host, wire, end, limit)
        gate = self._gate(host.hops)
        through = self._through(gate, host, to_end=to_end)
        with gate.slots:
            patience = max(end, time.monotonic() + limit)
            wire = Wire(problems.tunnel(through, host, self.ssh.channel_timeout))
            wire.to_end = to_end
            return self._secure(host, wire, patience, limit)

    def _first_wire(self, host: Host, end: float, limit: float, *, back: bool) -> Wire:
        if host.proxy_command:
            proxy = Proxy(host.proxy_command)
            return Wire(proxy.ours, proxy)
        with problems.reaching(host, limit, again=back):
            link = connect(host.address, host.port, max(0.1, end - time.monotonic()))
        notice_dead_peer(link, 3 * self.ssh.keepalive)
        return Wire(link)

    def _secure(self, host: Host, wire: Wire, end: float, limit: float) -> Transport:
        """Exchange keys, check the host's, log in; the wire is closed if that fails."""
        self._keep(wire)
        try:
            ring = self.ready()
            from opskit.fleet import login

            with self.guard.limit(max(0.1, end - time.monotonic()), wire.expire):
                transport = login.shake_hands(host, wire, self._known(host), limit)
            transport.auth_timeout = self.ssh.channel_timeout
            transport.channel_timeout = self.ssh.channel_timeout
            with self.guard.limit(self.ssh.channel_timeout, wire.expire):
                login.log_in(host, transport, ring.offer(host))
        except BaseException:
            self.drop(wire)
            raise
        wire.opening = False
        # Between commands: no firewall on the way forgets us, and a dead peer is noticed.
        transport.set_keepalive(max(1, round(self.ssh.keepalive)))
        return transport

    def _known(self, host: Host) -> KnownHosts:
        with self._lock:
            if host.known_hosts not in self._trust:
                self._trust[host.known_hosts] = KnownHosts.read(host.known_hosts)
            return self._trust[host.known_hosts]

    def forget_known(self) -> None:
        """Read the known host keys anew for the connections to come."""
        with self._lock:
            self._trust.clear()

    def _gate(self, hops: tuple[Host, ...]) -> Gate:
        with self._lock:
            if hops not in self._gates:
                slots = threading.BoundedSemaphore(self.ssh.handshakes_per_jump)
                self._gates[hops] = Gate(slots)
            return self._gates[hops]

    def _through(self, gate: Gate, host: Host, *, to_end: bool) -> Transport:
        """Give the jump host's connection, opened by whoever comes first; its error is everybody's, but that we cancelled it."""
        *before, last = host.hops
        with gate.lock:
            if gate.transport is not None and gate.transport.alive:
                return gate.transport
            if not to_end:
                self._running.check(host.name)
            if gate.error is None or time.monotonic() - gate.failed_at > MEMORY:
                gate.error = None
                try:
                    gate.transport = self.call(_behind(last, tuple(before)), to_end=to_end)
                except HostError as error:
                    if not to_end:
                        self._running.check(host.name)
                    gate.error, gate.failed_at = error, time.monotonic()
            if gate.error is not None:
                raise problems.at_jump(host, last, gate.error)
            if gate.transport is None:
                raise UnreachableError(host.name, f"no connection to jump host {last.name}")
            return gate.transport

    def _keep(self, wire: Wire) -> None:
        with self._lock:
            self._open.add(wire)
            closed = self._closed
        if closed:
            wire.close()

    def drop(self, wire: Wire) -> None:
        """End one connection."""
        with self._lock:
            self._open.discard(wire)
        wire.close()


def _behind(hop: Host, before: tuple[Host, ...]) -> Host:
    """Give `hop` with the way to it; a first hop brings its own proxy command."""
    return replace(hop, hops=before)


def _pauses() -> Iterator[float]:
    """Give the seconds to wait before each new try: longer each time, and never in step."""
    longest = 0.2
    while True:
        yield random.uniform(0.05, longest)  # noqa: S311 - no secret, only spread
        longest = min(1.5, longest * 1.6)
