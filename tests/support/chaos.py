"""A TCP proxy that cuts every connection after a random number of bytes, either way, by a seed."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Chaos:
    """Forwards to a port of loopback; most connections are cut, some by a reset."""

    def __init__(self, target: int, seed: int, *, most: int) -> None:
        self.cuts = self.connections = 0
        self._target, self._most = target, most
        self._random = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(60)  # whom it has let in meanwhile is closed as well
        self._listener.close()
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                self._open.append(client)
                try:
                    server = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    client.close()
                    continue
                self._open.append(server)
                self.connections += 1
                whole = self._random.random() < 0.2
                left = [1 << 60 if whole else self._random.randrange(self._most)]
                reset = self._random.random() < 0.5
                for way in ((client, server), (server, client)):
                    threading.Thread(
                        target=self._pump, args=(*way, left, reset), daemon=True
                    ).start()

    def _pump(
        self, source: socket.socket, sink: socket.socket, left: list[int], reset: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                if left[0] < len(data):
                    sink.sendall(data[: left[0]])
                    self.cuts += 1
                    if reset:
                        linger = struct.pack("ii", 1, 0)
                        for each in (source, sink):
                            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    break
                left[0] -= len(data)
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@contextlib.contextmanager
def chaos(target: int, seed: int, *, most: int = 60_000) -> Iterator[Chaos]:
    proxy = Chaos(target, seed, most=most)
    try:
        yield proxy
    finally:
        proxy.close()
