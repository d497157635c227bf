"""The connections of one host: the one that is open and made anew when it has died, the shell kept open on it, one to spare."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from opskit.errors import HostError
from opskit.fleet import ending
from opskit.fleet.kept import Kept
from opskit.fleet.session import Line

if TYPE_CHECKING:
    from opskit.fleet.dial import Dialer
    from opskit.fleet.inventory import Host
    from opskit.fleet.running import Running
    from opskit.fleet.vault import Vault


class Lines:
    """What connects us with a host; any thread may ask for it."""

    def __init__(self, host: Host, dialer: Dialer, running: Running, vault: Vault) -> None:
        self.keeps = True
        """Whether a shell is kept open there."""
        self._host = host
        self._dialer = dialer
        self._running = running
        self._vault = vault
        self._lock = threading.Lock()
        self._line: Line | None = None
        self._kept: Kept | None = None
        self._refused: HostError | None = None  # what `approach` met, for whoever asks next
        self._was_there = False
        self._left: list[int] = []  # the shells that lost connections left running

    @property
    def now(self) -> Line | None:
        """The connection that is open, or was the last to be."""
        return self._line

    def approach(self) -> None:
        """Connect ahead of time; whoever asks first hears of what stood in the way, without a second try."""
        with self._lock:
            if self._line is None:
                try:
                    self._line = self._dial()
                except HostError as error:
                    self._refused = error

    def get(self) -> Line:
        """Give the open connection; makes one first, or anew if it has died. Raises HostError.

        What a connection that was lost left running is ended first: nothing else may be done beside it.
        """
        self._running.check(self._host.name)
        with self._lock:
            refused, self._refused = self._refused, None
            if refused is not None:
                raise refused
            if self._line is None or not self._line.transport.alive:
                self._line = self._dial()
            while self._left:  # also where another thread has connected anew before that was told
                ending.end_left(self._line, self._left.pop(), self._vault)
        self._running.check(self._host.name)
        return self._line

    def leave_behind(self, pid: int) -> None:
        """Remember the shell `pid` of a connection that was lost, 0 for none: it is ended when there is another one."""
        if pid:
            self._left.append(pid)

    def hang_up(self, *, keys: bool = False) -> None:
        """End the connection; see `Remote.hang_up`."""
        with self._lock:
            line, self._line, self._was_there = self._line, None, False
        if line is not None:
            self._dialer.drop(line.transport.wire)
        if keys:
            self._dialer.forget_known()

    def spare(self, *, to_end: bool = False) -> Line:
        """Give another connection, which whoever takes it closes; `to_end` something, in little time. Raises HostError."""
        return self._new(self._dialer.call(self._host, to_end=to_end))

    def end_group(self, pid: int) -> bool:
        """End the process group of shell `pid`, by sudo what of it runs by sudo; tells whether it is certainly gone."""
        return ending.end_group(self._line, pid, lambda: self.spare(to_end=True), self._vault)

    def kept(self) -> Kept | None:
        """Give the shell that is kept open, its `busy` lock held; None if something else is held there. Raises HostError."""
        line = self.get()
        with self._lock:
            if self._kept is None or self._kept.line is not line or self._kept.is_over:
                self._kept = Kept(line)
            return self._kept if self._kept.busy.acquire(blocking=False) else None

    def let_go(self, *, wait: bool = False) -> bool:
        """End the shell that is kept open, where somebody else wants its session; tells whether there was one.

        A script that has its turn there comes to its end first; unless that is to be waited for, it ends the shell then.
        """
        with self._lock:
            kept, self._kept = self._kept, None
        if kept is None or kept.is_over:
            return False
        return kept.dismiss(self._dialer.ssh.channel_timeout if wait else 0)

    def _dial(self) -> Line:
        """Connect. A host that was there a moment ago may be about to come back; that is waited for, but not twice in vain."""
        began, back = time.monotonic(), self._was_there
        self._was_there = False
        transport = self._dialer.call(self._host, back=back)
        self._was_there = True
        return self._new(transport, 0.3 + 2 * min(1.0, time.monotonic() - began))

    def _new(self, transport: Any, quiet: float = 0.3) -> Line:
        ssh = self._dialer.ssh
        guard = self._dialer.guard
        return Line(self._host, transport, guard, ssh.keepalive, ssh.channel_timeout, quiet)
