"""Blame is graded by the verdicts that hold, with what was known then, and beside two baselines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from opskit.blame.grade import Cases, Rate, cases, grade, latest, latest_there
from opskit.blame.model import Answer, Candidate, Question, Suspect
from opskit.changelog import Asked, VerdictEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.blame.grade import Case

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def verdict(
    rollout: str, ruling: str = "guilty", *, at: float = 0, **more: object
) -> VerdictEntry:
    said = (f"v{rollout}", "", NOON + minutes(at), "ann", ruling, "so", rollout)
    return VerdictEntry(*said, **more)  # type: ignore[arg-type]


def asked(at: float = 0, **more: object) -> Asked:
    return Asked(when=NOON + minutes(at + 5), at=NOON + minutes(at), **more)  # type: ignore[arg-type]


def deploy(name: str, *hosts: str, ago: float) -> Candidate:
    at = NOON - minutes(ago)
    return Candidate(name, "deploy", at, flips=dict.fromkeys(hosts or ("web01",), at))


def answer(question: Question, *names: str, outside: float = 0.0) -> Answer:
    share = (1 - outside) / max(len(names), 1)
    suspects = tuple(Suspect(deploy(name, ago=1), share, ()) for name in names)
    return Answer(question, suspects, (), outside)


def test_a_case_is_what_was_asked_and_when() -> None:
    question = asked(services=("shop",), ill=("web01",), symptom="502")
    (case,) = cases([verdict("r1", asked=question, onset=NOON - minutes(30))]).cases
    assert case.guilty == {"r1"}
    assert case.known == NOON + minutes(5)
    assert case.question == Question(at=NOON, services=("shop",), ill=("web01",), symptom="502")


def test_a_later_verdict_keeps_what_it_does_not_say_of_the_trouble() -> None:
    first = verdict("r1", onset=NOON, incident="INC-7", asked=asked(symptom="502"))
    again = verdict("r1", at=9)
    (case,) = cases([again, first]).cases
    assert (case.question.symptom, case.known) == ("502", NOON + minutes(5))
    other = verdict("r1", at=9, incident="INC-8", onset=NOON - minutes(99))
    (case,) = cases([other, first]).cases
    assert case.question == Question(at=NOON - minutes(99), is_onset=True)


def test_a_question_about_another_trouble_is_none_of_its_case() -> None:
    strange = asked(90, is_onset=True, symptom="web03 is down")
    (case,) = cases([verdict("r1", onset=NOON, asked=strange)]).cases
    assert case.question == Question(at=NOON, is_onset=True)


def test_an_onset_alone_is_a_question_that_does_not_give_away_the_service() -> None:
    told = verdict("r1", onset=NOON, service="shop", environment="production")
    (case,) = cases([told]).cases
    assert case.question == Question(at=NOON, is_onset=True, environment="production")
    assert case.known == NOON + minutes(10)


def test_only_the_verdict_that_holds_counts() -> None:
    given = [
        verdict("r1", "innocent", asked=asked(), at=3),
        verdict("r2", "innocent", standing="revoked", at=3),
        verdict("r3", at=2),
        verdict("r2", asked=asked(), at=1),
        verdict("r1", asked=asked(), at=1),
    ]
    found = cases(given)
    assert [case.guilty for case in found.cases] == [{"r2"}]
    assert (found.innocent, found.unasked) == (1, 1)


@pytest.mark.parametrize("same", [{"incident": "INC-7"}, {"asked": asked(1)}])
def test_two_that_were_guilty_of_the_same_trouble_are_one_case(same: dict[str, object]) -> None:
    given = [verdict("r2", onset=NOON, **same), verdict("r1", onset=NOON, **same)]
    (case,) = cases(given).cases
    assert case.guilty == {"r1", "r2"}
    assert case.by == ("vr2", "vr1")


def test_the_first_and_the_first_three_are_counted() -> None:
    asked_of = Cases(tuple(_case(number, "r1") for number in range(4)), 0, 0)
    said = iter([["r1"], ["r2", "r3", "r1"], ["r2", "r3", "r4", "r1"], []])
    found = grade(asked_of, lambda _: (), lambda question, _: answer(question, *next(said)))
    assert (found.ways[0].first, found.ways[0].three) == (Rate(1, 4), Rate(2, 4))
    assert [miss.said for miss in found.misses] == ["r2", "r2", ""]


def test_that_nothing_explains_it_is_a_first_answer_too() -> None:
    asked_of = Cases((_case(0, "r1"),), 0, 0)
    found = grade(asked_of, lambda _: (), lambda question, _: answer(question, "r1", outside=0.9))
    assert (found.ways[0].first, found.ways[0].three) == (Rate(0, 1), Rate(1, 1))
    assert found.misses[0].said == ""


def test_the_baselines_take_the_latest_change_before_the_onset() -> None:
    candidates = [
        deploy("late", "web01", ago=-3),
        deploy("near", "web02", ago=2),
        deploy("there", "web01", ago=9),
        deploy("old", "web01", "web02", ago=99),
        Candidate("never live", "deploy", NOON),
    ]
    question = Question(NOON, ill=("web01",))
    assert latest(question, candidates) == ["near", "there", "old"]
    assert latest_there(question, candidates) == ["there", "old"]
    assert latest_there(Question(NOON), candidates) == ["near", "there", "old"]
    early = Question(NOON, onsets={"web02": NOON - minutes(5)})
    assert latest(early, candidates) == ["there", "old"]
    assert latest_there(early, candidates) == ["old"]


def test_candidates_are_those_that_were_known_then() -> None:
    seen: list[datetime] = []

    def recall(case: Case) -> Sequence[Candidate]:
        seen.append(case.known)
        return [deploy("r1", ago=1)]

    found = grade(cases([verdict("r1", asked=asked())]), recall, lambda q, _: answer(q, "r1"))
    assert seen == [NOON + minutes(5)]
    assert [way.first for way in found.ways] == [Rate(1, 1)] * 3


def test_nothing_is_claimed_of_fewer_than_twenty() -> None:
    for n, enough in ((19, False), (20, True)):
        asked_of = Cases(tuple(_case(number, "r1") for number in range(n)), 0, 0)
        found = grade(asked_of, lambda _: (), lambda question, _: answer(question, "r1"))
        assert found.is_enough is enough


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [(0, 20, 0.0, 0.161), (20, 20, 0.839, 1.0), (10, 20, 0.299, 0.701), (81, 263, 0.255, 0.366)],
)
def test_the_interval_is_that_of_wilson(right: int, n: int, low: float, high: float) -> None:
    assert Rate(right, n).interval == pytest.approx((low, high), abs=0.0005)


def test_of_nothing_there_is_no_rate() -> None:
    assert (Rate(0, 0).value, Rate(0, 0).interval) == (None, None)


def _case(number: int, *guilty: str) -> Case:
    (case,) = cases([verdict(guilty[0], asked=asked(number))]).cases
    return case
