"""`opskit blame --grade`: what was asked is remembered with the verdict, asked again as things were then, and counted."""

from __future__ import annotations

import itertools
import time
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from opskit.changelog.ruling import holding
from tests.changelog.writing import whole
from tests.support.paper import changelog, configure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opskit.changelog import Changelog
    from tests.support.cli import Opskit

__all__ = ["changelog"]

DAY = 86_400 * 10**9


@pytest.fixture(autouse=True)
def _project(tmp_path: Path) -> None:
    configure(tmp_path, search_on="web03")


def test_the_question_of_blame_is_kept_with_the_verdict_that_answers_it(
    opskit: Opskit, changelog: Changelog
) -> None:
    bad = whole(changelog)
    words = ("blame", "--no-look", "-s", "shop", "-H", "web01", "--symptom", "502 Bad Gateway")
    opskit(*words, expect=None)
    opskit("verdict", bad, "guilty", "-m", "its cache is cold")
    (given,) = changelog.rollout(bad).verdicts
    assert given.asked is not None
    assert (given.asked.services, given.asked.ill) == (("shop",), ("web01",))
    assert (given.asked.symptom, given.asked.environment) == ("502 Bad Gateway", "production")


def test_few_verdicts_claim_nothing(opskit: Opskit, changelog: Changelog) -> None:
    assert opskit("blame", "--grade").stdout == (
        "0 troubles whose culprit a verdict names\n"
        "that is too few to say how good the answers are: 20 are needed\n"
    )
    bad, other, unasked = (whole(changelog) for _ in range(3))
    opskit("verdict", bad, "guilty", "-m", "so", "--onset", "0 min")
    opskit("verdict", other, "innocent", "-m", "so")
    opskit("verdict", unasked, "guilty", "-m", "so")
    said = opskit("blame", "--grade").stdout
    assert "1 trouble whose culprit a verdict names; and 1 innocent verdict\n" in said
    assert "1 guilty verdict says neither --onset nor what blame was asked: not graded\n" in said
    assert "%" not in said
    assert "RIGHT" not in said
    data = opskit("blame", "--grade", "--json").json["data"]["grade"]
    assert (data["n"], data["enough"], data["ways"]) == (1, False, {})


def happen(changelog: Changelog, clock: Iterator[int]) -> None:
    """Let the shop be deployed and break, search be deployed beside it, and all be taken back before the verdict."""
    bad = whole(changelog, hosts=("web01", "web02"))
    whole(changelog, service="search", hosts=("web03",))
    now = next(clock) // 1_000_000
    asked = {
        "when": now, "at": now, "environment": "production", "services": ["shop"],
        "ill": ["web01", "web02"], "well": ["web03"], "fleet": ["web01", "web02", "web03"],
    }  # fmt: skip
    whole(changelog, action="rollback", before=2, to=1, hosts=("web01", "web02"))
    body = {"verdict": "guilty", "why": "so", "asked": asked}
    changelog.append("verdict", body, rollout=bad, service="shop", environment="production")


def test_answers_are_graded_with_what_was_known_then_beside_the_baselines(
    opskit: Opskit, changelog: Changelog, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count(time.time_ns() - 9 * DAY, 20 * 10**9)
    with monkeypatch.context() as patched:
        patched.setattr("time.time_ns", lambda: next(clock))
        for _ in range(20):
            happen(changelog, clock)
    data = opskit("blame", "--grade", "--json").json["data"]["grade"]
    assert (data["n"], data["enough"]) == (20, True)
    ways = data["ways"]
    assert ways["latest"]["first"]["right"] == 0
    assert ways["latest there"]["first"]["right"] == 20
    assert ways["blame"]["three"]["right"] == 20
    assert ways["blame"]["first"]["right"] >= 15
    assert ways["blame"]["first"]["low"] < ways["blame"]["first"]["rate"] <= 1
    said = opskit("blame", "--grade").stdout
    assert "n = 20, with 95 % intervals (Wilson's)" in said
    assert "the latest on a host that shows it  1.00  (0.84 to 1.00)" in said


def test_one_environment_is_graded_by_itself(opskit: Opskit, changelog: Changelog) -> None:
    bad = whole(changelog)
    opskit(
        "verdict", bad, "guilty", "-m", "so", "--onset", datetime.now().astimezone().isoformat()
    )
    held = holding(changelog.rollout(bad).verdicts)
    assert held is not None
    for words, n in (((), 1), (("-e", "production"), 1)):
        assert opskit("blame", "--grade", "--json", *words).json["data"]["grade"]["n"] == n
    assert "no environment 'prod'" in opskit("blame", "--grade", "-e", "prod", expect=2).stderr
