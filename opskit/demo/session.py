"""What stands behind an SSH channel of a demo host: a command in a process group of its own, or a TCP connection.

It behaves as sshd does: the exit status is told as soon as the command ends, the channel closes when
its output has ended too, and a channel that the client closes early stays until the command has ended.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

CHUNK = 32 * 1024
GRACE = 2.0  # seconds that a command has to end itself when its connection is lost


class Wire(Protocol):
    """The server's end of a channel; every write blocks until the client has room for it."""

    def read(self) -> bytes:
        """Give what the client sent next; nothing when there will be no more."""

    def stop_reading(self) -> None:
        """Make `read` give nothing from now on, in another thread too."""

    def write(self, data: bytes) -> None:
        """Send to the client's standard output; raises OSError when the channel has ended."""

    def write_error(self, data: bytes) -> None:
        """Send to the client's standard error; raises OSError when the channel has ended."""

    def end_writing(self) -> None:
        """Tell the client that no more data comes."""

    def tell_exit(self, status: int) -> None:
        """Tell how the command ended: its exit status, or minus the signal that killed it."""

    def close(self) -> None:
        """End the channel."""


def each_at_once(ends: Iterable[Callable[[], None]]) -> None:
    """Call all of them, each in a thread of its own, and wait for them."""
    for thread in [_thread(end) for end in ends]:
        thread.join()


class CommandSession:
    """Runs one command behind a channel; `hang_up` when the client leaves it."""

    def __init__(self, wire: Wire, argv: list[bytes], home: Path, env: Mapping[str, str]) -> None:
        self._wire = wire
        self._argv = argv
        self._home = home
        self._env = env
        self._left = _Flag()  # the client takes no more output
        self._over = _Flag()  # nothing more can reach the command
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self) -> None:
        """Start the command; its streams flow from now on."""
        self._thread.start()

    def hang_up(self) -> None:
        """Stop the output; the command runs on and still reads what the client sent before."""
        self._left.set()
        self._wire.stop_reading()

    def end(self) -> None:
        """Stop the streams and end the command's process group: TERM, and KILL after a grace."""
        self._over.set()
        self.hang_up()
        if self._process is not None:
            _end_group(self._process)

    def _serve(self) -> None:
        try:
            self._process = process = self._spawn()
        except OSError as error:
            self._refuse(error)
            return
        if self._over.is_set:
            _end_group(process)
        feeder, *drains = self._pump(process)
        self._wire.tell_exit(process.wait())
        for drain in drains:
            drain.join()
        self._over.set()
        self._wire.stop_reading()
        feeder.join()
        self._close()

    def _spawn(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._argv,
            cwd=self._home,
            env=dict(self._env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )

    def _refuse(self, error: OSError) -> None:
        with suppress(OSError):
            self._wire.write_error(f"demo host: {error}\n".encode())
        self._wire.tell_exit(255)
        self._close()

    def _close(self) -> None:
        self._left.close()
        self._over.close()
        self._wire.close()

    def _pump(self, process: subprocess.Popen[bytes]) -> list[threading.Thread]:
        pipes = cast("tuple[_Pipe, _Pipe, _Pipe]", (process.stdin, process.stdout, process.stderr))
        stdin, stdout, stderr = pipes
        os.set_blocking(stdin.fileno(), False)
        return [
            _thread(self._feed, stdin),
            _thread(self._drain, stdout, self._wire.write),
            _thread(self._drain, stderr, self._wire.write_error),
        ]

    def _feed(self, stdin: _Pipe) -> None:
        with stdin, suppress(OSError):
            while data := self._wire.read():
                rest = memoryview(data)
                while rest and self._over.wait(stdin.fileno(), select.POLLOUT):
                    rest = rest[os.write(stdin.fileno(), rest) :]
        while self._wire.read():
            pass  # the command reads no more: sshd too takes the rest and drops it

    def _drain(self, output: _Pipe, send: Callable[[bytes], None]) -> None:
        with output, suppress(OSError):
            while self._left.wait(output.fileno(), select.POLLIN):
                data = os.read(output.fileno(), CHUNK)
                if not data:
                    break
                send(data)


class Forward:
    """Joins a channel with a TCP connection, each direction ending by itself."""

    def __init__(self, wire: Wire, connection: socket.socket) -> None:
        self._wire = wire
        self._connection = connection
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self) -> None:
        """Let data flow."""
        self._thread.start()

    def hang_up(self) -> None:
        """Let what the client sent before reach the other end, then end the connection."""
        self._wire.stop_reading()
        self._shut(socket.SHUT_RD)

    def end(self) -> None:
        """End the connection at once."""
        self._wire.stop_reading()
        self._shut(socket.SHUT_RDWR)

    def _shut(self, how: int) -> None:
        with suppress(OSError):
            self._connection.shutdown(how)

    def _serve(self) -> None:
        feeder = _thread(self._feed)
        with suppress(OSError):
            while data := self._connection.recv(CHUNK):
                self._wire.write(data)
            self._wire.end_writing()
        feeder.join()
        self._connection.close()
        self._wire.close()

    def _feed(self) -> None:
        with suppress(OSError):
            while data := self._wire.read():
                self._connection.sendall(data)
        self._shut(socket.SHUT_WR)


class _Pipe(Protocol):
    """One end of a pipe, as Popen gives it."""

    def fileno(self) -> int: ...
    def __enter__(self) -> object: ...
    def __exit__(self, *error: object) -> None: ...


class _Flag:
    """A flag that ends waits for file descriptors at once, without polling."""

    def __init__(self) -> None:
        self.is_set = False
        self._waiting, self._setting = socket.socketpair()

    def set(self) -> None:
        self.is_set = True
        with suppress(OSError):
            self._setting.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._waiting.close()
        self._setting.close()

    def wait(self, fd: int, event: int) -> bool:
        """Wait until `fd` has the poll(2) event, or an error or its end; False if the flag is set."""
        poll = select.poll()
        poll.register(fd, event)
        poll.register(self._waiting, select.POLLIN)
        return self._waiting.fileno() not in dict(poll.poll())


def _thread(work: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread


def _end_group(process: subprocess.Popen[bytes]) -> None:
    _signal_group(process, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
    _signal_group(process, signal.SIGKILL)


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    # Only while the leader lives: afterwards its number may be another group's.
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
