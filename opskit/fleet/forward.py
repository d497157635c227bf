"""A port that is reached from a host, brought to this machine as a Unix socket that only this user can open."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opskit.fleet import tunnel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.fleet.remote import Remote

BLOCK = 64 * 1024
POSTGRES = 5432  # the number in the socket's name, which libpq looks for


@contextlib.contextmanager
def forward(
    remote: Remote, address: str, port: int, *, timeout: float = 10.0
) -> Iterator[tuple[str, int]]:
    """Give (folder, number) of a socket `.s.PGSQL.<number>` for the block; each connection to it goes to `address:port`.

    The first one is tried at once, so that a host that forwards nothing, or a port where nobody listens, is a HostError
    here and not a mystery later. The folder is private to this user.
    """
    tunnel.tcp_open(remote.line(), remote.running, address, port, timeout)
    with tempfile.TemporaryDirectory(prefix="opskit-") as folder:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(Path(folder) / f".s.PGSQL.{POSTGRES}"))
        listener.listen()
        served = _Served(remote, address, port, timeout, listener)
        thread = threading.Thread(target=served.accept, daemon=True, name="forward")
        thread.start()
        try:
            yield folder, POSTGRES
        finally:
            served.close()
            thread.join(2.0)


class _Served:
    """Takes connections and carries their bytes, a thread each way, until it is closed."""

    def __init__(
        self, remote: Remote, address: str, port: int, timeout: float, listener: socket.socket
    ) -> None:
        self._remote = remote
        self._address = address
        self._port = port
        self._timeout = timeout
        self._listener = listener
        self._open: list[Any] = []

    def accept(self) -> None:
        """Serve until the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                threading.Thread(
                    target=self._carry, args=(connection,), daemon=True, name="forwarded"
                ).start()

    def close(self) -> None:
        """End the listener and all connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._open:
            with contextlib.suppress(OSError, EOFError):
                each.close()

    def _carry(self, connection: socket.socket) -> None:
        with connection:
            try:
                channel = tunnel.open_channel(
                    self._remote.line(), self._address, self._port, self._timeout
                )
            except Exception:  # noqa: BLE001 - the other end hears of it as a connection that ends
                return
            self._open.append(channel)
            back = threading.Thread(target=_pump, args=(channel, connection), daemon=True)
            back.start()
            _pump(connection, channel)
            back.join(self._timeout)
            with contextlib.suppress(OSError, EOFError):
                channel.close()


def _pump(source: Any, sink: Any) -> None:
    """Carry bytes one way until that way ends, and tell the other side that it has."""
    with contextlib.suppress(OSError, EOFError):
        while data := source.recv(BLOCK):
            sink.sendall(data)
    with contextlib.suppress(OSError, EOFError):
        sink.shutdown_write() if hasattr(sink, "shutdown_write") else sink.shutdown(socket.SHUT_WR)
