"""`opskit restart`, end to end: host after host, each healthy before the next; every kind of check."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from tests.support.light import HEALTH, TIMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.light import Light

TASKS = '''
from fabric import task

@task
def bounce(c, service, release="none", path=""):
    """Restart it."""
    c.run(f'echo "{service} $OPSKIT_HOST $OPSKIT_VAR_port $OPSKIT_REVISION" >>"$HOME/bounced"')

@task
def trip(c):
    """Fail."""
    c.run("echo cannot bounce >&2; exit 4")
'''


def test_each_host_is_restarted_once_in_batches(any_light: Light) -> None:
    any_light.deploy("v1")
    done = any_light.restart("-m", "leaks memory")
    assert "batch 1 of 3 (canary): web01" in done.stdout
    assert [any_light.restarts(name) for name in any_light.hosts.names] == [["v1", "v1"]] * 4
    last = any_light.last()
    assert (last["action"], last["outcome"], last["why"]) == ("restart", "done", "leaks memory")
    assert any_light.opskit("status", "shop").stdout.count(" ok ") == 4
    assert any_light.locks() == []


def test_a_host_that_does_not_come_back_stops_the_restart(any_light: Light) -> None:
    any_light.deploy("v1")
    any_light.make_sick("web01")
    done = any_light.restart(expect=1)
    assert "not healthy within 0.2 s" in done.stdout
    assert any_light.restarts("web02") == ["v1"]
    assert any_light.outcomes()["web01"] == "failed"
    assert any_light.live() == any_light.on_all("v1")


def test_a_restart_command_that_fails_shows_what_it_said(light: Light) -> None:
    light.deploy("v1")
    light.configure(restart='"echo out; echo unit not found >&2; exit 5"')
    done = light.restart(expect=1)
    assert "the restart ended with status 5" in done.stdout
    assert "| unit not found" in done.stdout
    assert "unit not found" in light.last()["hosts"]["web01"]["output"]


def test_a_restart_that_hangs_is_ended_with_all_its_processes(light: Light) -> None:
    light.deploy("v1")
    slow = "sh -c 'while :; do date +%s%N >\"$HOME/alive\"; sleep 0.02; done'"
    light.configure(restart=json.dumps(slow), restart_timeout='"1500ms"')
    done = light.restart(expect=1)
    assert "did not end within 1.5 s; its processes were ended" in done.stdout
    alive = light.hosts.folder("web01") / "alive"
    seen = alive.read_text()
    threading.Event().wait(0.2)
    assert alive.read_text() == seen


def test_without_a_way_to_restart_it_says_what_to_add(light: Light) -> None:
    light.configure(restart=None)
    done = light.restart(expect=2)
    assert "has no `restart`" in done.stderr
    assert "[services.shop]" in done.stderr


def test_a_host_with_nothing_deployed_is_not_restarted(light: Light) -> None:
    done = light.restart(expect=1)
    assert "has no live release" in done.stdout
    assert light.restarts("web01") == []


def test_a_task_can_be_the_way_to_restart(any_light: Light) -> None:
    (any_light.folder / "tasks.py").write_text(TASKS)
    sha = any_light.commit("v2")
    any_light.configure(restart='{ task = "bounce" }')
    any_light.deploy("v2")
    any_light.restart()
    for name in any_light.hosts.names:
        port = any_light.hosts.host(name).service_port
        expected = f"shop {name} {port} {sha}\n"
        assert (any_light.hosts.folder(name) / "bounced").read_text() == expected * 2


def test_a_task_that_fails_stops_the_restart(light: Light) -> None:
    (light.folder / "tasks.py").write_text(TASKS)
    light.deploy("v1")
    light.configure(restart='{ task = "trip" }')
    done = light.restart(expect=1)
    assert "cannot bounce" in done.stdout
    assert light.outcomes()["web02"] == "skipped"


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"restart": '{ task = "bounse" }'}, "bounse"),
        ({"health": '{ http = "http://127.0.0.1:{prot}/", within = "300ms" }'}, "prot"),
    ],
)
def test_what_is_misspelt_is_found_before_any_host_is_touched(
    light: Light, keys: dict[str, str], complaint: str
) -> None:
    (light.folder / "tasks.py").write_text(TASKS)
    light.commit("v2")
    light.deploy("v1")
    light.configure(**keys)
    before = light.tree()
    for action in (light.deploy, light.restart, light.rollback):
        done = action(expect=2)
        assert complaint in done.stderr
    assert light.tree() == before


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()
        self.wfile.write(b"all is well")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service(light: Light) -> Iterator[Light]:
    """The light project on one host, at whose port a web service answers."""
    light.configure(hosts='"web01"', batches="[1]")
    light.deploy("v1")
    server = HTTPServer(("127.0.0.1", light.hosts.host("web01").service_port), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield light
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("health", "code", "says"),
    [
        ('{ http = "http://127.0.0.1:{port}/health", contains = "well", TIMES }', 0, ""),
        ('{ http = "http://127.0.0.1:{port}/", status = 503, TIMES }', 0, ""),
        ('{ http = "http://127.0.0.1:{port}/", TIMES }', 1, "gave 503, expected 200"),
        (
            '{ http = "http://127.0.0.1:{port}/health", contains = "ill", TIMES }',
            1,
            "does not contain 'ill'",
        ),
        ('{ tcp = "127.0.0.1:{port}", TIMES }', 0, ""),
        ('{ tcp = "127.0.0.1:1", TIMES }', 1, "127.0.0.1:1"),
        ('{ command = "test $OPSKIT_HOST = web01", TIMES }', 0, ""),
        ('{ command = "echo broken; false", TIMES }', 1, "| broken"),
        (None, 0, ""),
    ],
)
def test_health_is_asked_by_http_tcp_or_a_command(
    service: Light, health: str | None, code: int, says: str
) -> None:
    written = health and health.replace("TIMES", TIMES)
    service.configure(hosts='"web01"', batches="[1]", health=written)
    done = service.restart(expect=code)
    assert says in done.stdout
    assert service.last()["outcome"] == ("done" if code == 0 else "failed")


def test_a_service_that_takes_its_time_is_waited_for(light: Light) -> None:
    late = 'n=$(cat "$HOME/n" 2>/dev/null || echo 0); echo $((n+1)) >"$HOME/n"; [ $n -ge 4 ]'
    health = (
        f'{{ command = {json.dumps(late)}, within = "20s", interval = "20ms", timeout = "5s" }}'
    )
    light.configure(hosts='"web01"', batches="[1]", health=health)
    light.deploy("v1")
    assert (light.hosts.folder("web01") / "n").read_text().strip() == "5"


def test_nothing_listens_is_said_in_words(light: Light) -> None:
    with closing(socket.socket()) as nothing:
        nothing.bind(("127.0.0.1", 0))
        port = nothing.getsockname()[1]
        light.deploy("v1")
        light.configure(health=f'{{ tcp = "127.0.0.1:{port}", {TIMES} }}')
        done = light.restart(expect=1)
    assert f"127.0.0.1:{port}" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert HEALTH not in done.stdout
