"""A shell that is kept open on a host: scripts of opskit's own go to it one after the other, a round trip each.

A session of its own costs a script two round trips more, and the host the start of a shell by its SSH server: that is
what a run over many hosts, or over a line around the world, would spend most of its time on. A script runs in a subshell
with an input of its own, between markers on both outputs. The shell leads the process group, so a script that must be
ended takes the shell with it, and the next one gets a new one.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from opskit.errors import UsageError
from opskit.fleet import bootstrap, session
from opskit.fleet.bootstrap import Preamble
from opskit.fleet.session import Session

if TYPE_CHECKING:
    from opskit.config.secret import Redactor
    from opskit.fleet.capture import Watch
    from opskit.fleet.command import Command, Result
    from opskit.fleet.session import Line

MOST = 32 * 1024
"""Bytes of a script that goes to a kept shell, so that no window is too small for it; of its input, as many."""
MOST_DIGITS = 5  # of an exit status


def suits(command: Command) -> bool:
    """Tell whether a command may go to a kept shell: one of ours that leaves nothing running, with little input or none."""
    given = command.input
    if not command.twice or command.sudo or not isinstance(given, bytes):
        return False
    if len(given) > MOST or len(command.script) > MOST or b"\0" in given:
        return False
    return not given or (given.isascii() and given.endswith(b"\n"))


class Kept:
    """The shell of one connection; `busy` is held by the script that it runs."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.busy = threading.Lock()
        self._dismissed = False
        self.channel: Any = None
        self._marker = bootstrap.new_marker()
        self.preambles = Preamble(self._marker), Preamble(self._marker)

    @property
    def is_over(self) -> bool:
        """Whether it takes no more scripts."""
        channel = self.channel
        if not self.line.transport.alive:
            return True
        return channel is not None and bool(
            channel.closed or channel.eof_received or channel.exit_status_ready()
        )

    def open(self) -> bytes:
        """Open the shell, if that is yet to be done, and give what it must be told first; raises HostError."""
        if self.channel is not None:
            return b""
        self.channel = session.open_session(self.line)
        session.request_shell(self.line, self.channel)
        return session.first_line(bootstrap.KEEP, {}, self._marker)

    def close(self) -> None:
        """End it; it is not missed, as the next script opens another."""
        if self.channel is not None and self.line.transport.alive:
            session.leave(self.line, self.channel)

    def dismiss(self, seconds: float) -> bool:
        """End it once no script has its turn, tells whether that was so within `seconds`; else whoever has the turn ends it."""
        # before it is looked who is busy: so one of the two sees the other
        self._dismissed = True
        if not self.busy.acquire(timeout=seconds):
            return False
        try:
            self.close()
        finally:
            self.busy.release()  # another one may wait for the same end
        return True

    def release(self) -> None:
        """Let the next script have its turn, if there is to be one."""
        self.busy.release()
        if self._dismissed:
            self.dismiss(0)


class Turn(Session):
    """A command that has its turn in a kept shell, whose `busy` lock is ours until it is closed."""

    def __init__(
        self, kept: Kept, command: Command, redactor: Redactor, watch: Watch | None
    ) -> None:
        super().__init__(kept.line, command, redactor, watch)
        self._kept = kept
        self.out, self.err = (kept.preambles[0], self.out[1]), (kept.preambles[1], self.err[1])
        self._ends = Postamble(self.marker), Postamble(self.marker)

    @property
    def is_told(self) -> bool:
        """Whether the command has come to its end: if not, and yet it is over, the shell was ended by somebody else."""
        return all(end.found for end in self._ends)

    @property
    def runs(self) -> bool:
        """Whether the command still runs, as far as we know, and nobody has tried to end it."""
        return super().runs and not self.is_told

    def start(self) -> None:
        """Give the script to the shell, which is opened for it if need be; raises HostError."""
        words = self._words()
        line, kept = self.line, self._kept
        words = kept.open() + words
        self.channel = kept.channel
        self.channel.in_buffer.set_event(self.bell)
        self.channel.in_stderr_buffer.set_event(self.bell)
        with (
            # whoever waits for its end sees what became of it
            contextlib.suppress(OSError, EOFError),
            line.guard.limit(line.channel_timeout, line.transport.wire.expire),
        ):
            self.channel.sendall(words)

    def result(self) -> Result:
        """Give what came of the command that has ended."""
        made = super().result()
        return replace(made, exit=self._ends[0].status) if self.is_told else made

    def close(self) -> None:
        """Leave the shell to the next one, or end it if the command has not come to its end."""
        try:
            if not self.is_told:
                self._kept.close()
        finally:
            self._kept.release()

    def _words(self) -> bytes:
        command, given = self.command, self.command.input
        lines = given.decode() if isinstance(given, bytes) else ""
        try:
            script = bootstrap.turn(command.script, command.env, self.marker, given=lines)
            return bootstrap.encode(script)
        except ValueError as error:
            raise UsageError(str(error)) from None

    def _take(self, number: int, chunk: bytes) -> bytes:
        return self._ends[number].feed(super()._take(number, chunk))

    def _over(self) -> bool:
        return self.is_told or super()._over()


@dataclass(slots=True)
class Postamble:
    """Cuts a stream at the line that ends a command; `status` is the number on it, if any."""

    marker: str
    found: bool = False
    status: int = -1
    held: bytes = b""

    def feed(self, chunk: bytes) -> bytes:
        """Give the part of `chunk` that is certainly the command's own."""
        if self.found:
            return b""
        data, mark = self.held + chunk, self.marker.encode()
        at = data.find(mark)
        if at < 0:
            at = len(data) - _begun(data, mark)
        elif b"\n" in data[at:] or len(data) - at > len(mark) + MOST_DIGITS:
            said = data[at + len(mark) :].partition(b"\n")[0].strip()
            self.found, self.held = True, b""
            self.status = int(said) if said.isdigit() and len(said) <= MOST_DIGITS else -1
            return data[:at]
        self.held = data[at:]
        return data[:at]


def _begun(data: bytes, mark: bytes) -> int:
    """Give how many of the last bytes of `data` are the beginning of `mark`."""
    most = min(len(data), len(mark) - 1)
    return next((n for n in range(most, 0, -1) if data.endswith(mark[:n])), 0)
