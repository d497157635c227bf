"""What HAProxy's checks found of a host before it was changed says nothing of how it is now."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.rollout.test_drain import ALL_UP, BEHIND, answers, configure, tell
from tests.support.haproxy import Between, HAProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.haproxy import Answers
    from tests.support.light import Light

__all__ = ["answers"]
SLOWLY = "check inter 1s rise 1 fall 3"
LONG = "check inter 200ms rise 1 fall 3"
ASKING = "  option httpchk GET /slow\n  timeout check 20s"


@pytest.fixture
def edge(request: pytest.FixtureRequest, light: Light, answers: Answers) -> Iterator[HAProxy]:
    """HAProxy before web01 to web04 that checks them as the test says; v1 is live on them."""
    options, more = request.param
    light.hosts.odd("lb01")
    answers.release.set()
    servers = dict.fromkeys(light.hosts.names[:4], answers.port)
    with HAProxy(servers, options=options, more=more) as edge:
        configure(light, edge)
        light.deploy("v1", "--no-drain")
        yield edge


def moved(edge: HAProxy, answers: Answers) -> str:
    """Give a restart command after which only v1 of web01 can be reached by the load balancer."""
    port = f"$(grep -q v1 version && echo {answers.port} || echo 9)"
    return json.dumps(tell(edge, f"set server shop/web01 addr 127.0.0.1 port {port}"))


@pytest.mark.parametrize("edge", [(SLOWLY, "")], indirect=True)
def test_a_check_from_before_the_change_does_not_count(
    light: Light, edge: HAProxy, answers: Answers
) -> None:
    light.commit("v2")
    configure(light, edge, restart=moved(edge, answers))
    done = light.deploy("v2", expect=5)
    assert "shop/web01 is DRAIN, DOWN (L4CON) after 5 s" in done.stdout
    assert light.live() == light.on_all("v1")
    assert (light.outcomes()["web01"], edge.words()) == ("reverted", ALL_UP)


@pytest.mark.parametrize("edge", [(LONG, ASKING)], indirect=True)
def test_a_check_that_was_under_way_does_not_count_either(
    light: Light, edge: HAProxy, answers: Answers
) -> None:
    def answer(_: Between, said: str) -> None:
        if "health down" in said:
            answers.release.set()

    light.commit("v2")
    begun = answers.waiting
    answers.release.clear()
    with Between(edge, answer) as between:
        behind = BEHIND.replace('restore = "5s"', 'restore = "3s"')
        light.configure(
            extra=between.toml("lb01"), load_balancer=behind, restart=moved(edge, answers)
        )
        done = light.deploy("v2", expect=5)
        between.shutdown()
    assert answers.waiting > begun
    assert "shop/web01 is DRAIN, DOWN (L4CON) after 3 s" in done.stdout
    assert light.live() == light.on_all("v1")


@pytest.mark.parametrize("edge", [(SLOWLY.replace("1s", "30s"), "")], indirect=True)
def test_checks_that_are_too_rare_for_the_time_are_named(light: Light, edge: HAProxy) -> None:
    configure(light, edge, load_balancer=BEHIND.replace('restore = "5s"', 'restore = "300ms"'))
    done = light.restart("-H", "web01", expect=1)
    assert "shop/web01 is DRAIN, DOWN (L4OK) after 0.3 s" in done.stdout
    assert "`load_balancer.restore` must be longer than HAProxy takes" in done.stdout


@pytest.mark.parametrize("edge", [("", "")], indirect=True)
def test_a_server_without_checks_is_put_back_at_once(light: Light, edge: HAProxy) -> None:
    light.restart()
    assert edge.words() == dict.fromkeys(ALL_UP, "no check")
