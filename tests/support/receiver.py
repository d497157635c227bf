"""A real HTTP server that is told of events: it answers well, badly, late, or a byte at a time."""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Told:
    """One request: its path, its headers, its body as JSON."""

    path: str
    headers: dict[str, str]
    body: Any


class Receiver:
    """Answers as `answers` say, one after the other, the last again and again: a status, "hang", "drip", "junk" or "cut"."""

    def __init__(self, *answers: int | str) -> None:
        self.told: list[Told] = []
        self._answers = list(answers) or [200]
        self.ended = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.receiver = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens; the path is secret, as that of real ones."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/services/s3cret"

    def wait_for(self, count: int) -> list[Told]:
        """Give what it was told, when that is so many."""
        until(lambda: len(self.told) >= count, what=f"{count} requests, not {len(self.told)}")
        return self.told

    def close(self) -> None:
        """Let go of all who wait, and end."""
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def hear(self, told: Told) -> int | str:
        """Keep what was said, and give the next answer."""
        self.told.append(told)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    receiver: Receiver


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.receiver.hear(Told(self.path, headers, json.loads(body)))
        self.close_connection = True
        with contextlib.suppress(OSError):
            if isinstance(answer, int):
                self._answer(answer)
            elif answer != "cut":
                getattr(self, f"_{answer}")()

    def _answer(self, status: int) -> None:
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _hang(self) -> None:
        self.server.receiver.ended.wait()

    def _junk(self) -> None:
        self.wfile.write(b"\x00 this is no HTTP \xff\r\n\r\n")

    def _drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not self.server.receiver.ended.wait(0.02):
            self.wfile.write(b"x")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def receiving(*answers: int | str) -> Iterator[Receiver]:
    """Give a receiver for the block."""
    receiver = Receiver(*answers)
    try:
        yield receiver
    finally:
        receiver.close()
