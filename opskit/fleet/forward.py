"""A port or socket that is reached from a host, brought to this machine: as a Unix socket that only this user can open, or as a port."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from opskit.errors import ConnectionLostError, HostError, HostUnfitError
from opskit.fleet import problems, tunnel
from opskit.fleet.command import Command
from opskit.fleet.session import leave

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.fleet.remote import Remote
    from opskit.fleet.session import Line

BLOCK = 64 * 1024
POSTGRES = 5432  # the number in the socket's name, which libpq looks for
LONGEST = 90  # bytes of a path that every system takes for a socket
ENDING = 2.0  # seconds that a connection's threads get to end


@contextlib.contextmanager
def forward(
    remote: Remote, address: str, port: int, *, timeout: float = 10.0, tcp: bool = False
) -> Iterator[tuple[str, int]]:
    """Give (folder, number) of a socket `.s.PGSQL.<number>` for the block; each connection to it goes to `address:port`.

    An `address` that is a path is a Unix socket of the host itself, and has no port. With `tcp` it is ("127.0.0.1", port) instead, for TLS, which libpq does by TCP only; that port is open to whoever else is
    on this machine.

    The first one is opened at once, so that a host that forwards nothing, or a port where nobody listens, is a HostError
    here and not a mystery later. If a later one fails, or the way breaks, that HostError takes the place of whatever
    ends the block because of it.
    """
    first = _first(remote, address, port, timeout)
    served = _Served(remote, (address, port), timeout, first)
    try:
        with _loopback() if tcp else _private_socket() as (listener, way):
            served.listen(listener)
            yield way
    except Exception as error:
        problem = served.problem()
        if problem is None or isinstance(error, HostError):
            raise
        raise problem from error
    finally:
        served.close()


def _first(remote: Remote, address: str, port: int, timeout: float) -> Any:
    """Give the first channel. sshd says the same of every socket to which it opens none: a command finds out more."""
    try:
        return tunnel.open_channel(remote.line(), address, port, timeout)
    except ConnectionLostError:
        raise
    except HostError:
        if not address.startswith("/"):
            raise
        there = remote.execute(Command(f"test -S {quote(address)}", timeout=timeout)).ok
    if there:
        what = f"sshd there opens no connection to the socket {address}"
        hint = (
            "allow it (AllowStreamLocalForwarding, AllowTcpForwarding); may you open the socket?"
        )
        raise HostUnfitError(remote.name, what, hint=hint)
    hint = "does its server run there, and are folder and port right?"
    raise HostError(remote.name, f"there is no socket {address}", hint=hint)


@contextlib.contextmanager
def _loopback() -> Iterator[tuple[socket.socket, tuple[str, int]]]:
    """Give what listens on a free port, and where that is."""
    with _ended(socket.create_server(("127.0.0.1", 0))) as listener:
        yield listener, ("127.0.0.1", listener.getsockname()[1])


@contextlib.contextmanager
def _private_socket() -> Iterator[tuple[socket.socket, tuple[str, int]]]:
    """Give what listens on a socket of this user's, and where that is."""
    with _private_folder() as folder, _ended(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(folder / f".s.PGSQL.{POSTGRES}"))
        listener.listen()
        yield listener, (str(folder), POSTGRES)


@contextlib.contextmanager
def _ended(listener: socket.socket) -> Iterator[socket.socket]:
    """End a listener after the block, and with it the thread that waits on it."""
    with listener:
        try:
            yield listener
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def _private_folder() -> Iterator[Path]:
    """Give a new folder (0700) whose path is short enough for a socket."""
    where = tempfile.gettempdir()
    short = None if len(where.encode()) < LONGEST - 30 else "/tmp"  # noqa: S108 - the folder in it is private
    with tempfile.TemporaryDirectory(
        prefix="opskit-", dir=short, ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


class _Served:
    """Takes connections and carries their bytes, a thread each way, until it is closed."""

    def __init__(
        self, remote: Remote, target: tuple[str, int], timeout: float, first: Any
    ) -> None:
        self._remote = remote
        self._line = remote.line()
        self._target = target
        self._timeout = timeout
        self._first = first
        self._lock = threading.Lock()
        self._open: set[Any] = {first}
        self._threads: list[threading.Thread] = []
        self._refused: HostError | None = None
        self._closed = False

    def listen(self, listener: socket.socket) -> None:
        """Serve who connects there, from a thread of its own."""
        self._start(self._accept, listener)

    def problem(self) -> HostError | None:
        """Give what went wrong on the way, if something did."""
        if self._refused is None and not self._line.transport.alive:
            host = self._line.host
            what = f"the connection to {problems.place(host)} was lost"
            return ConnectionLostError(host.name, what, hint="try again")
        return self._refused

    def close(self) -> None:
        """End all connections."""
        with self._lock:
            self._closed = True
            ends, self._open = self._open, set()
        for end in ends:
            self._end(end)
        for thread in self._threads:
            thread.join(ENDING)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self._start(self._carry, connection)

    def _carry(self, connection: socket.socket) -> None:
        """Carry one connection until both sides have ended it."""
        if not self._keep(connection):
            return
        try:
            channel = self._channel()
        except HostError as error:
            self._refused = error
        else:
            if self._keep(channel):
                back = self._start(_pump, channel, connection)
                _pump(connection, channel)
                back.join()
                self._drop(channel)
        self._drop(connection)

    def _channel(self) -> Any:
        """Give the channel that was opened at the beginning, if it still stands and is free, else a new one."""
        with self._lock:
            first, self._first = self._first, None
        if first is not None and not (first.closed or first.eof_received):
            return first
        self._line = self._remote.line()
        return tunnel.open_channel(self._line, *self._target, self._timeout)

    def _start(self, work: Any, *arguments: Any) -> threading.Thread:
        thread = threading.Thread(target=work, args=arguments, daemon=True, name="forward")
        self._threads.append(thread)
        thread.start()
        return thread

    def _keep(self, end: Any) -> bool:
        """Remember to close an end; closes it at once if all is over."""
        with self._lock:
            closed = self._closed
            if not closed:
                self._open.add(end)
        if closed:
            self._end(end)
        return not closed

    def _drop(self, end: Any) -> None:
        with self._lock:
            self._open.discard(end)
        self._end(end)

    def _end(self, end: Any) -> None:
        if not isinstance(end, socket.socket):
            _leave(self._line, end)
            return
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads from it
        end.close()


def _leave(line: Line, channel: Any) -> None:
    if line.transport.alive:
        leave(line, channel)


def _pump(source: Any, sink: Any) -> None:
    """Carry bytes one way until that way ends, and tell the other side that it has."""
    with contextlib.suppress(OSError, EOFError):
        while data := source.recv(BLOCK):
            sink.sendall(data)
    with contextlib.suppress(OSError, EOFError):
        sink.shutdown_write() if hasattr(sink, "shutdown_write") else sink.shutdown(socket.SHUT_WR)
