"""The bytes under an SSH transport: a socket, a tunnel or a proxy command, read in big blocks."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from typing import Any

BLOCK = 64 * 1024
IDLE_POLL = 5.0
"""Seconds between two looks of an idle transport at its own state (paramiko asks for 0.1)."""


class Wire:
    """What paramiko takes for a socket, with fewer system calls and an end that wakes its reader.

    `inner` is a socket or a paramiko Channel. `heard` is the time (monotonic) of the last byte from
    the other side, `first` the beginning of what it said; `opening` holds until login, `expired` after `expire()`. `to_end` marks one that
    is made to end processes: a cancelled fleet needs it.
    `complaint` is, once closed, what a proxy command said in the end.
    """

    def __init__(self, inner: Any, proxy: Proxy | None = None) -> None:
        self._inner = inner
        self._buffer = b""
        self._at = 0
        self.proxy = proxy
        self.heard = time.monotonic()
        self.first = b""
        self.complaint = ""
        self._closing = threading.Lock()
        self.opening = True
        self.to_end = False
        self.expired = False
        self.closed = False
        inner.settimeout(IDLE_POLL)

    def settimeout(self, _seconds: float | None) -> None:
        """Keep our own longer poll: closing wakes the reader at once."""

    def send(self, data: bytes) -> int:
        """Send some of `data`; gives how many bytes."""
        return int(self._inner.send(data))

    def recv(self, size: int) -> bytes:
        """Give at most `size` bytes that came, b"" at the end; raises TimeoutError."""
        end = self._at + size
        if self._at < len(self._buffer):
            data = self._buffer[self._at : end]
            self._at += len(data)
            return data
        block: bytes = self._inner.recv(BLOCK)
        self.heard = time.monotonic()
        if len(self.first) < 80:
            self.first += block[:80]
        self._buffer, self._at = block, min(size, len(block))
        return block[:size] if len(block) > size else block

    def close(self) -> None:
        """End it now, also under a reader that waits in another thread."""
        self.closed = True
        with contextlib.suppress(OSError, EOFError):
            self._inner.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError, EOFError):
            self._inner.close()
        if self.proxy is not None:
            self._close_proxy(self.proxy)

    def _close_proxy(self, proxy: Proxy) -> None:
        with self._closing:
            self.complaint = self.complaint or proxy.end(0.1 if self.opening else 0)

    @property
    def _closed(self) -> bool:
        """What paramiko asks a socket while it stops."""
        return self.closed

    def expire(self) -> None:
        """End it because its time was up."""
        self.expired = True
        self.close()

    def getpeername(self) -> Any:
        """Give the other side's address, as paramiko's log wants it."""
        return self._inner.getpeername()


def connect(address: str, port: int, timeout: float) -> socket.socket:
    """Give a TCP connection that notices a dead peer; raises OSError."""
    link = socket.create_connection((address, port), timeout)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def notice_dead_peer(link: socket.socket, seconds: float) -> None:
    """Let the kernel give up on unanswered data after `seconds` instead of a quarter of an hour."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None:
        with contextlib.suppress(OSError):
            link.setsockopt(socket.IPPROTO_TCP, option, int(seconds * 1000))


class Proxy:
    """A ProxyCommand that runs: `ours` is our end of its standard input and output."""

    def __init__(self, command: str) -> None:
        self.ours, theirs = socket.socketpair()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the connection
        with theirs:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", command],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=self._said.fileno(),
                start_new_session=True,
            )

    def end(self, patience: float) -> str:
        """End it with all its processes; give the last line that it said on standard error.

        One that is about to end by itself gets `patience` seconds to say why.
        """
        if self._said.closed:
            return ""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        status = self._process.poll()
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.5)
                break
        with self._said as said:
            said.seek(0)
            lines = said.read(BLOCK).decode("utf-8", "replace").split("\n")
        last = next((line.strip()[:200] for line in reversed(lines) if line.strip()), "")
        return last or (f"it ended with status {status}" if status else "")
