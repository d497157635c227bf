"""Hosts behind a real HAProxy: taken out before they are changed, put back after, on every way out."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.rollout.test_interrupt import WAIT, let_go
from tests.rollout.test_resume import send
from tests.support.haproxy import Answers, HAProxy
from tests.support.light import finish, interrupt, wait_for_file
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.light import Light

BEHIND = '{ name = "edge", backends = ["shop"], drain = "5s", restore = "5s" }'
ROUNDS = 20 if os.environ.get("OPSKIT_HEAVY") else 2
ALL_UP = dict.fromkeys(("web01", "web02", "web03", "web04"), "UP")


@pytest.fixture
def answers() -> Iterator[Answers]:
    with Answers() as server:
        yield server
        server.release.set()
        server.shutdown()


@pytest.fixture
def edge(light: Light, answers: Answers) -> Iterator[HAProxy]:
    """HAProxy on a host of its own, lb01, before web01 to web04; v1 is live on them."""
    light.hosts.odd("lb01")
    with HAProxy(dict.fromkeys(light.hosts.names[:4], answers.port)) as edge:
        configure(light, edge)
        edge.wait_for(**ALL_UP)
        light.deploy("v1")
        yield edge


def configure(light: Light, edge: HAProxy, **keys: str | None) -> None:
    light.configure(extra=edge.toml("lb01"), **{"load_balancer": BEHIND, **keys})


@contextlib.contextmanager
def busy_host(edge: HAProxy, answers: Answers) -> Iterator[str]:
    """Ask for what is answered when the test allows it; gives the host that has the request."""
    with contextlib.closing(
        http.client.HTTPConnection("127.0.0.1", edge.port, timeout=100)
    ) as asked:
        asked.request("GET", "/slow")
        until(lambda: answers.waiting, what="a request to be under way")
        yield next(s.name for s in edge.backend().servers.values() if s.sessions)
        answers.release.set()
        asked.getresponse().read()


def tell(edge: HAProxy, words: str) -> str:
    """Give a command of a host that says something to the load balancer and prints the answer."""
    python = "import socket,sys;s=socket.socket(socket.AF_UNIX);s.connect(sys.argv[1]);s.sendall(sys.argv[2].encode()+b'\\n');print(s.makefile().read())"
    return f'{sys.executable} -c "{python}" {edge.socket} "{words}"'


def seen_in_restart(edge: HAProxy) -> str:
    """Give a restart command that writes down how the load balancer sees the hosts meanwhile."""
    ask = tell(edge, "show stat shop 4 -1")
    return json.dumps(f'{ask} | cut -d, -f2,18 | grep , >>"$HOME/seen"; cat version >>"$HOME/restarts"')  # fmt: skip


def test_a_host_is_out_while_it_is_changed_and_back_before_the_next(
    light: Light, edge: HAProxy
) -> None:
    configure(light, edge, restart=seen_in_restart(edge), batches="[1]")
    light.commit("v2")
    done = light.deploy("v2")
    assert "done" in done.stdout
    for host in light.hosts.names[:4]:
        seen = (light.hosts.folder(host) / "seen").read_text().split()[1:]
        assert dict(line.split(",") for line in seen) == ALL_UP | {host: "DRAIN"}
    assert edge.words() == ALL_UP
    steps = [step["step"] for step in light.last()["hosts"]["web01"]["steps"]]
    assert steps == ["stage", "drain", "switch", "restart", "check", "restore"] or steps == [
        "drain", "switch", "restart", "check", "restore"
    ]  # fmt: skip


def test_it_waits_until_the_last_session_is_over(
    light: Light, edge: HAProxy, answers: Answers
) -> None:
    with busy_host(edge, answers) as busy:
        process = light.start("restart", "shop", "-H", busy, "--yes")
        edge.wait_for(**{busy: "DRAIN"})
        assert light.restarts(busy) == ["v1"]
    code, said, _ = finish(process)
    assert (code, light.restarts(busy)) == (0, ["v1", "v1"]), said
    assert edge.words() == ALL_UP


def test_sessions_that_do_not_end_are_told_and_the_run_goes_on(
    light: Light, edge: HAProxy, answers: Answers
) -> None:
    configure(light, edge, load_balancer=BEHIND.replace('drain = "5s"', 'drain = "300ms"'))
    with busy_host(edge, answers) as busy:
        done = light.restart("-H", busy)
    assert f"{busy}: 1 session is left there after 0.3 s: it goes on" in done.stdout
    assert edge.words() == ALL_UP


def test_a_bad_version_goes_back_and_the_host_is_put_back(light: Light, edge: HAProxy) -> None:
    light.commit("v2", good=False)
    light.deploy("v2", expect=5)
    assert light.live() == light.on_all("v1")
    assert edge.words() == ALL_UP
    assert light.outcomes()["web01"] == "reverted"


def test_a_host_that_cannot_be_made_well_stays_out_until_somebody_makes_it_well(
    light: Light, edge: HAProxy
) -> None:
    light.make_sick("web01")
    done = light.restart(expect=1)
    assert "web01 is left out of shop/web01 on lb01: nobody knows that it is well" in done.stdout
    assert edge.words() == ALL_UP | {"web01": "DRAIN"}
    (light.hosts.folder("web01") / "sick").unlink()
    again = light.restart()
    assert "shop/web01 on lb01 is in DRAIN already: it is put back" in again.stdout + again.stderr
    assert edge.words() == ALL_UP


def test_what_somebody_took_out_before_is_left_so(light: Light, edge: HAProxy) -> None:
    edge.say("set server shop/web02 state maint")
    done = light.restart()
    assert "shop/web02 on lb01 is in MAINT already: it is left so" in done.stdout + done.stderr
    assert edge.words() == ALL_UP | {"web02": "MAINT"}
    assert light.restarts("web02") == ["v1", "v1"]


def test_the_last_server_is_never_drained(light: Light, edge: HAProxy) -> None:
    for name in ("web02", "web03", "web04"):
        edge.say(f"set server shop/{name} state maint")
    done = light.restart(expect=5)
    assert "web01 is the only server that is up in shop on lb01" in done.stderr
    assert edge.words()["web01"] == "UP"
    assert light.restarts("web01") == ["v1"]
    light.commit("v2")
    light.deploy("v2", "--no-drain")
    back = light.rollback()
    assert "web01 is changed without a drain: no other server is up" in back.stdout
    assert light.live() == light.on_all("v1")


def test_batches_are_cut_to_what_a_backend_can_bear(light: Light, edge: HAProxy) -> None:
    edge.say("set server shop/web03 state maint")
    edge.say("set server shop/web04 state maint")
    configure(light, edge, batches="[4]")
    done = light.restart()
    batches = [line for line in done.stdout.splitlines() if line.startswith("batch ")]
    assert [line.partition(": ")[2] for line in batches] == ["web01", "web02, web03, web04"]


def test_after_a_kill_another_run_resumes_and_puts_all_back(light: Light, edge: HAProxy) -> None:
    light.commit("v2")
    configure(light, edge, restart=json.dumps(WAIT))
    process = light.start("deploy", "shop", "v2", "--yes")
    wait_for_file(light.hosts.folder("web01") / "waits")
    interrupt(process, signal.SIGKILL)
    finish(process)
    assert edge.words() == ALL_UP | {"web01": "DRAIN"}
    configure(light, edge)
    light.opskit("resume", light.last()["id"], "--yes")
    assert light.live() == light.on_all("v2")
    assert edge.words() == ALL_UP


def test_another_engineer_puts_back_what_a_dead_run_took_out(
    light: Light, edge: HAProxy, tmp_path: Path
) -> None:
    light.commit("v2")
    configure(light, edge, restart=json.dumps(WAIT))
    process = light.start("deploy", "shop", "v2", "--yes", env={"OPSKIT_ACTOR": "ana"})
    wait_for_file(light.hosts.folder("web01") / "waits")
    interrupt(process, signal.SIGKILL)
    finish(process)
    ben = {"OPSKIT_STATE_DIR": str(tmp_path / "other laptop"), "OPSKIT_ACTOR": "ben"}
    send(light, tmp_path / "ana's", to=ben)
    configure(light, edge)
    again = ("resume", light.last()["id"], "--take-over", "-m", "hers is gone", "--yes")
    light.opskit(*again, env=ben)
    assert light.live() == light.on_all("v2")
    assert edge.words() == ALL_UP


def test_after_a_kill_the_next_deploy_puts_back_what_the_dead_one_took_out(
    light: Light, edge: HAProxy
) -> None:
    configure(light, edge, restart=json.dumps(WAIT))
    process = light.start("restart", "shop", "--yes")
    wait_for_file(light.hosts.folder("web01") / "waits")
    interrupt(process, signal.SIGKILL)
    finish(process)
    assert edge.words() == ALL_UP | {"web01": "DRAIN"}
    configure(light, edge)
    light.commit("v2")
    light.deploy("v2")
    assert edge.words() == ALL_UP


def test_stopped_at_once_while_it_waits_a_host_that_was_not_touched_is_put_back(
    light: Light, edge: HAProxy, answers: Answers
) -> None:
    with busy_host(edge, answers) as busy:
        process = light.start("restart", "shop", "-H", busy, "--yes")
        edge.wait_for(**{busy: "DRAIN"})
        interrupt(process, signal.SIGTERM)
        assert finish(process)[0] == 130
    assert edge.words() == ALL_UP
    assert light.restarts(busy) == ["v1"]


def test_stopped_at_once_amid_the_change_a_host_stays_out_and_a_resume_puts_it_back(
    light: Light, edge: HAProxy
) -> None:
    light.commit("v2")
    configure(light, edge, restart=json.dumps(WAIT))
    process = light.start("deploy", "shop", "v2", "--yes")
    wait_for_file(light.hosts.folder("web01") / "waits")
    interrupt(process, signal.SIGTERM)
    code, said, _ = finish(process)
    assert code == 130
    assert "web01 is left out of shop/web01 on lb01" in said
    assert edge.words() == ALL_UP | {"web01": "DRAIN"}
    configure(light, edge)
    light.opskit("resume", light.last()["id"], "--revert", "--yes")
    assert edge.words() == ALL_UP
    assert light.live() == light.on_all("v1")


def test_a_load_balancer_that_does_not_answer_stops_a_deploy_before_it_begins_and_a_rollback_never(
    light: Light, edge: HAProxy
) -> None:
    light.commit("v2")
    light.deploy("v2")
    edge.stop()
    refused = light.restart(expect=5)
    assert "the load balancer: lb01: HAProxy does not answer" in refused.stderr
    assert "--no-drain" in refused.stderr
    assert light.restarts("web01") == ["v1", "v2"]
    light.rollback()
    assert light.live() == light.on_all("v1")


@pytest.mark.timeout(1200)
def test_two_engineers_never_leave_a_backend_with_none(light: Light, edge: HAProxy) -> None:
    for name in ("web03", "web04"):
        edge.say(f"set server shop/{name} state maint")
    for _ in range(ROUNDS):
        both = [light.start("restart", "shop", "-H", name, "--yes") for name in ("web01", "web02")]
        least = 2
        while any(process.poll() is None for process in both):
            least = min(least, list(edge.words().values()).count("UP"))
        codes = sorted(finish(process)[0] for process in both)
        assert least >= 1
        assert codes in ([0, 0], [0, 5])
        assert edge.words() == ALL_UP | {"web03": "MAINT", "web04": "MAINT"}


def test_a_host_that_forwards_no_socket_is_spoken_to_by_a_tool_of_its_own(
    light: Light, edge: HAProxy
) -> None:
    light.hosts.odd("lb02", AllowStreamLocalForwarding="no")
    light.configure(extra=edge.toml("lb02"), load_balancer=BEHIND)
    light.restart()
    assert [light.restarts(name) for name in light.hosts.names[:4]] == [["v1", "v1"]] * 4
    assert edge.words() == ALL_UP


def test_a_mistake_is_said_before_anything_is_touched(light: Light, edge: HAProxy) -> None:
    for old, new, said in (
        ('["shop"]', '["shpo"]', "HAProxy has no backend shpo"),
        ('["shop"]', '["shop"], server = "app-{host}"', "shop on lb01 has no server app-web01: web01, web02"),
    ):  # fmt: skip
        configure(light, edge, load_balancer=BEHIND.replace(old, new))
        assert said in light.restart(expect=5).stderr
    edge.socket.rename(edge.folder / "t")
    configure(light, edge)
    assert "there is no socket" in light.restart(expect=5).stderr
    edge.socket.write_text("")
    assert "there is no socket" in light.restart(expect=5).stderr
    assert light.restarts("web01") == ["v1"]


def test_the_plan_and_the_log_tell_of_it(light: Light, edge: HAProxy) -> None:
    plan = light.restart("--dry-run")
    assert "drained before, put back after on lb01; 5 s for sessions" in plan.stdout
    assert "# drain, to HAProxy on lb01\n    set server shop/{host} state drain" in plan.stdout
    data = light.restart("--dry-run", "--json").json["data"]["plan"]["drains"]
    seat = {"host": "web01", "at": "lb01", "backend": "shop", "server": "web01"}
    assert (data["drain"], data["restore"], data["seats"][0]) == (5.0, 5.0, seat)
    assert edge.words() == ALL_UP
    light.restart()
    page = light.opskit("log", light.last()["id"]).stdout
    assert "drain" in page
    assert "restore" in page


def test_a_host_that_its_load_balancer_does_not_find_up_goes_back(
    light: Light, edge: HAProxy, answers: Answers
) -> None:
    light.commit("v2")
    port = f"$(grep -q v1 version && echo {answers.port} || echo 9)"
    moved = tell(edge, f"set server shop/web01 addr 127.0.0.1 port {port}")
    behind = BEHIND.replace('restore = "5s"', 'restore = "2s"')
    configure(light, edge, restart=json.dumps(moved), load_balancer=behind)
    done = light.deploy("v2", expect=5)
    assert "shop/web01 is DRAIN, DOWN (L4CON) after 2 s" in done.stdout
    assert light.live() == light.on_all("v1")
    edge.wait_for(**ALL_UP)
    assert light.outcomes()["web01"] == "reverted"


def test_a_load_balancer_that_dies_in_the_middle_stops_the_run_and_the_host_keeps_what_it_has(
    light: Light, edge: HAProxy
) -> None:
    light.commit("v2")
    configure(light, edge, restart=json.dumps(WAIT), batches="[1]")
    process = light.start("deploy", "shop", "v2", "--yes")
    wait_for_file(light.hosts.folder("web01") / "waits")
    edge.stop()
    let_go(light)
    code, said, _ = finish(process)
    assert code == 1, said
    assert "web01 is left out of shop/web01 on lb01: lb01: HAProxy does not answer" in said
    assert light.live() == light.on_all("v1") | {"web01": "v2"}
    edge.start()
    edge.wait_for(**ALL_UP)
    configure(light, edge)
    light.opskit("resume", light.last()["id"], "--yes")
    assert light.live() == light.on_all("v2")
    assert edge.words() == ALL_UP
