"""What is not a run's own is left alone: a host that another run has now, a server in maintenance. What nobody knows is said."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

from tests.rollout.test_drain import ALL_UP, BEHIND, answers, configure, edge
from tests.rollout.test_interrupt import WAIT, let_go
from tests.support.haproxy import Between
from tests.support.light import finish, interrupt, wait_for_file

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.haproxy import HAProxy
    from tests.support.light import Light

__all__ = ["answers", "edge"]
CHECK = 'touch "$HOME/waits"; while [ ! -e "$HOME/go" ]; do sleep 0.05; done'


def test_a_run_that_lost_its_lock_does_not_put_the_host_back(
    light: Light, edge: HAProxy, tmp_path: Path
) -> None:
    health = f"{{ command = {json.dumps(CHECK)}, within = '100s', timeout = '100s' }}"
    configure(light, edge, health=health)
    process = light.start("restart", "shop", "-H", "web01", "--yes")
    wait_for_file(light.hosts.folder("web01") / "waits")
    interrupt(process, signal.SIGSTOP)
    other = {"OPSKIT_STATE_DIR": str(tmp_path / "other")}
    light.opskit("unlock", "shop", "-H", "web01", "--yes", "-m", "asleep", env=other)
    let_go(light)
    interrupt(process, signal.SIGCONT)
    code, said, _ = finish(process)
    assert code == 1
    assert "web01 is left out of shop/web01 on lb01" in said
    assert "the lock of this run is gone" in said
    assert edge.words() == ALL_UP | {"web01": "DRAIN"}
    assert "web01 is out of shop/web01" in light.opskit("status", "shop", expect=None).stdout
    configure(light, edge)
    light.opskit("resume", light.last()["id"], "--yes")
    assert edge.words() == ALL_UP


def test_maintenance_that_somebody_sets_meanwhile_is_left_so(light: Light, edge: HAProxy) -> None:
    configure(light, edge, restart=json.dumps(WAIT))
    process = light.start("restart", "shop", "-H", "web01", "--yes")
    wait_for_file(light.hosts.folder("web01") / "waits")
    edge.say("set server shop/web01 state maint")
    let_go(light)
    code, said, _ = finish(process)
    assert (code, edge.words()) == (0, ALL_UP | {"web01": "MAINT"})
    assert "web01: somebody put shop/web01 on lb01 into MAINT: it is left so" in said


def test_maintenance_of_a_host_that_was_left_out_is_left_so_until_it_is_put_back_by_hand(
    light: Light, edge: HAProxy
) -> None:
    light.make_sick("web01")
    light.restart("-H", "web01", expect=1)
    edge.say("set server shop/web01 state maint")
    (light.hosts.folder("web01") / "sick").unlink()
    done = light.restart("-H", "web01")
    assert "shop/web01 on lb01 is in MAINT already: it is left so" in done.stdout + done.stderr
    assert edge.words() == ALL_UP | {"web01": "MAINT"}
    light.opskit("lb", "shop", "--restore", "-H", "web01", "-m", "it is well", "-y")
    assert edge.words() == ALL_UP


def test_a_load_balancer_that_is_lost_as_it_takes_a_host_out_is_said_with_the_host(
    light: Light, edge: HAProxy
) -> None:
    def lose(between: Between, said: str) -> None:
        if "state drain" in said:
            between.shut()

    with Between(edge, lose) as between:
        light.configure(extra=between.toml("lb01"), load_balancer=BEHIND)
        done = light.restart(expect=1)
        between.shutdown()
    assert "web01 may be left out of shop/web01 on lb01" in done.stdout
    assert edge.words() == ALL_UP | {"web01": "DRAIN"}
    assert light.restarts("web01") == ["v1"]
    configure(light, edge)
    assert f"restart {light.last()['id']} by" in light.opskit("lb", "shop", expect=1).stdout
    light.restart("-H", "web01")
    assert edge.words() == ALL_UP


def test_a_host_that_a_resumed_run_never_came_to_is_still_known_to_be_out(
    light: Light, edge: HAProxy
) -> None:
    configure(light, edge, restart=json.dumps(WAIT), batches="[1]")
    process = light.start("restart", "shop", "-H", "web01,web02", "--yes")
    wait_for_file(light.hosts.folder("web01") / "waits")
    interrupt(process, signal.SIGKILL)
    finish(process)
    rollout = light.last()["id"]
    configure(light, edge, batches="[1]")
    light.hosts.stop("web01")
    light.opskit("resume", rollout, "--yes", expect=None)
    light.hosts.start("web01")
    assert light.outcomes()["web01"] == "unreachable"
    assert f"restart {rollout} by" in light.opskit("lb", "shop", expect=1).stdout
    light.restart("-H", "web01")
    assert edge.words() == ALL_UP


def test_who_was_begun_and_is_not_changed_after_a_second_look_is_recorded_so(
    light: Light, edge: HAProxy
) -> None:
    edge.say("set server shop/web03 state maint")
    edge.say("set server shop/web04 state maint")

    def take(between: Between, said: str) -> None:
        if "state drain" in said:
            between.edge.say("set server shop/web02 state maint")

    with Between(edge, take) as between:
        light.configure(extra=between.toml("lb01"), load_balancer=BEHIND)
        done = light.restart("-H", "web01", expect=5)
        between.shutdown()
    assert "web01 is the only server that is up in shop on lb01" in done.stderr
    assert (light.last()["outcome"], light.outcomes()) == ("refused", {"web01": "skipped"})
    assert (edge.words()["web01"], light.restarts("web01")) == ("UP", ["v1"])
