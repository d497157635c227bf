"""The ways through shipped pages that are taken when the first thing that one tries is not enough; see `test_executed`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.rollout.test_drain import ALL_UP, answers
from tests.runbook.follower import Follower
from tests.runbook.test_executed import during, edge, light

if TYPE_CHECKING:
    from tests.support.haproxy import HAProxy
    from tests.support.light import Light

__all__ = ["answers", "edge", "light"]


def test_where_all_servers_are_full_since_a_rollout_it_is_taken_back_and_the_owner_called(
    light: Light, edge: HAProxy
) -> None:
    light.commit("v2")
    light.deploy("v2", "-m", "prettier pages")
    said = Follower(
        light.folder,
        [
            ("Is a server in DRAIN or MAINT", "All are full"),
            ("Does a rollout stand shortly before", "Roll back"),
            ("Then go back to", "Is the queue gone?"),
            ("How long did it take?", "it did not"),
            ("If it is, go to", "go on"),
            ("Does a rollout stand shortly before", "Call the owner"),
            ("Who, and what did they say?", "Ben: more servers"),
            ("What was it, in one sentence?", "more people than servers"),
        ],
    ).follow("haproxy-queue", service="shop", reason="slow pages")
    assert "prettier pages" in " ".join(said.split())
    assert "Ben, +49 30 1234 has been called" in said
    assert light.live() == light.on_all("v1")
    assert edge.words() == ALL_UP
    assert during(light) == [
        ("note", "", "shop: slow pages. What it was: more people than servers"),
        ("rollback", "done", "slow pages"),
    ]


def test_a_service_that_does_not_start_goes_back_on_its_host_and_the_owner_is_called(
    light: Light,
) -> None:
    light.deploy("v1")
    light.commit("v2")
    light.deploy("v2")
    Follower(
        light.folder,
        [
            ("Is the port taken?", "Go back on this host"),
            ("It runs: go to", "Call the owner"),
            ("Who, and what did they say?", "Ben: leave it there"),
            ("What was it, in one sentence?", "it wants a newer library"),
        ],
    ).follow("service-will-not-start", host="web02", service="shop", unit="", reason="down")
    live = light.live()
    assert live == {**light.on_all("v2"), "web02": light.on_all("v1")["web02"]}
    assert [entry[:2] for entry in during(light)] == [("note", ""), ("rollback", "done")]
