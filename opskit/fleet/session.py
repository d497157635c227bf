"""One command on one open connection: script in, output out, an end in every case."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opskit.errors import HostError, HostUnfitError, UnreachableError, UsageError
from opskit.fleet import bootstrap, problems, sudo
from opskit.fleet.capture import Stream
from opskit.fleet.command import Result
from opskit.fleet.feeder import Feeder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.config.secret import Redactor, Secret
    from opskit.fleet.capture import Watch
    from opskit.fleet.command import Command
    from opskit.fleet.connection import Transport
    from opskit.fleet.guard import Guard
    from opskit.fleet.inventory import Host

BLOCK = 256 * 1024
POLL = 0.5
PAUSES = (0.02, 0.05, 0.1, 0.2)
MEETING = 5.0
"""Seconds that a shell which is to be ended has to tell its process id."""
QUIET = 0.3
"""Seconds of silence after a command's end before its still open output (a daemon's) is left alone."""


class Bell:
    """Rings when a channel's buffers change; paramiko's buffers take it for an event."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.set = self._event.set
        self.wait = self._event.wait
        self.reset = self._event.clear

    def clear(self) -> None:
        """Stay rung: two buffers share this bell, so only its owner resets it."""


@dataclass(slots=True)
class Line:
    """An open connection as a command sees it: how to end a group on it, and its limits."""

    host: Host
    transport: Transport
    guard: Guard
    keepalive: float
    channel_timeout: float
    quiet: float = QUIET


class Session:
    """A running command. `interrupt()` may be called from any thread."""

    def __init__(
        self,
        line: Line,
        command: Command,
        redactor: Redactor,
        watch: Watch | None,
        password: Secret | None = None,
    ) -> None:
        self.line = line
        self.command = command
        self._password = password
        self.marker = bootstrap.new_marker()
        self.out, self.err = (
            (bootstrap.Preamble(self.marker), Stream(name, redactor, watch))
            for name in ("stdout", "stderr")
        )
        self.bell = Bell()
        self.interrupted = self.given_up = False
        self.started = time.monotonic()
        self.channel: Any = None
        self._pinged = 0.0
        self._ended = 0.0
        self._feeder: Feeder | None = None

    @property
    def pid(self) -> int:
        """The shell's process id on the host, 0 as long as it is not known."""
        return self.out[0].pid

    @property
    def runs(self) -> bool:
        """Whether the command still runs, as far as we know, and nobody has tried to end it."""
        if self.given_up or self.channel is None or not self.line.transport.alive:
            return False
        return not self.channel.exit_status_ready()

    @property
    def input_error(self) -> BaseException | None:
        """What the command's input raised on this side, if it did."""
        return self._feeder.error if self._feeder is not None else None

    def interrupt(self) -> None:
        """Let `run` come back soon, without an answer."""
        self.interrupted = True
        self.bell.set()

    def start(self) -> None:
        """Open a channel and ask for the shell; raises HostError."""
        command = sudo.prepared(self.command, self.marker, self._password)
        script = first_line(command.script, command.env, self.marker)
        line = self.line
        self.channel = open_session(line)
        self.channel.in_buffer.set_event(self.bell)
        self.channel.in_stderr_buffer.set_event(self.bell)
        request_shell(line, self.channel)
        self._feeder = Feeder(self.channel, script, self.command.input, self.bell)
        self._feeder.start()

    def follow(self, until: float) -> bool:
        """Take in output until the command has ended (True), `until` has come or it is interrupted."""
        while True:
            self.bell.reset()
            if self._pump():
                self._ended = 0.0
                continue
            if self._over():
                return True
            now = time.monotonic()
            if now >= until or self.interrupted or self.input_error is not None:
                return False
            self._pinged = look_after(self.line, self.started, self._pinged)
            self._wait(min(POLL, until - now))

    def meet(self, until: float) -> bool:
        """Wait until the shell has told its pid; True if the command has ended instead."""
        while not self.pid and time.monotonic() < until:
            self.bell.reset()
            if not self._pump() and self._over():
                return True
            self.bell.wait(0.05)
        return False

    def result(self) -> Result:
        """Give what came of the command that has ended."""
        outs = [stream.end() for _, stream in (self.out, self.err)]
        cut = self.out[1].kept.truncated or self.err[1].kept.truncated
        seconds = time.monotonic() - self.started
        name = self.line.host.name
        return Result(name, self.channel.exit_status, outs[0], outs[1], seconds, truncated=cut)

    def close(self) -> None:
        """Leave the channel, and let nobody wait for it."""
        if self._feeder is not None:
            self._feeder.stop()
        if self.channel is not None and self.line.transport.alive:
            leave(self.line, self.channel)

    def _pump(self) -> bool:
        moved = False
        ready = self.channel.recv_ready, self.channel.recv_stderr_ready
        reads = self.channel.recv, self.channel.recv_stderr
        for number, (_, stream) in enumerate((self.out, self.err)):
            if ready[number]():
                moved = True
                if chunk := self._take(number, reads[number](BLOCK)):
                    stream.feed(chunk)
        return moved

    def _take(self, number: int, chunk: bytes) -> bytes:
        """Give what of a stream's chunk is the command's own."""
        preamble, _ = (self.out, self.err)[number]
        return preamble.feed(chunk)

    def _over(self) -> bool:
        """Tell whether the command has ended and all it said is here."""
        channel = self.channel
        if not channel.exit_status_ready():
            if not self.line.transport.alive:
                raise problems.lost(
                    self.line.host, self.line.transport, time.monotonic() - self.started
                )
            return False
        if channel.eof_received or channel.closed:
            return self._settled()
        now = time.monotonic()
        self._ended = self._ended or now
        return now - self._ended > self.line.quiet

    def _settled(self) -> bool:
        if self.channel.exit_status < 0 and not self.line.transport.alive:
            raise problems.lost(
                self.line.host, self.line.transport, time.monotonic() - self.started
            )
        return not (self.channel.recv_ready() or self.channel.recv_stderr_ready())

    def _wait(self, seconds: float) -> None:
        if self._ended:
            self.bell.wait(min(seconds, 0.05))
        elif self.channel.eof_received:
            self.channel.status_event.wait(seconds)
        else:
            elapsed = time.monotonic() - self.started
            self.bell.wait(min(seconds, 0.05 + elapsed / 20))


