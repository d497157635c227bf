"""A load balancer that is lost while hosts are taken out of it by hand: nothing is called done, and who may be out is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.rollout.test_drain import ALL_UP, BEHIND, answers, busy_host, configure, edge
from tests.support.haproxy import Answers, Between

if TYPE_CHECKING:
    from tests.support.haproxy import HAProxy
    from tests.support.light import Light

__all__ = ["answers", "edge"]
BY_HAND = ("-m", "odd noise", "-y")


@pytest.mark.parametrize(
    ("words", "expect", "says", "then"),
    [
        ("show stat", 5, "the load balancer: lb01: there is no socket", "UP"),
        ("state drain", 1, "web01 may be left out of shop/web01 on lb01", "DRAIN"),
    ],
)
def test_a_drain_by_hand_that_loses_its_load_balancer_is_not_done(
    light: Light, edge: HAProxy, words: str, expect: int, says: str, then: str
) -> None:
    def lose(between: Between, said: str) -> None:
        if words in said:
            between.shut()

    with Between(edge, lose) as between:
        light.configure(extra=between.toml("lb01"), load_balancer=BEHIND)
        done = light.opskit("lb", "shop", "--drain", "-H", "web01", *BY_HAND, expect=expect)
        between.shutdown()
    assert says in done.stdout + done.stderr
    assert "runs nothing" not in done.stdout
    assert edge.words() == ALL_UP | {"web01": then}
    configure(light, edge)
    light.opskit("lb", "shop", "--restore", "-H", "web01", *BY_HAND)
    assert edge.words() == ALL_UP


def test_a_drain_by_hand_that_loses_it_while_sessions_end_says_who_is_out(
    light: Light, edge: HAProxy, answers: Answers
) -> None:
    heard: list[str] = []

    def lose(between: Between, said: str) -> None:
        heard.append(said)
        drained = [number for number, words in enumerate(heard) if "state drain" in words]
        if drained and len(heard) > drained[0] + 2:  # it has been seen to be out
            between.shut()

    with busy_host(edge, answers) as busy, Between(edge, lose) as between:
        light.configure(extra=between.toml("lb01"), load_balancer=BEHIND)
        done = light.opskit("lb", "shop", "--drain", "-H", busy, *BY_HAND, expect=1)
        between.shutdown()
    assert f"{busy} is left out of shop/{busy} on lb01: lb01: there is no socket" in done.stdout
    assert light.outcomes() == {busy: "failed"}
    assert edge.words() == ALL_UP | {busy: "DRAIN"}


def test_a_restore_by_hand_that_loses_its_load_balancer_is_not_done(
    light: Light, edge: HAProxy
) -> None:
    light.opskit("lb", "shop", "--drain", "-H", "web01", *BY_HAND)

    def lose(between: Between, said: str) -> None:
        if "state ready" in said:
            between.shut()

    with Between(edge, lose) as between:
        light.configure(extra=between.toml("lb01"), load_balancer=BEHIND)
        done = light.opskit("lb", "shop", "--restore", "-H", "web01", *BY_HAND, expect=1)
        between.shutdown()
    assert "web01 is left out of shop/web01 on lb01" in done.stdout
    assert light.outcomes() == {"web01": "failed"}
