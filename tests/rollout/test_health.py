"""A service is healthy when its check holds in time, asked from the host itself."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from opskit.config.secret import Secret
from opskit.config.service import CommandCheck, Health, HttpCheck, TcpCheck
from opskit.errors import CommandFailedError, ConfigError, HostError, UnhealthyError, UsageError
from opskit.rollout.health import check_once, describe, wait_healthy
from opskit.rollout.stop import Stop
from tests.fleet.opening import fleet_of, host_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opskit.fleet.remote import Remote
    from tests.support.hosts import Hosts


class Service(http.server.BaseHTTPRequestHandler):
    """Answers /STATUS/TEXT with that status and text; /soon with 500 until it was asked three times."""

    asked = 0

    def do_GET(self) -> None:
        Service.asked += 1
        status, _, text = self.path[1:].partition("/")
        if status == "soon":
            status = "200" if Service.asked >= 3 else "500"
        body = text.encode("latin-1")
        self.send_response(int(status))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    Service.asked = 0
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def remote(hosts: Hosts, port: int) -> Iterator[Remote]:
    words = {"port": str(port), "word": "no-port", "big": "99999"}
    with fleet_of(host_of(hosts, "web01", vars=words)) as fleet:
        yield fleet.remote("web01")


@pytest.fixture
def current(hosts: Hosts) -> Path:
    made = hosts.folder("web01") / "shop" / "current"
    made.mkdir(parents=True)
    return made


def check(remote: Remote, health: Health, **env: str | Secret) -> None:
    check_once(remote, health, path="~/shop", env=env)


def http_health(path: str, *, contains: str = "", status: int = 200, **times: float) -> Health:
    url = f"http://127.0.0.1:{{port}}{path}"
    return Health(HttpCheck(url, status, contains), **times)


def test_a_page_with_the_status_and_the_text_is_healthy(remote: Remote) -> None:
    check(remote, http_health("/200/all-is-well", contains="well"))
    check(remote, http_health("/404/", status=404))


@pytest.mark.parametrize(
    ("health", "why"),
    [
        (http_health("/500/broken"), "gave 500, expected 200"),
        (http_health("/200/ill", contains="well"), "does not contain 'well'"),
        (http_health("/302/"), "gave 302, expected 200"),
    ],
)
def test_a_page_that_is_not_as_expected_says_so_with_its_body(
    remote: Remote, health: Health, why: str
) -> None:
    with pytest.raises(CommandFailedError, match=why) as raised:
        check(remote, health)
    assert raised.value.output in ("broken", "ill", "")


def test_a_port_that_listens_is_healthy_and_another_is_not(remote: Remote) -> None:
    check(remote, Health(TcpCheck("127.0.0.1:{port}")))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody else can have it, or listen there
        with pytest.raises(HostError):
            check(remote, Health(TcpCheck(f"127.0.0.1:{taken.getsockname()[1]}")))


@pytest.mark.parametrize("address", ["127.0.0.1:{word}", "127.0.0.1:{big}", "{port}"])
def test_an_address_that_a_var_spoils_is_a_matter_of_configuration(
    remote: Remote, address: str
) -> None:
    with pytest.raises(ConfigError, match="of web01 is no host and port"):
        check(remote, Health(TcpCheck(address)))
    with pytest.raises(UsageError):
        check(remote, Health(HttpCheck("http://127.0.0.1:{word}/")))


def test_a_var_that_a_host_lacks_is_named_and_not_waited_for(remote: Remote) -> None:
    health = Health(HttpCheck("http://127.0.0.1:{prot}/"), within=60)
    with pytest.raises(ConfigError, match="web01 has no var 'prot'") as raised:
        wait_healthy(remote, health, path="~/shop", env={}, stop=Stop())
    assert "vars = { prot = …" in raised.value.hint


def test_a_command_runs_in_the_live_release_with_the_environment(
    remote: Remote, current: Path
) -> None:
    (current / "here").touch()
    check(remote, Health(CommandCheck('test -e here && test "$MODE" = x')), MODE="x")
    with pytest.raises(CommandFailedError, match="the health command ended with status 3") as said:
        check(remote, Health(CommandCheck("echo ill $TOKEN; exit 3")), TOKEN=Secret("s3cret"))
    assert said.value.output == "ill [redacted]"


def test_it_is_asked_until_it_holds(remote: Remote) -> None:
    health = http_health("/soon", within=60, interval=0.05)
    wait_healthy(remote, health, path="~/shop", env={}, stop=Stop())
    assert Service.asked == 3


def test_when_time_is_up_the_last_reason_is_given(remote: Remote) -> None:
    began = time.monotonic()
    health = http_health("/500/the-reason", within=1.5, interval=0.2)
    with pytest.raises(UnhealthyError) as raised:
        wait_healthy(remote, health, path="~/shop", env={}, stop=Stop())
    assert "not healthy within 1.5 s: http://127.0.0.1:" in raised.value.what
    assert raised.value.what.endswith("/500/the-reason gave 500, expected 200")
    assert raised.value.output == "the-reason"
    assert 1 < time.monotonic() - began < 60
    assert 1 <= Service.asked <= 8


def test_the_second_wish_to_stop_ends_the_wait(remote: Remote) -> None:
    stop = Stop()
    threading.Timer(0.1, lambda: (stop.request(), stop.request())).start()
    began = time.monotonic()
    health = http_health("/500/", within=100, interval=90)
    with pytest.raises(UnhealthyError):
        wait_healthy(remote, health, path="~/shop", env={}, stop=stop)
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("health", "said"),
    [
        (None, "none: nothing tells a bad release from a good one"),
        (Health(HttpCheck("http://h/"), within=30), "GET http://h/ gives 200, within 30 s"),
        (
            Health(HttpCheck("http://h/", 204, "ok"), within=0.5),
            "GET http://h/ gives 204 and contains 'ok', within 0.5 s",
        ),
        (Health(TcpCheck("h:1")), "h:1 accepts a connection, within 30 s"),
        (Health(CommandCheck("true")), "`true` ends with 0, within 30 s"),
    ],
)
def test_what_is_checked_is_said_in_one_line(health: Health | None, said: str) -> None:
    assert describe(health) == said
