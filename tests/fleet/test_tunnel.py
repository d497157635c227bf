"""What a host's own ports answer, seen through SSH."""

from __future__ import annotations

import http.server
import socket
import ssl
import subprocess
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from opskit.errors import HostError, HostUnfitError, UsageError
from tests.fleet.opening import fleet_of, host_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opskit.fleet.remote import Remote
    from tests.support.hosts import Hosts


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/")
            self.end_headers()
            return
        self.send_response(503 if self.path == "/sick" else 200)
        self.end_headers()
        self.wfile.write(f"{self.path} for {self.headers['Host']}".encode())
        if self.path == "/big":
            self.wfile.write(b"x" * 300_000)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def web(context: ssl.SSLContext | None = None) -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def remote(any_hosts: Hosts) -> Iterator[Remote]:
    with fleet_of(host_of(any_hosts, "web01")) as fleet:
        yield fleet.remote("web01")


def test_an_answer_has_status_and_the_beginning_of_the_body(remote: Remote) -> None:
    with web() as port:
        answer = remote.http_get(f"http://127.0.0.1:{port}/health?deep=1", timeout=60)
        assert (answer.status, answer.body) == (
            200,
            f"/health?deep=1 for 127.0.0.1:{port}".encode(),
        )
        assert remote.http_get(f"http://localhost:{port}/sick", timeout=60).status == 503
        assert remote.http_get(f"http://127.0.0.1:{port}/moved", timeout=60).status == 302
        assert len(remote.http_get(f"http://127.0.0.1:{port}/big", timeout=60).body) == 65536


def test_https_is_fetched_too(remote: Remote, tmp_path: Path) -> None:
    files = ["-keyout", tmp_path / "key", "-out", tmp_path / "cert"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", *files],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    with web(context) as port:
        assert remote.http_get(f"https://127.0.0.1:{port}/big", timeout=60).status == 200


def test_a_port_that_nobody_listens_on_is_a_host_error_in_one_line(remote: Remote) -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(HostError, match=f"127.0.0.1:{port}: connection failed"):
            remote.http_get(f"http://127.0.0.1:{port}/", timeout=60)
        with pytest.raises(HostError, match="connection failed"):
            remote.tcp_open("127.0.0.1", port, timeout=60)


def test_a_server_that_says_nothing_or_nonsense_is_given_up_in_time(remote: Remote) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as mute:
        port = mute.getsockname()[1]
        remote.tcp_open("127.0.0.1", port, timeout=60)
        began = time.monotonic()
        with pytest.raises(HostError, match=r"no answer within 2 s"):
            remote.http_get(f"http://127.0.0.1:{port}/", timeout=2)
        assert time.monotonic() - began < 60
    with closing(socket.create_server(("127.0.0.1", 0))) as rude:
        port = rude.getsockname()[1]
        threading.Thread(target=_say, args=(rude, b"220 smtp ready\r\n")).start()
        with pytest.raises(HostError, match="no HTTP answer"):
            remote.http_get(f"http://127.0.0.1:{port}/", timeout=60)


def _say(server: socket.socket, words: bytes) -> None:
    link, _ = server.accept()
    with link:
        link.recv(1000)
        link.sendall(words)


@pytest.mark.parametrize(
    "url", ["ftp://x/", "http://", "http://a b/", "http://h:x/", "http://h/\r\nX: y"]
)
def test_what_is_no_http_address_is_a_usage_error(remote: Remote, url: str) -> None:
    with pytest.raises(UsageError, match="no http address"):
        remote.http_get(url, timeout=60)


def test_a_host_that_forwards_nothing_says_what_to_use_instead(openssh_hosts: Hosts) -> None:
    openssh_hosts.odd("shut", AllowTcpForwarding="no")
    with fleet_of(host_of(openssh_hosts, "shut")) as fleet, web() as port:
        with pytest.raises(HostUnfitError) as caught:
            fleet.remote("shut").http_get(f"http://127.0.0.1:{port}/", timeout=60)
        assert "health.command" in caught.value.hint
