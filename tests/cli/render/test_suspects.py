"""A suspect in words: which of its hosts show the trouble, which are well, and which had gone back from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from opskit.blame.model import Answer, Candidate, Question, Suspect
from opskit.cli.render.suspects import facts

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
HOSTS = ("web01", "web02", "web03", "web04")


def hosts(*, ill: tuple[str, ...] = (), well: tuple[str, ...] = (), back: tuple[str, ...] = ()) -> str:  # fmt: skip
    began = NOW - timedelta(minutes=5)
    flips, gone = dict.fromkeys(HOSTS, began), dict.fromkeys(back, NOW - timedelta(minutes=1))
    suspect = Suspect(Candidate("a", "deploy", began, "shop", flips=flips, retreats=gone), 0.5, (), ill, well)  # fmt: skip
    answer = Answer(Question(NOW, ill=ill, well=(*well, *back)), (suspect,), (), 0.5)
    return dict(facts(suspect, answer))["hosts"]


def test_a_host_that_went_back_from_it_does_not_have_it_and_was_looked_at() -> None:
    said = hosts(ill=HOSTS[1:2], well=HOSTS[2:], back=HOSTS[:1])
    assert said == "web02 shows it; web[03-04] have it too, and are well; web01 went back from it"


def test_of_one_host_is_spoken_as_of_one() -> None:
    said = hosts(ill=HOSTS[:2], well=HOSTS[2:3])
    assert said == "web[01-02] show it; web03 has it too, and is well; web04 has it, and nobody looked"  # fmt: skip
