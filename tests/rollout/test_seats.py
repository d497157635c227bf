"""Where hosts stand behind load balancers, and what events tell of who took them out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.config.balancers import Behind, LoadBalancer
from opskit.errors import ConfigError
from opskit.fleet.inventory import Host, Inventory
from opskit.rollout import seats
from opskit.rollout.seats import Seat, taken_out

EDGE = LoadBalancer("edge", "lb[1-2]", "/run/s")
ONE, TWO = Seat("web1.example.com", "lb1", "shop", "web1"), Seat("web2", "lb1", "shop", "web2")


def inventory(**variables: str) -> Inventory:
    names = ("web1.example.com", "web2", "lb1", "lb2")
    hosts = {name: Host(name, "127.0.0.1", 22, "me", vars=variables) for name in names}
    return Inventory("production", hosts)


def service(**behind: Any) -> Any:
    return SimpleNamespace(load_balancer=Behind(EDGE, ("shop", "api"), **behind))


def event(**body: Any) -> Any:
    return SimpleNamespace(header=SimpleNamespace(kind="rollout.hosts"), body=body)


def test_a_host_has_a_seat_in_every_backend_of_every_load_balancer() -> None:
    drains = seats.drains_of(service(server="{short}"), ["web1.example.com"], inventory())
    assert drains
    assert [(s.at, s.backend, s.server) for s in drains.seats] == [
        ("lb1", "shop", "web1"), ("lb1", "api", "web1"), ("lb2", "shop", "web1"), ("lb2", "api", "web1"),
    ]  # fmt: skip
    assert str(drains.seats[0]) == "shop/web1 on lb1"
    assert drains.sockets == {"lb1": ("/run/s", ""), "lb2": ("/run/s", "")}


def test_a_server_is_named_by_a_var_which_must_be_a_name() -> None:
    drains = seats.drains_of(service(server="app-{n}"), ["web2"], inventory(n="7"))
    assert drains
    assert drains.seats[0].server == "app-7"
    with pytest.raises(ConfigError, match="is no server of HAProxy"):
        seats.drains_of(service(server="{n}"), ["web2"], inventory(n="x state ready;shutdown"))
    with pytest.raises(ConfigError, match="has no var 'n'"):
        seats.drains_of(service(server="{n}"), ["web2"], inventory())


def test_what_was_taken_out_is_out_until_a_result_says_otherwise() -> None:
    begun = event(begun=["x"], drains=[ONE.body(), TWO.body()], results=[])
    assert taken_out([begun]) == {ONE, TWO}
    back = event(results=[{"host": "web2", "outcome": "done"}])
    assert taken_out([begun, back]) == {ONE}
    left = event(results=[{"host": ONE.host, "outcome": "failed", "drained": [ONE.body()]}])
    assert taken_out([begun, back, left]) == {ONE}
    again = event(results=[{"host": ONE.host, "outcome": "reverted"}])
    assert taken_out([begun, back, left, again]) == frozenset()


@pytest.mark.parametrize("outcome", ["skipped", "unreachable", "failed"])
def test_what_a_later_run_says_of_a_host_that_it_never_came_to_ends_no_drain(outcome: str) -> None:
    begun = event(begun=["x"], drains=[ONE.body(), TWO.body()], results=[])
    later = event(run="c0ffee", results=[{"host": ONE.host, "outcome": outcome}])
    assert taken_out([begun, later]) == {ONE, TWO}
    again = event(run="c0ffee", begun=["x"], drains=[TWO.body()], results=[])
    back = event(run="c0ffee", results=[{"host": "web2", "outcome": "failed"}])
    assert taken_out([begun, later, again, back]) == {ONE}


@given(st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["drains", "results", "drained", "host", "at", "backend", "server"]), inner),
    max_leaves=20,
))  # fmt: skip
def test_whatever_stands_in_an_event_is_no_command(body: Any) -> None:
    found = taken_out([event(**body)]) if isinstance(body, dict) else frozenset()
    for seat in found:
        assert not set(";\n ") & set(seat.backend + seat.server)
