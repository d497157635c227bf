"""`opskit lb`: how a real HAProxy sees the hosts, who took one out, the queue; and hosts taken out by hand and put back."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.changelog import Changelog
from tests.changelog.writing import whole
from tests.rollout.test_drain import ALL_UP, answers, configure, edge
from tests.rollout.test_interrupt import WAIT, let_go
from tests.support.light import finish, wait_for_file
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.support.haproxy import Answers, HAProxy
    from tests.support.light import Light

__all__ = ["answers", "edge"]


def servers(light: Light, *, expect: int = 0) -> dict[str, dict[str, object]]:
    data = light.opskit("lb", "shop", "--json", expect=expect).json["data"]["services"][0]
    return {server["server"]: server for server in data["backends"][0]["servers"]}


def test_it_shows_each_server_and_the_queue_of_the_backend(light: Light, edge: HAProxy) -> None:
    said = light.opskit("lb").stdout
    assert "shop on lb01, shop in production" in said
    assert re.search(r"^SERVER  STATE  CHECK +SESSIONS  WEIGHT  FOR$", said, re.MULTILINE), said
    assert "UP, 0 sessions; queue: 0, at most 0" in said
    web01 = servers(light)["web01"]
    assert web01.items() >= {"host": "web01", "state": "UP", "sessions": 0, "weight": 1, "by": None}.items()  # fmt: skip
    assert web01["check"] in ("L4OK", "* L4OK"), "with a star while the next check is under way"


def test_the_queue_is_that_of_the_backend(light: Light, answers: Answers, edge: HAProxy) -> None:
    for name in ALL_UP:
        edge.say(f"set maxconn server shop/{name} 1")
    with contextlib.ExitStack() as asked:
        for _ in range(6):
            each = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=100)
            asked.enter_context(contextlib.closing(each)).request("GET", "/slow")
        until(lambda: edge.backend().queue == 2, what="two to wait")
        assert "UP, 6 sessions; queue: 2, at most 2" in light.opskit("lb", "shop").stdout
        answers.release.set()


def test_what_waits_goes_to_a_server_that_is_put_back(
    light: Light, answers: Answers, edge: HAProxy
) -> None:
    for name in ALL_UP:
        edge.say(f"set maxconn server shop/{name} 1")
    light.opskit("lb", "shop", "--drain", "-H", "web03,web04", "-m", "a look", "-y")
    with contextlib.ExitStack() as asked:
        for _ in range(4):
            each = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=100)
            asked.enter_context(contextlib.closing(each)).request("GET", "/slow")
        until(lambda: edge.backend().queue == 2, what="two to wait")
        light.opskit("lb", "shop", "--restore", "-H", "web03,web04", "-m", "well", "-y")
        until(lambda: (edge.backend().queue, answers.waiting) == (0, 4), what="no session to wait")
        assert {server.most for server in edge.backend().servers.values()} == {1}
        answers.release.set()


def test_who_took_a_host_out_is_said_and_a_failed_run_is_not_well(
    light: Light, edge: HAProxy
) -> None:
    edge.say("set server shop/web04 state maint")
    light.make_sick("web01")
    light.restart(expect=1)
    rollout = light.last()
    done = light.opskit("lb", "shop", expect=1)
    assert f"restart {rollout['id']} by " in done.stdout
    assert "to put back: opskit lb shop --restore -H web01 -e production -m WHY" in done.stdout
    assert servers(light, expect=1)["web01"]["by"]["rollout"] == rollout["id"]  # type: ignore[index]
    status = light.opskit("status", "shop", expect=None).stdout
    assert f"web01 is out of shop/web01 on lb01 since restart {rollout['id']}" in status
    doctor = light.opskit("doctor", expect=None).stdout
    assert "shop: shop has 2 of 4 servers up" in doctor
    light.opskit("lb", "shop", "--restore", "-H", "web01", "-m", "it is well now", "-y")
    assert edge.words() == ALL_UP | {"web04": "MAINT"}
    assert (light.last()["action"], light.last()["why"]) == ("restore", "it is well now")


def test_a_server_that_nobody_known_here_took_out_is_not_well(light: Light, edge: HAProxy) -> None:
    again = "to put back, once you know who took it out and why: opskit lb shop --restore -H web04 -e production -m WHY"  # fmt: skip
    for word in ("drain", "maint"):
        edge.say(f"set server shop/web04 state {word}")
        done = light.opskit("lb", "shop", expect=1)
        assert "by nobody known here" in done.stdout
        assert again in done.stdout
        assert edge.words() == ALL_UP | {"web04": word.upper()}, "it is left so"
    edge.say("set server shop/web04 state ready")
    assert again not in light.opskit("lb", "shop").stdout


def test_status_names_who_is_out_by_nobody_known_here(light: Light, edge: HAProxy) -> None:
    light.opskit("lb", "shop", "--drain", "-H", "web01", "-m", "it is slow", "-y")
    edge.say("set server shop/web04 state maint")
    said = light.opskit("status", "shop").stdout
    assert "web04 is in MAINT in shop/web04 on lb01, by nobody known here: opskit lb shop" in said
    assert "web01 is out of shop/web01 on lb01 since drain" in said
    assert "web01 is in" not in said
    data = light.opskit("status", "shop", "--json").json["data"]["services"][0]
    assert [seat["host"] for seat in data["taken_out"]] == ["web04"]
    edge.stop()
    done = light.opskit("status", "shop")
    assert (
        "who is out of load balancers is not known: lb01: HAProxy does not answer" in done.stdout
    )


def test_hosts_are_taken_out_and_put_back_without_secrets_and_in_a_freeze(
    light: Light, edge: HAProxy
) -> None:
    configure(light, edge, secrets='["API_TOKEN"]')
    light.opskit("freeze", "-m", "Black Friday")
    done = light.opskit("lb", "shop", "--drain", "-H", "web01", "-m", "it is slow", "-y")
    assert "note: to take hosts out or to put them back is allowed all the same" in done.stderr
    assert edge.words()["web01"] != "UP"
    light.opskit("lb", "shop", "--restore", "-H", "web01", "-m", "fast again", "-y")
    assert edge.words() == ALL_UP


def test_a_host_that_was_left_out_is_so_until_it_is_put_back(light: Light, edge: HAProxy) -> None:
    light.make_sick("web01")
    light.restart("-H", "web01", expect=1)
    rollout = light.last()["id"]
    (light.hosts.folder("web01") / "sick").unlink()
    light.restart("-H", "web01", "--no-drain")
    assert f"restart {rollout} by " in light.opskit("lb", "shop", expect=1).stdout
    light.restart("-H", "web01")
    assert edge.words() == ALL_UP
    light.opskit("lb", "shop")


def test_a_host_that_was_left_out_long_ago_is_not_forgotten(light: Light, edge: HAProxy) -> None:
    light.make_sick("web01")
    light.restart("-H", "web01", expect=1)
    rollout = light.last()["id"]
    (light.hosts.folder("web01") / "sick").unlink()
    with Changelog(Path(os.environ["OPSKIT_STATE_DIR"]) / "test" / "changelog.db") as changelog:
        for _ in range(60):
            whole(changelog, hosts=("web01", "web02"), to=1)
    assert f"restart {rollout} by " in light.opskit("lb", "shop", expect=1).stdout
    done = light.restart("-H", "web01", expect=None)
    assert "shop/web01 on lb01 is in DRAIN already: it is put back" in done.stdout + done.stderr
    assert edge.words() == ALL_UP


def test_a_host_that_runs_a_change_is_out_and_that_is_well(light: Light, edge: HAProxy) -> None:
    configure(light, edge, restart=json.dumps(WAIT))
    process = light.start("restart", "shop", "-H", "web01", "--yes")
    wait_for_file(light.hosts.folder("web01") / "waits")
    assert servers(light)["web01"]["state"] == "DRAIN"
    refused = light.opskit("lb", "shop", "--restore", "-H", "web01", "-m", "x", "-y", expect=4)
    assert "is held by" in refused.stderr
    let_go(light)
    assert finish(process)[0] == 0
    assert edge.words() == ALL_UP


def test_a_drain_by_hand_stays_until_it_is_put_back_by_hand(light: Light, edge: HAProxy) -> None:
    asked = light.opskit("lb", "shop", "--drain", "-H", "web02", "-y", expect=2)
    assert "to drain by hand asks for a reason" in asked.stderr
    light.opskit("lb", "shop", "--drain", "-H", "web02", "-m", "odd noise", "-n")
    assert edge.words() == ALL_UP
    light.opskit("lb", "shop", "--drain", "-H", "web02", "-m", "odd noise", "-y")
    assert edge.words() == ALL_UP | {"web02": "DRAIN"}
    assert servers(light)["web02"]["by"]["action"] == "drain"  # type: ignore[index]
    assert (light.last()["action"], light.outcomes()) == ("drain", {"web02": "done"})
    light.restart()
    assert edge.words() == ALL_UP | {"web02": "DRAIN"}, "nobody but who drained it puts it back"
    assert light.opskit("status", "shop").stdout.count(" ok ") == 4
    light.opskit("lb", "shop", "--restore", "-H", "web02", "-m", "quiet now", "-y")
    assert edge.words() == ALL_UP


def test_a_plan_says_which_hosts_serve_nobody_and_count_as_healthy(
    light: Light, edge: HAProxy
) -> None:
    edge.say("set server shop/web04 state maint")
    said = "note: min_healthy counts web04 as healthy, though left out"
    assert said not in light.opskit("restart", "shop", "-n").stdout
    configure(light, edge, min_healthy='"50%"')
    assert said in light.opskit("restart", "shop", "-n").stdout


def test_who_took_hosts_out_and_died_is_said_to_be_finished_by_resume(
    light: Light, edge: HAProxy
) -> None:
    configure(light, edge, restart=json.dumps(WAIT))
    process = light.start("restart", "shop", "-H", "web01", "--yes")
    wait_for_file(light.hosts.folder("web01") / "waits")
    process.kill()
    finish(process)
    let_go(light)
    said = light.opskit("lb", "shop", expect=1).stdout
    assert f"to finish what took them out: opskit resume {light.last()['id']}\n" in said


def test_all_at_once_are_not_drained_by_hand(light: Light, edge: HAProxy) -> None:
    done = light.opskit("lb", "shop", "--drain", "-H", "@web", "-m", "x", "-y", expect=5)
    assert (
        "no server but web[01-04] is up in shop on lb01: they are not drained all at once"
        in done.stderr
    )
    assert edge.words() == ALL_UP


def test_a_load_balancer_that_does_not_answer_is_said(light: Light, edge: HAProxy) -> None:
    assert "web01" not in light.opskit("lb", "-H", "web02").stdout
    edge.stop()
    done = light.opskit("lb", expect=1)
    assert "lb01: HAProxy does not answer" in done.stdout
    assert "HAProxy does not answer" in light.opskit("doctor", expect=1).stdout


def test_a_service_behind_none_is_said(light: Light, edge: HAProxy) -> None:
    assert "say which hosts" in light.opskit("lb", "shop", "--drain", "-m", "x", expect=2).stderr
    light.configure()
    assert "no service stands behind a load balancer" in light.opskit("lb").stdout
    assert "stands behind no load balancer" in light.opskit("lb", "shop", expect=2).stderr
