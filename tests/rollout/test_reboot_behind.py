"""`opskit reboot` of hosts behind a real HAProxy: out before, back after, on every way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.rollout.test_drain import ALL_UP, BEHIND
from tests.support.haproxy import Answers, HAProxy
from tests.support.light import finish, hear
from tests.support.reboots import Rebooting, configure, rebooting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.light import Light


@pytest.fixture
def edge(light: Light) -> Iterator[HAProxy]:
    """HAProxy on a host of its own, lb01, before web01 to web04; v1 is live on them."""
    light.hosts.odd("lb01")
    with Answers() as answers, HAProxy(dict.fromkeys(light.hosts.names[:4], answers.port)) as edge:
        set_up(light, edge)
        edge.wait_for(**ALL_UP)
        light.deploy("v1")
        yield edge
        answers.shutdown()


@pytest.fixture
def fleet(light: Light, edge: HAProxy) -> Iterator[Rebooting]:
    with rebooting(light, *light.hosts.names[:4]) as found:
        yield found


def set_up(light: Light, edge: HAProxy, **keys: str) -> None:
    configure(light, extra=edge.toml("lb01"), load_balancer=BEHIND, **keys)


def test_a_host_is_out_while_it_reboots_and_back_before_the_next(
    light: Light, edge: HAProxy, fleet: Rebooting
) -> None:
    seen: dict[str, dict[str, str]] = {}

    def look(name: str) -> bool:
        seen[name] = edge.words()
        return True

    fleet.meanwhile = look
    light.opskit("reboot", "-H", "@web", "--yes")
    assert seen == {name: ALL_UP | {name: "DRAIN"} for name in fleet.names}
    assert edge.words() == ALL_UP
    steps = [step["step"] for step in light.last()["hosts"]["web01"]["steps"]]
    assert steps == ["drain", "reboot", "wait", "check"]


def test_the_last_server_is_never_rebooted(light: Light, edge: HAProxy, fleet: Rebooting) -> None:
    for name in ("web02", "web03", "web04"):
        edge.say(f"set server shop/{name} state maint")
    done = light.opskit("reboot", "-H", "@web", "--yes", expect=5)
    assert "web01 is the only server that is up in shop on lb01" in done.stderr
    assert fleet.happened == []


def test_a_host_that_was_not_touched_is_put_back_and_one_that_is_away_stays_out(
    light: Light, edge: HAProxy, fleet: Rebooting
) -> None:
    set_up(light, edge, command="exit 1")
    light.opskit("reboot", "-H", "@web", "--yes", expect=1)
    assert edge.words() == ALL_UP
    set_up(light, edge)
    fleet.meanwhile = lambda _name: False
    done = light.opskit("reboot", "-H", "@web", "--within", "1s", "--yes", expect=1)
    assert "web01 is left out of shop/web01 on lb01: nobody knows that it is well" in done.stdout
    assert edge.words() == ALL_UP | {"web01": "DRAIN"}
    fleet.meanwhile = lambda _name: True
    fleet.power("web01")
    light.opskit("restart", "shop", "-H", "web01", "--yes")
    assert edge.words() == ALL_UP


def test_killed_while_a_host_is_down_resume_puts_it_back(
    light: Light, edge: HAProxy, fleet: Rebooting
) -> None:
    fleet.meanwhile = lambda _name: False
    run = light.start("reboot", "-H", "@web", "--yes")
    hear(run, "waits for it")
    run.kill()
    run.wait()
    assert edge.words() == ALL_UP | {"web01": "DRAIN"}
    fleet.meanwhile = lambda _name: True
    resumed = light.start("resume", light.last()["id"], "--yes")
    hear(resumed, "waits for it")
    fleet.power("web01")
    assert finish(resumed)[0] == 0
    assert fleet.happened == ["web01", "web02", "web03", "web04"]
    assert edge.words() == ALL_UP
