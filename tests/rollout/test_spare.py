"""Whom a load balancer can do without: never the last server that serves, whatever the order and the states."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.rollout.doctor.balancers import _spare
from opskit.rollout.haproxy import Backend, Server
from opskit.rollout.seats import Seat
from opskit.rollout.spare import alone, bearable, once_back

HOSTS = ("a", "b", "c", "d")
WORDS = st.sampled_from([("UP", 0), ("no check", 0), ("DOWN", 0), ("DRAIN", 8), ("MAINT", 1)])
BALANCERS = ("lb1", "lb2")


def states_of(words: dict[str, dict[str, tuple[str, int]]]) -> dict[str, dict[str, Backend]]:
    return {
        at: {"shop": Backend("shop", {h: Server(h, *word) for h, word in servers.items()})}
        for at, servers in words.items()
    }


def seats() -> list[Seat]:
    return [Seat(host, at, "shop", host) for host in HOSTS for at in BALANCERS]


@given(
    st.fixed_dictionaries(
        {at: st.fixed_dictionaries(dict.fromkeys(HOSTS, WORDS)) for at in BALANCERS}
    ),
    st.permutations(HOSTS),
    st.integers(1, 4),
)
def test_as_many_as_can_be_spared_and_no_more(
    words: dict[str, dict[str, tuple[str, int]]], order: list[str], size: int
) -> None:
    states, hosts = states_of(words), order[:size]
    count = bearable(hosts, seats(), states)
    for servers in states.values():
        serving = {s.name for s in servers["shop"].servers.values() if s.serves}
        assert not serving or serving - set(hosts[:count]), "one that serves is left"
    if count < len(hosts):
        assert any(
            {s.name for s in servers["shop"].servers.values() if s.serves}
            <= set(hosts[: count + 1])
            for servers in states.values()
        ), "one more would have been the last"


def test_the_last_one_is_named() -> None:
    up, down = ("UP", 0), ("DOWN", 0)
    states = states_of({"lb1": dict.fromkeys(HOSTS, up), "lb2": dict.fromkeys(HOSTS, down) | {"b": up}})  # fmt: skip
    assert bearable(["b"], seats(), states) == 0
    said = alone(["b"], [seat for seat in seats() if seat.host == "b"], states)
    assert said == "b is the only server that is up in shop on lb2: it is not drained"
    assert bearable(["a", "c", "d", "b"], seats(), states) == 3


def test_one_that_will_be_back_counts_unless_it_is_in_maintenance() -> None:
    states = states_of({"lb1": {"a": ("DRAIN", 8), "b": ("UP", 0)}})
    mine = [Seat(host, "lb1", "shop", host) for host in ("a", "b")]
    assert bearable(["b"], mine, states) == 0
    assert bearable(["b"], mine, once_back([mine[0]], states)) == 1
    assert once_back([], states) == states
    kept = states_of({"lb1": {"a": ("MAINT", 1), "b": ("UP", 0)}})
    assert once_back([mine[0]], kept) == kept


def test_hosts_that_are_all_there_is_are_named_together() -> None:
    states = states_of({at: dict.fromkeys(HOSTS, ("UP", 0)) for at in BALANCERS})
    assert alone(list(HOSTS), seats(), states).startswith("no server but a,b,c,d is up in shop")


@pytest.mark.parametrize(
    ("serving", "said"),
    [
        ("", "nobody is served, as before a first deploy; hosts can be changed: see `opskit lb`"),
        ("b", "the last one that is up is never drained, so b cannot be changed: see `opskit lb`"),
        ("ab", ""),
    ],
)
def test_doctor_says_who_can_be_changed(serving: str, said: str) -> None:
    words = {host: ("UP" if host in serving else "DOWN", 0) for host in HOSTS}
    backend = states_of({"lb1": words})["lb1"]["shop"]
    assert _spare(SimpleNamespace(name="shop"), "lb1", backend).hint == said  # type: ignore[arg-type]


def test_where_nobody_serves_everybody_can_be_spared() -> None:
    states = states_of(dict.fromkeys(BALANCERS, dict.fromkeys(HOSTS, ("DOWN", 0))))
    assert bearable(HOSTS, seats(), states) == 4
