"""Where a candidate was when the trouble was seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from opskit.blame.model import Candidate, Question, TextEvidence
from opskit.blame.score import rank

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
HOSTS = ("web01", "web02")
SEEN = Question(NOW, services=("shop",), ill=HOSTS, fleet=HOSTS)


def deploy(name: str, ago: float, *hosts: str, back: float | None = None) -> Candidate:
    at = NOW - timedelta(seconds=ago)
    gone = {} if back is None else dict.fromkeys(hosts, NOW - timedelta(seconds=back))
    return Candidate(name, "deploy", at, "shop", flips=dict.fromkeys(hosts, at), retreats=gone)


def test_a_change_that_a_host_went_back_from_seconds_ago_does_not_make_it_ill_now() -> None:
    bad, refused = deploy("bad", 60, *HOSTS), deploy("refused", 30, "web01", back=15)
    answer = rank(SEEN, [bad, refused], {})
    assert answer.suspects[0].candidate.id == "bad"
    terms = {t.name for s in answer.suspects if s.candidate.id == "refused" for t in s.terms}
    assert not answer.suspects[1:] or "gone" in terms


def test_where_an_onset_is_told_by_a_clock_a_host_that_went_back_just_before_may_have_had_it() -> (
    None
):
    told = replace(SEEN, is_onset=True)
    answer = rank(told, [deploy("refused", 30, *HOSTS, back=15)], {})
    assert [suspect.candidate.id for suspect in answer.suspects] == ["refused"]
    assert all(term.name != "gone" for term in answer.suspects[0].terms)


def test_what_only_the_well_hosts_still_run_is_no_longer_to_blame_for_the_ill_ones() -> None:
    old = deploy("old", 600, *HOSTS)
    old = replace(old, retreats={"web01": NOW - timedelta(seconds=300)})
    asked = replace(SEEN, ill=("web01",), well=("web02",))
    (suspect,) = rank(asked, [old], {"old": TextEvidence(5.0)}).suspects
    assert {"gone", "text"} & {term.name for term in suspect.terms} == {"gone"}
    (clear,) = rank(replace(asked, is_onset=True), [old], {}).cleared
    assert clear.because == "web01 had gone back from it 5 min before the onset"


def test_what_came_to_a_host_again_is_blamed_for_as_long_as_it_ran_there_and_not_for_the_time_between() -> (
    None
):
    old = deploy("old", 600, *HOSTS)
    spans = {
        host: ((NOW - timedelta(seconds=500), NOW - timedelta(seconds=40)),) for host in HOSTS
    }
    again = replace(old, away=spans)
    (suspect,) = rank(SEEN, [again], {}).suspects
    assert suspect.terms[0].because == "an ill host ran it for 2 min in all before it was seen"
    (clear,) = rank(
        replace(SEEN, is_onset=True, at=NOW - timedelta(seconds=240)), [again], {}
    ).cleared
    assert clear.because == "its hosts had gone back from it 4 min before the onset"
