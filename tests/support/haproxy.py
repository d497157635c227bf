"""A real HAProxy in front of servers of the loopback, and a backend for it that answers when the test lets it."""

from __future__ import annotations

import json
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Self

from opskit.rollout import haproxy
from tests.support.hosts import free_port
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opskit.rollout.haproxy import Backend

CONFIG = """
global
  stats socket {socket} level admin mode 600
  maxconn 2000
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout queue 60s
frontend front
  bind 127.0.0.1:{port}
  default_backend shop
"""


class HAProxy:
    """`with HAProxy({"web01": 8001}) as edge:`; the backend is `shop`, `options` stand behind each server."""

    def __init__(
        self, servers: Mapping[str, int], *, options: str = "check inter 100ms rise 1 fall 1", more: str = ""
    ) -> None:  # fmt: skip
        self.folder = Path(tempfile.mkdtemp(prefix="opskit-haproxy-"))
        self.socket, self.port = self.folder / "s", free_port()
        lines = [f"  server {name} 127.0.0.1:{port} {options}" for name, port in servers.items()]
        text = CONFIG.format(socket=self.socket, port=self.port)
        (self.folder / "cfg").write_text("\n".join([text, "backend shop", *lines, more, ""]))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def start(self) -> None:
        program = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin") or "haproxy"
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-db", "-f", str(self.folder / "cfg")], stdout=log, stderr=log
            )
        until(self._answers, what="HAProxy")

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def toml(self, hosts: str, name: str = "edge") -> str:
        """Give the table of opskit.toml that names it, as it is on these hosts."""
        return (
            f"[environments.production.load_balancers.{name}]\n"
            f"hosts = {json.dumps(hosts)}\nsocket = {json.dumps(str(self.socket))}\n"
        )

    def say(self, text: str) -> str:
        """Say something on the runtime socket."""
        with socket.socket(socket.AF_UNIX) as wire:
            wire.connect(str(self.socket))
            wire.sendall(f"{text}\n".encode())
            return b"".join(iter(lambda: wire.recv(65536), b"")).decode()

    def backend(self, name: str = "shop") -> Backend:
        return haproxy.read(self.say(haproxy.look([name]).strip()))[name]

    def words(self, name: str = "shop") -> dict[str, str]:
        """Give how each server is, in one word."""
        return {server.name: server.word for server in self.backend(name).servers.values()}

    def wait_for(self, **words: str) -> None:
        until(lambda: self.words().items() >= words.items(), what=f"{words}")

    def _answers(self) -> bool:
        assert self._process
        assert self._process.poll() is None, (self.folder / "log").read_text()
        try:
            return bool(self.say("show info"))
        except OSError:
            return False


class Between(socketserver.ThreadingUnixStreamServer):
    """Stands on a socket of its own before HAProxy's; `heard` is told of what HAProxy was told, before the answer is passed on.

    `shut` lets nobody through any more.
    """

    daemon_threads = True

    def __init__(self, edge: HAProxy, heard: Callable[[Between, str], None]) -> None:
        self.path, self.edge, self.heard = edge.folder / "between", edge, heard
        super().__init__(str(self.path), _Passing)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def shut(self) -> None:
        self.path.unlink(missing_ok=True)

    def toml(self, hosts: str) -> str:
        """Give the table of opskit.toml that names it, as it is on these hosts."""
        return self.edge.toml(hosts).replace(str(self.edge.socket), str(self.path))


class _Passing(socketserver.StreamRequestHandler):
    server: Between

    def handle(self) -> None:
        said = self.rfile.readline().decode()
        answer = self.server.edge.say(said.strip())
        self.server.heard(self.server, said)
        self.wfile.write(answer.encode())


class Answers(ThreadingHTTPServer):
    """A server that answers `/` at once, and `/slow` when the test says `release.set()`; `waiting` counts the latter."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.release = threading.Event()
        self.waiting = 0
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    server: Answers

    def do_GET(self) -> None:
        if self.path == "/slow":
            self.server.waiting += 1
            self.server.release.wait(100)
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")

    def log_message(self, *_: object) -> None:
        """Say nothing."""
