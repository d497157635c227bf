"""Whatever is asked, of whatever changes: what always holds of an answer."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from opskit.blame.model import Answer, Candidate, Question, TextEvidence
from opskit.blame.score import rank

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
HOSTS = [f"web{number}" for number in range(6)]
KINDS = [
    "deploy",
    "rollback",
    "restart",
    "task",
    "exec",
    "note",
    "thaw",
    "drift",
    "runbook",
    "odd",
]
OUTCOMES = ["done", "failed", "partial", "refused", "unfinished", ""]

moments = st.integers(-600_000, 60_000).map(lambda seconds: NOON + timedelta(seconds=seconds))
hosts = st.sampled_from(HOSTS)
timed = st.dictionaries(hosts, moments, max_size=6)
questions = st.builds(
    Question,
    at=moments,
    is_onset=st.booleans(),
    services=st.sampled_from([(), ("web",), ("web", "db"), ("gone",)]),
    ill=st.lists(hosts, max_size=6).map(tuple),
    well=st.lists(hosts, max_size=6).map(tuple),
    fleet=st.sampled_from([(), tuple(HOSTS), tuple(HOSTS[:2])]),
    onsets=timed,
    symptom=st.sampled_from(["", "it is broken"]),
)
made = st.builds(
    Candidate,
    id=st.just("x"),
    kind=st.sampled_from(KINDS),
    at=moments,
    service=st.sampled_from(["web", "db", ""]),
    outcome=st.sampled_from(OUTCOMES),
    flips=timed,
    retreats=timed,
    distance=st.integers(-1, 4),
    overrides=st.sampled_from([(), ("freeze",)]),
    events=st.sampled_from([(), ("0123456789abcdef",)]),
)
candidates = st.lists(made, max_size=6).map(
    lambda some: [replace(one, id=f"c{number}") for number, one in enumerate(some)]
)
bits = st.one_of(st.floats(-20, 20), st.sampled_from([math.inf, -math.inf, math.nan]))
texts = st.dictionaries(
    st.sampled_from([f"c{n}" for n in range(6)]), st.builds(TextEvidence, bits)
)


def order(answer: Answer) -> list[str]:
    return [suspect.candidate.id for suspect in answer.suspects]


@settings(max_examples=60)
@given(questions, candidates, texts)
def test_the_belief_is_shared_out_wholly_and_nobody_is_lost(
    question: Question, some: list[Candidate], said: dict[str, TextEvidence]
) -> None:
    answer = rank(question, some, said)
    shares = [suspect.share for suspect in answer.suspects]
    assert math.fsum([*shares, answer.outside]) == pytest.approx(1)
    assert all(0 <= share <= 1 for share in [*shares, answer.outside])
    assert shares == sorted(shares, reverse=True)
    told = [*order(answer), *(clear.candidate.id for clear in answer.cleared)]
    assert sorted(told) == sorted(one.id for one in some)


@settings(max_examples=40)
@given(questions, candidates, texts)
def test_every_term_is_a_number_with_a_sentence_and_a_source(
    question: Question, some: list[Candidate], said: dict[str, TextEvidence]
) -> None:
    answer = rank(question, some, said)
    for suspect in answer.suspects:
        assert len({term.name for term in suspect.terms}) == len(suspect.terms)
        for term in suspect.terms:
            assert math.isfinite(term.bits)
            assert term.because
            assert term.source
    assert all(clear.because and clear.source for clear in answer.cleared)


@settings(max_examples=40)
@given(questions, candidates, texts)
def test_a_suspects_bits_are_what_its_share_is_made_of(
    question: Question, some: list[Candidate], said: dict[str, TextEvidence]
) -> None:
    answer = rank(question, some, said)
    outside = sum(term.bits for term in answer.outside_terms)
    for suspect in answer.suspects:
        assume(suspect.share > 1e-200)
        ratio = math.log2(suspect.share) - math.log2(answer.outside)
        assert ratio == pytest.approx(suspect.bits - outside, abs=0.05)


@settings(max_examples=40)
@given(questions, candidates, texts, st.randoms(use_true_random=False))
def test_the_order_in_which_changes_are_told_says_nothing(
    question: Question, some: list[Candidate], said: dict[str, TextEvidence], dice: object
) -> None:
    mixed = list(some)
    dice.shuffle(mixed)  # type: ignore[attr-defined]
    assert rank(question, mixed, said) == rank(question, some, said)


@settings(max_examples=40)
@given(questions, candidates, texts, made)
def test_what_is_cleared_changes_no_order(
    question: Question, some: list[Candidate], said: dict[str, TextEvidence], more: Candidate
) -> None:
    with_it = rank(question, [*some, more], said)
    assume("x" in [clear.candidate.id for clear in with_it.cleared])
    assert order(with_it) == order(rank(question, some, said))


@given(st.integers(0, 500_000), st.integers(0, 500_000), st.booleans())
def test_of_two_that_differ_in_nothing_else_the_later_one_is_no_less_likely(
    first: int, second: int, dated: bool
) -> None:
    question = Question(NOON, is_onset=dated, services=("web",), fleet=tuple(HOSTS))
    late, early = sorted((first, second))
    answer = rank(question, [_ago("late", late), _ago("early", early)], {})
    shares = {suspect.candidate.id: suspect.share for suspect in answer.suspects}
    assert shares["late"] >= shares["early"]


@given(st.floats(-10, 10), st.floats(-10, 10))
def test_of_two_that_differ_in_nothing_else_the_one_whose_words_fit_better_is_no_less_likely(
    first: float, second: float
) -> None:
    low, high = sorted((first, second))
    question = Question(NOON, services=("web",), symptom="it is broken")
    said = {"low": TextEvidence(low), "high": TextEvidence(high)}
    answer = rank(question, [_ago("low", 60), _ago("high", 60)], said)
    shares = {suspect.candidate.id: suspect.share for suspect in answer.suspects}
    assert shares["high"] >= shares["low"]


@given(st.sets(hosts, min_size=1), st.sets(hosts, min_size=1), hosts)
def test_one_more_host_that_has_it_speaks_for_it_if_ill_and_against_it_if_well(
    ill: set[str], mine: set[str], more: str
) -> None:
    assume(not ill.isdisjoint(mine - {more}))
    without, with_it = (_belief(some, ill) for some in (mine - {more}, mine | {more}))
    assert with_it >= without if more in ill else with_it <= without


def _belief(mine: set[str], ill: set[str]) -> float:
    well = tuple(host for host in HOSTS if host not in ill)
    question = Question(NOON, services=("web",), ill=tuple(ill), well=well, fleet=tuple(HOSTS))
    flips = dict.fromkeys(sorted(mine), NOON - timedelta(hours=1))
    return rank(question, [replace(_ago("it", 600), flips=flips)], {}).suspects[0].share


def _ago(name: str, seconds: int) -> Candidate:
    at = NOON - timedelta(seconds=seconds)
    return Candidate(name, "deploy", at, service="web", outcome="done", flips={"web0": at})
