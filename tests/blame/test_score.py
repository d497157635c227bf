"""Suspects come with their evidence, the likeliest first; what cannot have done it is cleared, and says why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from opskit.blame.model import Answer, Candidate, CommitMatch, Question, TextEvidence
from opskit.blame.score import rank
from opskit.blame.terms.weights import OUTSIDE
from opskit.changelog import Release
from tests.support.growth import growth

if TYPE_CHECKING:
    from collections.abc import Mapping

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
WEB = tuple(f"web{number}" for number in range(1, 9))


def ago(minutes: float) -> datetime:
    return NOON - timedelta(minutes=minutes)


def change(
    name: str, minutes: float, *hosts: str, kind: str = "deploy", step: float = 0
) -> Candidate:
    """Make a change that began so many minutes ago, and went from host to host in steps of so many minutes."""
    flips = {host: ago(minutes - number * step) for number, host in enumerate(hosts)}
    return Candidate(
        name, kind, ago(minutes), "web", outcome="done", flips=flips, events=(name * 10,)
    )


def asked(**known: object) -> Question:
    return replace(Question(NOON, services=("web",), fleet=WEB), **known)  # type: ignore[arg-type]


def names(answer: Answer) -> list[str]:
    return [suspect.candidate.id for suspect in answer.suspects]


def terms(answer: Answer, name: str) -> Mapping[str, str]:
    suspect = next(one for one in answer.suspects if one.candidate.id == name)
    return {term.name: term.because for term in suspect.terms}


def cleared(answer: Answer) -> list[tuple[str, str]]:
    return [(clear.because, clear.source) for clear in answer.cleared]


def test_the_later_of_two_deploys_is_likelier() -> None:
    answer = rank(asked(), [change("a", 300, "web1"), change("b", 5, "web1")], {})
    assert names(answer) == ["b", "a"]
    assert answer.explains
    assert terms(answer, "b")["time"] == "last change of a host 5 min before it was seen"


def test_the_older_one_that_is_on_just_the_ill_hosts_is_likelier_than_a_later_one_elsewhere_too() -> (
    None
):
    question = asked(ill=("web1", "web2"), well=WEB[2:])
    there, everywhere = change("a", 90, "web1", "web2"), change("b", 40, *WEB)
    answer = rank(question, [everywhere, there], {})
    assert names(answer)[0] == "a"
    assert terms(answer, "a")["hosts"] == "2 of 2 ill hosts had it"
    assert terms(answer, "a")["well"] == "none that had it is well, 6 well without it"
    assert terms(answer, "b")["well"].startswith("6 hosts had it and are well (web3, web4, web5")
    assert answer.suspects[1].well == WEB[2:]


def test_trouble_that_follows_a_change_from_host_to_host_is_that_changes() -> None:
    followed, later = change("a", 60, *WEB[:5], step=8), change("b", 25, *WEB[:5])
    onsets = {host: at + timedelta(minutes=2) for host, at in followed.flips.items()}
    question = asked(ill=WEB[:5], well=WEB[5:], onsets=onsets, onset_from="logs")
    answer = rank(question, [later, followed], {})
    assert names(answer)[0] == "a"
    assert answer.suspects[0].share > 0.99
    told = terms(answer, "a")["lag"]
    assert told == "on 5 hosts the symptom came 2 min after it, on each alike"
    lag = next(term for term in answer.suspects[0].terms if term.name == "lag")
    assert (lag.bits > 5, lag.source) == (True, "event aaaaaaaaaa, logs")


def test_one_onset_of_something_else_clears_nobody() -> None:
    guilty = change("a", 60, *WEB[:5], step=8)
    onsets = {host: at + timedelta(minutes=2) for host, at in guilty.flips.items()}
    onsets["web3"] = ago(700)
    answer = rank(asked(ill=WEB[:5], well=WEB[5:], onsets=onsets), [guilty], {})
    assert names(answer) == ["a"]
    assert answer.explains


def test_hosts_that_were_changed_too_late_to_fall_ill_do_not_speak_against_it() -> None:
    slow = change("a", 60, *WEB, step=8)
    onsets = {host: slow.flips[host] + timedelta(minutes=20) for host in WEB[:5]}
    answer = rank(asked(ill=WEB[:5], well=WEB[5:], onsets=onsets), [slow], {})
    assert "3 had it too late to tell" in terms(answer, "a")["well"]
    assert answer.explains


def test_what_the_words_point_to_is_likelier_and_names_the_commit() -> None:
    match = CommitMatch(
        "c0ffee1234567890", "Count carts twice", "ana", 9.0, ("carts", "NegativeTotal")
    )
    said = {"a": TextEvidence(5, (match,)), "b": TextEvidence(-2)}
    question = asked(symptom="NegativeTotal in carts")
    answer = rank(question, [change("a", 200, "web1"), change("b", 100, "web1")], said)
    assert names(answer)[0] == "a"
    assert answer.suspects[0].matches == (match,)
    term = next(term for term in answer.suspects[0].terms if term.name == "text")
    assert (
        term.because
        == "c0ffee12 'Count carts twice' and the symptom both say 'carts', 'NegativeTotal'"
    )
    assert term.source == "commit c0ffee1234"


@pytest.mark.parametrize(
    ("text", "because"),
    [
        (TextEvidence(-2, (CommitMatch("c0ffee12", "Carts", "ana", -2, ("cart",)),)), "of the symptom, c0ffee12 'Carts' says only 'cart'"),
        (TextEvidence(2, words=("boomba", "cart")), "what it says of itself and the symptom both say 'boomba', 'cart'"),
        (TextEvidence(-2), "what it says and the symptom share no rare word"),
    ],
)  # fmt: skip
def test_words_are_named_and_where_they_speak_against_it_that_they_are_all(
    text: TextEvidence, because: str
) -> None:
    answer = rank(asked(symptom="boomba in the cart"), [change("a", 5, "web1")], {"a": text})
    assert terms(answer, "a")["text"] == because


def test_a_failed_rollout_and_one_past_a_freeze_are_likelier_than_one_that_is_done() -> None:
    done = change("a", 30, "web1")
    failed = replace(done, id="b", outcome="failed", overrides=("freeze",))
    answer = rank(asked(), [done, failed], {})
    assert names(answer) == ["b", "a"]
    assert terms(answer, "b")["outcome"] == "it came out failed, freeze did not count"


def test_what_the_ill_service_needs_is_a_suspect_with_less_weight() -> None:
    own = change("a", 30, "web1")
    below = replace(change("b", 30, "db1"), service="db", distance=1)
    answer = rank(asked(ill=WEB[:2], well=WEB[2:]), [below], {})
    assert terms(answer, "b")["distance"] == "db is needed by what is ill, 1 step below"
    assert terms(answer, "b")["hosts"] == "it was on none of 2 ill hosts, which need it"
    assert names(rank(asked(), [own, below], {})) == ["a", "b"]


def test_a_note_is_a_suspect_that_is_on_no_host() -> None:
    note = change("a", 20, kind="note")
    answer = rank(asked(ill=WEB[:2], well=WEB[2:]), [note], {})
    assert terms(answer, "a")["time"] == "written down 20 min before it was seen"
    assert terms(answer, "a")["hosts"] == "it was on none of 2 ill hosts"
    assert terms(answer, "a")["kind"].endswith("to blame than a deploy: note")


def test_nothing_in_the_changelog_explains_what_only_well_hosts_and_old_changes_speak_of() -> None:
    question = asked(is_onset=True, ill=("web1",), well=WEB[1:])
    answer = rank(question, [change("a", 1200, *WEB), change("b", 2400, *WEB)], {})
    assert not answer.explains
    assert answer.outside > 0.9


def test_without_any_candidate_nothing_explains_it() -> None:
    answer = rank(asked(), [], {})
    assert (answer.suspects, answer.outside, answer.explains) == ((), 1.0, False)
    assert (
        answer.outside_terms[0].because
        == f"of ten troubles {10 * OUTSIDE:.0f} are no change's doing"
    )
    assert "Site Reliability Engineering" in answer.outside_terms[0].source


@pytest.mark.parametrize(
    ("suspect", "because"),
    [
        (change("a", -30, "web1"), "it began 30 min after the trouble was there"),
        (change("a", 30), "it never went live on a host"),
        (
            change("a", 30, "web7"),
            "it was on none of the hosts that show the symptom (web1, web2)",
        ),
        (
            replace(change("a", 90, "web1"), retreats={"web1": ago(20)}),
            "its hosts had gone back from it 20 min before the onset",
        ),
    ],
)
def test_what_cannot_have_done_it_is_cleared(suspect: Candidate, because: str) -> None:
    answer = rank(asked(is_onset=True, ill=WEB[:2], well=WEB[2:6]), [suspect], {})
    assert [why for why, _ in cleared(answer)] == [because]
    assert cleared(answer)[0][1].startswith("event aaaaaaaaaa")


def test_what_hosts_showed_before_they_had_it_clears_it() -> None:
    late = change("a", 10, *WEB[:3])
    onsets = dict.fromkeys(WEB[:3], ago(25))
    answer = rank(asked(ill=WEB[:3], well=WEB[3:], onsets=onsets, onset_from="logs"), [late], {})
    assert cleared(answer) == [
        ("the symptom was seen on web1, web2, web3 before it", "event aaaaaaaaaa, logs")
    ]


def test_a_clock_that_is_off_by_a_minute_clears_nobody() -> None:
    answer = rank(asked(is_onset=True), [change("a", -1, "web1")], {})
    assert names(answer) == ["a"]


def test_what_was_taken_back_before_it_was_seen_is_cleared_only_if_the_onset_is_known() -> None:
    gone = replace(change("a", 90, "web1"), retreats={"web1": ago(20)})
    answer = rank(asked(), [gone], {})
    assert terms(answer, "a")["gone"].startswith("its hosts went back from it")


def test_that_just_the_ill_hosts_have_it_is_no_proof_however_many_they_are() -> None:
    many = tuple(f"web{number}" for number in range(200))
    question = Question(NOON, services=("web",), ill=many[:90], well=many[90:], fleet=many)
    answer = rank(question, [change("a", 3000, *many[:90])], {})
    assert {term.name for term in answer.outside_terms} == {"prior", "alike"}
    assert 0.001 < answer.outside < 0.999


def test_an_answer_says_what_was_not_known() -> None:
    answer = rank(Question(NOON), [change("a", 5, "web1")], {})
    assert len(answer.missing) == 5
    assert "which hosts show it is not known: hosts were not weighed" in answer.missing
    whole = asked(ill=WEB[:2], well=WEB[2:], onsets=dict.fromkeys(WEB[:2], ago(1)), symptom="x")
    assert rank(whole, [change("a", 5, *WEB)], {"a": TextEvidence(0)}).missing == ()


def test_where_all_hosts_are_on_the_same_moment_lag_says_nothing() -> None:
    onsets = dict.fromkeys(WEB[:3], ago(5))
    answer = rank(asked(ill=WEB[:3], well=WEB[3:], onsets=onsets), [change("a", 9, *WEB[:3])], {})
    lag = next(term for term in answer.suspects[0].terms if term.name == "lag")
    assert lag.bits == pytest.approx(0, abs=0.01)


def test_what_hardly_anything_speaks_for_is_told_in_one_sentence_with_all_numbers() -> None:
    answer = rank(asked(), [change("a", 5, "web1"), change("b", 60 * 24 * 13, "web1")], {})
    (term,) = answer.suspects[-1].terms
    assert term.because.startswith("less than one in ten thousand: time -")
    assert term.bits == pytest.approx(answer.suspects[-1].bits)


def test_what_ranking_costs_grows_in_line_with_the_candidates() -> None:
    many = [change(f"c{number}", 2 * number, *WEB) for number in range(2000)]
    question = asked(ill=WEB[:2], well=WEB[2:])
    assert growth(lambda count: rank(question, many[:count], {}), 200, 2000) < 2


def test_what_began_after_a_typed_onset_is_cleared_beyond_what_the_time_left_out() -> None:
    late = change("a", -0.8, "web1")
    typed = asked(is_onset=True, within=30.0)
    assert cleared(rank(typed, [late], {}))[0][0] == "it began 48 s after the trouble was there"
    by_host = asked(ill=("web1",), onsets={"web1": ago(1)}, within=30.0)
    assert names(rank(by_host, [change("a", 0.1, "web1")], {})) == []
    rounded = rank(replace(typed, within=60.0), [late], {})
    assert terms(rounded, "a")["time"] == "last change of a host 48 s after the onset"
    lagging = rank(replace(by_host, within=60.0), [change("a", 0.1, "web1")], {})
    assert terms(lagging, "a")["time"] == "live 54 s after the onset on 1 host"


def test_a_canary_that_was_put_back_two_minutes_before_a_log_shows_it_is_cleared() -> None:
    canary = replace(change("a", 5, "web1"), retreats={"web1": ago(1.9)})
    answer = rank(asked(ill=("web1",), onsets={"web1": NOON}, onset_from="logs"), [canary], {})
    assert cleared(answer)[0][0] == "its hosts had gone back from it 2 min before the onset"


def test_a_task_on_just_the_ill_host_comes_before_a_deploy_on_all_that_shares_words() -> None:
    task = replace(change("b", 0.2, "web1", kind="task"), service="")
    everywhere = change("a", 3, *WEB[:3])
    question = asked(ill=("web1",), well=WEB[1:3], fleet=WEB[:3], symptom="NegativeTotal")
    assert names(rank(question, [everywhere, task], {"a": TextEvidence(3.0)})) == ["b", "a"]


def test_of_hosts_that_were_only_named_a_change_on_just_these_is_likelier() -> None:
    task = replace(change("b", 0.2, "web1", kind="task"), service="")
    everywhere = change("a", 0.5, *WEB[:3])
    answer = rank(asked(ill=("web1",), fleet=WEB[:3]), [everywhere, task], {})
    bits = {
        suspect.candidate.id: next(term.bits for term in suspect.terms if term.name == "hosts")
        for suspect in answer.suspects
    }
    assert names(answer) == ["b", "a"]
    assert bits["b"] - bits["a"] > 1.6
    assert terms(answer, "b")["hosts"] == "1 of 1 ill host had it, and no other"
    assert terms(answer, "a")["hosts"] == "1 of 1 ill host had it, and 2 hosts that nobody named"


def test_a_deploy_of_what_ran_there_already_is_as_a_restart() -> None:
    v5 = (Release("r1", "1" * 40, "v5"),)
    again = replace(change("b", 5, "web1"), before=v5, after=(Release("r2", "1" * 40, "v5"),))
    first = replace(change("d", 5, "web1"), after=v5)
    restart = change("c", 5, "web1", kind="restart")
    answer = rank(asked(), [change("a", 5, "web1"), again, restart, first], {})
    bits = {s.candidate.id: {t.name: t.bits for t in s.terms} for s in answer.suspects}
    assert bits["b"]["kind"] == bits["c"]["kind"] < 0
    assert terms(answer, "b")["kind"].startswith("it brought the revision that ran there already")
    assert "kind" not in bits["a"]
    assert "kind" not in bits["d"]


def test_what_was_tried_just_now_may_be_an_answer_to_the_trouble() -> None:
    tried, before = change("b", 1, "web1", kind="restart"), change("a", 45, "web1", kind="restart")
    answer = rank(asked(ill=("web1",), well=WEB[1:]), [tried, before], {})
    bits = {s.candidate.id: {t.name: t.bits for t in s.terms} for s in answer.suspects}
    assert -1.6 < bits["b"]["reaction"] < -1.3
    assert bits["a"].get("reaction", 0.0) > -0.1
    assert terms(answer, "b")["reaction"] == "so shortly before, it may be an answer to the trouble: restart"  # fmt: skip
    (dated,) = rank(
        asked(ill=("web1",), well=WEB[1:], onsets={"web1": NOON}), [tried], {}
    ).suspects
    assert "reaction" not in {term.name for term in dated.terms}
    left = replace(tried, kind="task", left="catalogue.json altered")
    assert "reaction" not in terms(rank(asked(), [left], {}), "b")


def test_what_came_after_a_trouble_that_is_over_changes_nothing_of_the_answer() -> None:
    question, before = asked(is_onset=True), [change("a", 5, "web1"), change("b", 90, "web1")]
    later = [change(f"c{number}", -10 - number, "web1") for number in range(20)]
    shares = [suspect.share for suspect in rank(question, before, {}).suspects]
    assert [suspect.share for suspect in rank(question, [*later, *before], {}).suspects] == shares
