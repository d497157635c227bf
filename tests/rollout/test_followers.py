"""Servers that track ours are out as long as ours are: a real HAProxy says which, and doctor and the plan name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.rollout import haproxy
from opskit.rollout.followers import followers
from opskit.rollout.seats import Seat
from tests.rollout.test_drain import BEHIND, answers, configure
from tests.support.haproxy import HAProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.haproxy import Answers
    from tests.support.light import Light

__all__ = ["answers"]
SEATS = [Seat("web01", "lb1", "shop", "web01"), Seat("web01", "lb1", "web", "w1")]
SAID = (
    "api/a1, deep/d1 on lb01 track servers of ours: they are drained along, "
    "and nobody looks whether others are left there"
)
FOLLOWING = """
backend api
  server a1 127.0.0.1:{port} track shop/web01
  server web02 127.0.0.1:{port}
backend deep
  server d1 127.0.0.1:{port} track api/a1
"""


@pytest.fixture
def edge(light: Light, answers: Answers) -> Iterator[HAProxy]:
    """HAProxy before web01 and web02, with two backends that follow the first."""
    light.hosts.odd("lb01")
    servers = dict.fromkeys(light.hosts.names[:4], answers.port)
    with HAProxy(servers, more=FOLLOWING.format(port=answers.port)) as edge:
        configure(light, edge)
        yield edge


def test_who_follows_is_found_through_others() -> None:
    tracked = {("api", "a1"): ("shop", "web01"), ("deep", "d1"): ("api", "a1"), ("x", "y"): ("x", "z")}  # fmt: skip
    assert followers(SEATS, "lb1", tracked) == (("api", "a1"), ("deep", "d1"))
    assert followers(SEATS, "lb2", tracked) == ()
    assert followers(SEATS, "lb1", {("web", "w1"): ("shop", "web01")}) == ()
    assert followers(SEATS, "lb1", {("a", "b"): ("c", "d"), ("c", "d"): ("a", "b")}) == ()


@given(st.text())
def test_whatever_it_answers_of_that_is_read(answer: str) -> None:
    assert isinstance(haproxy.read_tracked(f"# pxname,svname,tracked,\n{answer}"), dict)


def test_a_plan_and_doctor_name_who_is_drained_along(light: Light, edge: HAProxy) -> None:
    doctor = light.opskit("doctor", expect=None).stdout
    assert f"shop: {SAID}" in doctor
    assert "name that backend in `load_balancer.backends`, too" in doctor
    light.deploy("v1")
    assert f"note: {SAID}" in light.restart("--dry-run", "-H", "web01").stdout
    assert SAID not in light.restart("--dry-run", "-H", "web02").stdout
    edge.say("set server shop/web01 state drain")
    assert (edge.words("api")["a1"], edge.words("deep")["d1"]) == ("DRAIN", "DRAIN")


def test_those_that_are_named_to_opskit_are_looked_after_and_not_told(
    light: Light, answers: Answers
) -> None:
    light.hosts.odd("lb01")
    more = f"backend api\n  server web01 127.0.0.1:{answers.port} track shop/web01\n"
    more += "".join(f"  server web0{n} 127.0.0.1:{answers.port}\n" for n in (2, 3, 4))
    with HAProxy(dict.fromkeys(light.hosts.names[:4], answers.port), more=more) as edge:
        configure(light, edge, load_balancer=BEHIND.replace('["shop"]', '["shop", "api"]'))
        light.deploy("v1")
        plan = light.restart("--dry-run").stdout
        light.restart()
        assert "of ours" not in plan
        assert edge.words("api")["web01"] == edge.words()["web01"] == "UP"
