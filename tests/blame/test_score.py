"""Suspects come with their evidence, the likeliest first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from opskit.blame.model import Candidate, Question
from opskit.blame.score import rank

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def deploy(name: str, *hosts: str, ago: float) -> Candidate:
    at = NOON - minutes(ago)
    return Candidate(
        name, "deploy", at, service="web", flips=dict.fromkeys(hosts, at), events=(name * 4,)
    )


def test_the_later_of_two_deploys_on_the_ill_host_is_likelier() -> None:
    question = Question(NOON, services=("web",), ill=("web1",))
    answer = rank(question, [deploy("old", "web1", ago=300), deploy("new", "web1", ago=5)], {})
    assert [suspect.candidate.id for suspect in answer.suspects] == ["new", "old"]
    assert answer.explains


def test_what_began_after_the_trouble_is_cleared() -> None:
    answer = rank(Question(NOON, services=("web",)), [deploy("late", "web1", ago=-30)], {})
    assert [clear.because for clear in answer.cleared] == [
        "it began 30 min after the trouble was there"
    ]
    assert answer.outside == 1
