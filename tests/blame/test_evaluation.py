"""Blame is as often right on simulated fleets as it was: `python -m tests.eval blame` has the figures, this holds the floors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from tests.eval import fleets, measures, simulated, tables
from tests.eval.__main__ import main

if TYPE_CHECKING:
    from tests.eval.simulated import Outcome

CASES = 400


@pytest.fixture(scope="module")
def found() -> list[Outcome]:
    return simulated.run(fleets.FLOOR[:CASES])


def guilty(found: list[Outcome], *, contains: bool) -> list[Outcome]:
    return [one for one in found if one.guilty and (one.contains or not contains)]


def test_the_guilty_change_is_first_and_among_the_first_three(found: list[Outcome]) -> None:
    places = [one.place for one in guilty(found, contains=True)]
    assert len(places) >= 60
    assert measures.top(places, 1).value >= 0.95
    assert measures.top(places, 3).value >= 0.98


def test_it_is_better_than_the_latest_rollout_and_the_latest_on_an_ill_host(
    found: list[Outcome],
) -> None:
    some = guilty(found, contains=False)
    ours = measures.top([one.place for one in some], 1).value
    for number in range(len(simulated.BASELINES)):
        assert ours >= measures.top([one.baselines[number] for one in some], 1).value + 0.1


def test_nothing_here_is_said_rightly_and_seldom_wrongly(found: list[Outcome]) -> None:
    others = [one for one in found if not one.guilty and one.contains]
    assert sum(one.nothing for one in others) / len(others) >= 0.8
    some = guilty(found, contains=True)
    assert sum(one.nothing for one in some) / len(some) <= 0.05


def test_it_is_as_often_right_as_it_is_sure(found: list[Outcome]) -> None:
    assert tables.expected_error(found) <= 0.12


def test_wilsons_interval_is_that_of_the_books() -> None:
    rate = measures.rate(90, 100)
    assert (rate.low, rate.high) == pytest.approx((0.8256, 0.9448), abs=1e-4)
    assert measures.rate(0, 0).n == 0


def test_seeds_for_tuning_for_reports_and_for_floors_are_not_the_same() -> None:
    some = [fleets.TUNING, fleets.REPORT, fleets.FLOOR]
    assert len(set().union(*some)) == sum(map(len, some))


def test_a_seed_makes_the_same_case_every_time() -> None:
    first, second = (simulated.outcome(fleets.FLOOR[3]) for _ in range(2))
    assert first == second
    assert first is not None
    assert math.isfinite(first.truth)


def test_the_evaluation_prints_its_tables(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("OPSKIT_EVAL_TUNE", "OPSKIT_EVAL_REPORT"):
        monkeypatch.delenv(name, raising=False)
    few = ["--cases", "20", "--more", "20", "--jobs", "1"]
    monkeypatch.setattr("sys.argv", ["tests.eval", "blame", *few])
    main()
    told = capsys.readouterr().out
    assert "latest on an ill host" in told
    assert "When it is so sure, is it right so often?" in told
    assert "worst misses" in told