def look_after(line: Line, began: float, pinged: float) -> float:
    """Ask a silent host for a sign of life; give a dead one up with ConnectionLostError.

    `began` and `pinged` are when the work began and when a sign was last asked for (monotonic);
    gives the new `pinged`.
    """
    now, wire = time.monotonic(), line.transport.wire
    silence = now - wire.heard
    if silence > 3 * line.keepalive:
        wire.close()
        raise problems.lost(line.host, line.transport, now - began)
    if silence <= line.keepalive or now - pinged <= line.keepalive:
        return pinged
    with line.guard.limit(line.keepalive, wire.expire):
        line.transport.ping()
    return now


def first_line(
    script: str, env: Mapping[str, str | Secret], marker: str, *, terminal: bool = False
) -> bytes:
    """Give the line that carries a script; raises UsageError if no shell could take it."""
    try:
        return bootstrap.encode(bootstrap.whole_script(script, env, marker, terminal=terminal))
    except ValueError as error:
        raise UsageError(str(error)) from None


def open_session(line: Line) -> Any:
    """Give a new session channel; raises UnreachableError, HostUnfitError, ConnectionLostError.

    A host that allows one session only (MaxSessions 1) takes a moment to see that the last has ended.
    """
    for pause in PAUSES:
        try:
            return _open_session(line)
        except HostUnfitError:
            time.sleep(pause)
    return _open_session(line)


def _open_session(line: Line) -> Any:
    from paramiko import ChannelException, SSHException

    host, limit = line.host, line.channel_timeout
    try:
        with line.guard.limit(limit + 1, line.transport.wire.expire):
            return line.transport.open_session(timeout=limit)
    except ChannelException as error:
        raise HostUnfitError(
            host.name,
            f"{problems.place(host)} opens no more sessions: {problems.refusal(error)}",
            hint="see MaxSessions in sshd_config there",
        ) from None
    except (SSHException, OSError, EOFError) as error:
        raise _no_session(line, error) from None


def _no_session(line: Line, error: Exception) -> HostError:
    host = line.host
    if line.transport.alive or line.transport.wire.expired:
        line.transport.wire.expire()
        what = f"{problems.place(host)} opened no session within {line.channel_timeout:g} s"
        return UnreachableError(host.name, what, hint="is the host overloaded, or sshd stuck?")
    return problems.lost_before(host, line.transport, error)


def leave(line: Line, channel: Any) -> None:
    """Close a channel; a connection that cannot even take that in time is ended."""
    wire = line.transport.wire
    with (
        contextlib.suppress(OSError, EOFError),
        line.guard.limit(line.channel_timeout, wire.expire),
    ):
        channel.close()


def request_shell(line: Line, channel: Any) -> None:
    """Ask for our shell on `channel`; raises HostError."""
    from paramiko import SSHException

    try:
        with line.guard.limit(line.channel_timeout, line.transport.wire.expire):
            channel.exec_command(bootstrap.EXEC)
    except (SSHException, OSError, EOFError) as error:
        if line.transport.alive:
            raise HostUnfitError(
                line.host.name,
                f"{problems.place(line.host)} refuses to run commands",
                hint="does the login allow a shell?",
            ) from None
        raise _no_session(line, error) from None
