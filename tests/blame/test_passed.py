"""A health check that passed after a change speaks for the change, if that very check is all that fails now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.blame.asked import told
from opskit.blame.gather import Place
from opskit.blame.looked import Looked, Seen
from opskit.blame.said import Said
from opskit.blame.score import rank
from opskit.blame.terms.weights import PASSED
from opskit.blame.trouble import Told, Trouble
from opskit.blame.urls import Fetched
from opskit.changelog.ruling import asked_in
from tests.blame.test_score import NOON, WEB, ago, asked, change, names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.blame.model import Answer, Candidate


PLACE = Place("production", {}, {"web": WEB}, ill=("web",))


def passing(change: Candidate, minutes: float, *hosts: str) -> Candidate:
    return replace(change, passed=dict.fromkeys(hosts, ago(minutes)))


def bits(answer: Answer, name: str) -> Mapping[str, float]:
    suspect = next(one for one in answer.suspects if one.candidate.id == name)
    return {term.name: term.bits for term in suspect.terms}


def test_what_passed_its_own_check_is_less_likely_to_be_what_that_check_finds_now() -> None:
    question = asked(ill=("web1",), well=WEB[1:], by_check=True)
    checked = passing(change("a", 5, "web1"), 4, "web1")
    answer = rank(question, [checked], {})
    assert bits(answer, "a")["passed"] == PASSED
    term = next(term for term in answer.suspects[0].terms if term.name == "passed")
    assert term.because == "the health check passed on web1 after it, in deploy a"
    assert term.source == "event aaaaaaaaaa"
    unasked = rank(replace(question, by_check=False), [checked], {})
    assert "passed" not in bits(unasked, "a")
    assert unasked.suspects[0].share > answer.suspects[0].share


def test_a_later_rollout_that_found_the_host_well_speaks_for_what_nobody_checked_before() -> None:
    question = asked(ill=("web1",), well=WEB[1:], by_check=True)
    by_hand, after = change("a", 30, "web1", kind="exec"), change("b", 9, *WEB)
    later = passing(change("c", 20, *WEB), 20, *WEB)
    answer = rank(question, [by_hand, later, after], {})
    assert bits(answer, "a")["passed"] == PASSED
    assert bits(answer, "c")["passed"] == PASSED
    assert "passed" not in bits(answer, "b")


def test_only_a_check_of_every_ill_host_that_has_the_change_counts_and_only_of_that_service() -> None:  # fmt: skip
    question = asked(ill=("web1", "web2"), well=WEB[2:], by_check=True)
    half = passing(change("a", 30, "web1", "web2"), 20, "web1")
    other = replace(passing(change("b", 25, *WEB), 20, *WEB), service="mail", distance=-1)
    before = passing(change("c", 50, "web1", "web2"), 40, "web1", "web2")
    answer = rank(question, [half, other, before], {})
    assert "passed" not in bits(answer, "a")
    assert bits(answer, "c")["passed"] == PASSED


def test_where_every_change_was_checked_since_nothing_of_them_is_the_first_suspect() -> None:
    """A process that was killed by hand, after a day of healthy rollouts."""
    question = asked(ill=("web1",), well=WEB[1:3], fleet=WEB[:3], by_check=True)
    days = [passing(change(f"{n}", 2 + 3 * n, *WEB[:3]), 1 + 3 * n, *WEB[:3]) for n in range(8)]
    canary = replace(change("canary", 12, "web1"), retreats={"web1": ago(11)}, outcome="refused")
    answer = rank(question, [*days, canary], {})
    assert not answer.explains
    assert rank(replace(question, by_check=False), [*days, canary], {}).explains
    newest = rank(question, [change("bad", 1, "web1"), *days, canary], {})
    assert names(newest)[0] == "bad"
    assert newest.explains


def test_the_trouble_is_just_a_check_that_fails_if_nobody_says_more() -> None:
    seen = tuple(Seen("web", host, well=host != "web1", said="500") for host in WEB[:2])
    named = Told(service="web")
    page = Fetched("http://web.example.com/", 500, "gave 500")
    for more, by_check in (
        (named, True),
        (Told(), True),
        (replace(named, at=ago(5)), False),
        (replace(named, said=Said("KeyError")), False),
        (replace(named, log="/var/log/web.log"), False),
        (replace(named, onsets={"web1": ago(5)}), False),
    ):
        question = Trouble(more, looked=Looked(seen)).question(PLACE, NOON)
        assert question.by_check is by_check, more
    asked_page = tuple(replace(each, asked="/") for each in seen)
    question = Trouble(replace(named, url=page), looked=Looked(asked_page)).question(PLACE, NOON)
    assert not question.by_check
    assert not Trouble(named).question(PLACE, NOON).by_check


def test_a_verdict_keeps_that_it_was_only_a_check() -> None:
    question = asked(ill=("web1",), by_check=True)
    kept = asked_in(told(question, NOON))
    assert kept is not None
    assert kept.by_check
