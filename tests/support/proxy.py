"""A TCP proxy on the loopback whose way breaks: cut, reset, or a black hole that takes all and gives nothing."""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WHOLE = 1 << 60
NOWHERE = struct.pack("=H14x", socket.AF_UNSPEC)


class Proxy:
    """Forwards to a port; after `cut_after` bytes from clients a connection ends, or hangs if `hang`.

    With `reset_after`, it is reset after so many bytes from clients, whole blocks of them having passed before. `upward`
    are the bytes that clients have sent.
    """

    def __init__(
        self, target: int, *, cut_after: int = WHOLE, hang: bool = False, reset_after: int = WHOLE
    ) -> None:
        self.cuts = self.upward = 0
        self._target = target
        self._left = min(cut_after, reset_after)
        self._hang = hang
        self._resets = reset_after < cut_after
        self._open = threading.Event()
        self._open.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = [self._listener]
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def heal(self) -> None:
        """Let everything through from now on."""
        self._left = WHOLE
        self._open.set()

    def swallow(self) -> None:
        """Take whatever comes and give nothing, on connections that are there and on new ones, as after a dropped route."""
        self._open.clear()

    def reset(self) -> None:
        """Reset all connections that there are; new ones are let through."""
        for each in self._sockets[1:]:
            _reset(each)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._open.set()
        self._thread.join(60)  # whom it has let in meanwhile is closed as well
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                self._sockets.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._open.wait()
        try:
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            _reset(client)
            client.close()
            return
        self._sockets.append(server)
        for way in ((client, server, True), (server, client, False)):
            threading.Thread(target=self._pump, args=way, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, upward: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._open.wait()
                if upward and not self._may(len(data)):
                    self.cuts += 1
                    break
                target.sendall(data)
        if self.cuts and self._resets and self._left <= 0:
            for each in (source, target):
                _reset(each)
        if not (self._hang and self.cuts):
            for each in (source, target):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _may(self, size: int) -> bool:
        self.upward += size
        self._left -= size
        return self._left > 0


def _reset(link: socket.socket) -> None:
    """End a connection by RST, also under a thread that reads it: a connect to nowhere is how Linux lets go of it at once."""
    with contextlib.suppress(OSError):
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        ctypes.CDLL(None).connect(link.fileno(), NOWHERE, len(NOWHERE))


@contextlib.contextmanager
def proxied(
    target: int, *, cut_after: int = WHOLE, hang: bool = False, reset_after: int = WHOLE
) -> Iterator[Proxy]:
    proxy = Proxy(target, cut_after=cut_after, hang=hang, reset_after=reset_after)
    try:
        yield proxy
    finally:
        proxy.close()
