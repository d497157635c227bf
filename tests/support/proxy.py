"""A TCP proxy on the loopback that cuts its connections, or lets them hang, after so many bytes."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Proxy:
    """Forwards to a port; `cut_after` bytes from the client a connection ends, or hangs if `hang`.

    `upward` are the bytes that clients have sent.
    """

    def __init__(self, target: int, *, cut_after: int, hang: bool = False) -> None:
        self.cuts = self.upward = 0
        self._target = target
        self._left = cut_after
        self._hang = hang
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = [self._listener]
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def heal(self) -> None:
        """Let everything through from now on."""
        self._left = 1 << 60

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)  # whom it has let in meanwhile is closed as well
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                self._sockets.append(client)
                server = socket.create_connection(("127.0.0.1", self._target))
                self._sockets.append(server)
                for way in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pump, args=way, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, upward: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if upward and not self._may(len(data)):
                    self.cuts += 1
                    break
                target.sendall(data)
        if not (self._hang and self.cuts):
            for each in (source, target):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _may(self, size: int) -> bool:
        self.upward += size
        self._left -= size
        return self._left > 0


@contextlib.contextmanager
def proxied(target: int, *, cut_after: int, hang: bool = False) -> Iterator[Proxy]:
    proxy = Proxy(target, cut_after=cut_after, hang=hang)
    try:
        yield proxy
    finally:
        proxy.close()
