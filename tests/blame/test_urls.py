"""An address that is broken: what it says, and which service stands behind it."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from opskit.blame import urls
from opskit.blame.gather import Place
from opskit.blame.urls import Behind, behind, fetch
from opskit.config.balancers import Behind as Balanced
from opskit.config.balancers import LoadBalancer
from opskit.config.service import FolderSource, Health, HttpCheck, Service, TcpCheck
from opskit.errors import UsageError
from opskit.fleet.inventory import Host, Inventory

if TYPE_CHECKING:
    from collections.abc import Iterator

EDGE = Balanced(LoadBalancer("edge", "lb01", "/run/haproxy.sock"), ("shop",))


class Broken(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if "drip" in self.path:
            self.drip()
            return
        status = 500 if "bad" in self.path else 200
        body = b"<html><style>p{}</style><p>KeyError: 'offer' \x1b[2J</p></html>"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def drip(self) -> None:
        """Send a byte now and then for as long as somebody listens."""
        self.send_response(500)
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(b"x")
                time.sleep(0.02)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Broken) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_what_an_address_answers_is_text_of_the_symptom(address: str) -> None:
    bad = fetch(f"{address}/bad?token=hush")
    assert (bad.status, bad.is_bad) == (500, True)
    assert bad.text == f"GET {address}/bad gave 500 Internal Server Error\nKeyError: 'offer'"
    assert not fetch(f"{address}/fine").is_bad


def test_a_page_that_drips_is_read_for_a_while_and_no_longer(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = itertools.count()  # a look at the clock takes one
    monkeypatch.setattr(urls, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    said = fetch(f"{address}/drip")
    assert said.status == 500
    assert said.text.endswith("x")


def test_an_address_that_does_not_answer_is_a_symptom_too() -> None:
    gone = fetch("http://127.0.0.1:1/cart")
    assert (gone.status, gone.is_bad) == (0, True)
    assert "http://127.0.0.1:1/cart: no answer" in gone.text


@pytest.mark.parametrize(
    "url", ["shop", "file:///etc/passwd", "http://", "http://a b/", "ftp://a/"]
)
def test_what_is_no_http_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        fetch(url)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://web01:8081/cart", Behind(("shop",), "web01")),
        ("http://10.0.0.2:8082/cart", Behind(("shop",), "web02")),
        ("http://web01:9200/", Behind(("search",), "web01")),
        ("https://10.0.0.9/cart", Behind(("shop",))),
        ("https://shop.example.com:8082/cart", Behind(("shop",))),
        ("https://shop.example.com/cart", Behind()),
    ],
)
def test_the_service_is_found_by_host_and_port_load_balancer_or_health_check(url: str, found: Behind) -> None:  # fmt: skip
    source = FolderSource(Path())
    shop = Service("shop", "production", "/srv/shop", "@web", source, health=Health(HttpCheck("http://127.0.0.1:{port}/health")), load_balancer=EDGE)  # fmt: skip
    search = Service("search", "production", "/srv/search", "web01", source, health=Health(TcpCheck("127.0.0.1:9200")))  # fmt: skip
    hosts = {
        name: Host(name, address, 22, "ana", vars=vars)
        for name, address, vars in (
            ("web01", "10.0.0.1", {"port": "8081"}),
            ("web02", "10.0.0.2", {"port": "8082"}),
            ("lb01", "10.0.0.9", {}),
        )
    }
    place = Place("production", {"shop": shop, "search": search}, {"shop": ("web01", "web02"), "search": ("web01",)})  # fmt: skip
    assert behind(url, place, Inventory("production", hosts)) == found


@pytest.mark.parametrize("url", ["http://ann:hunter2@127.0.0.1:1/", "ftp://ann:hunter2@host/"])
def test_a_password_in_an_address_is_not_taken_and_not_shown(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        fetch(url)
    assert "hunter2" not in str(caught.value)
