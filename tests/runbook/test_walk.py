"""A runbook is followed: each kind of question, each way out of it, and what is written down of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.errors import UsageError
from opskit.runbook.talk import CameTo, Ended, Known, LeftError, Owed, Reply, Said, Shown, Warned
from tests.runbook.scripted import GO, LEAVE, NO, YES, book_of, choose, say, whats

if TYPE_CHECKING:
    from tests.runbook.scripted import Stage

LOOK = "<!-- opskit: local mutates=no -->\n```sh\n{}\n```\n"
DO = "<!-- opskit: local -->\n```sh\n{}\n```\n"
DRAIN = '<!-- opskit: local rollback="#put-it-back" -->\n```sh\n{}\n```\n'


def steps(*bodies: str) -> str:
    return "\n".join(f"## {n}. Step {n}\n\n{body}\n" for n, body in enumerate(bodies, 1))


def test_each_command_is_written_down_before_it_runs_and_after(stage: Stage) -> None:
    book = book_of(
        steps("Look.\n\n" + LOOK.format("echo one"), DO.format("echo two >made; cat made"))
    )
    end, talk = stage.run(book, GO, GO)
    assert (end.outcome, end.exit_code) == ("done", 0)
    told = whats(stage.events())
    assert told == ["started", "began", "ended done", "began", "ended done", "finished done"]
    assert [fact.step.id for fact in talk.facts(CameTo)] == ["step-1", "step-2"]
    assert [fact.text for fact in talk.facts(Said)] == ["Look."]
    assert talk.heard["local"] == b"one\ntwo\n"
    began = stage.events()[1].body
    assert began["hosts"] == ["local"]
    assert (began["script"], began["mutates"]) == ("echo one\n", False)


def test_values_reach_commands_as_environment_and_are_filled_into_prose_only(stage: Stage) -> None:
    more = "params: {who: {default: nobody}}\n"
    page = steps(
        "**Ask:** `server` - Which server, {{ who }}?\n\nYou said {{ server }}.\n\n"
        + DO.format('echo "$server $who"')
    )
    value = "web01; echo '$(boom)' \"x\""
    end, talk = stage.run(book_of(page, more), say(value), GO, given={"who": "ana"})
    assert end.outcome == "done"
    assert talk.asked[0].text == "Which server, ana?"
    assert talk.facts(Said)[0].text == f"You said {value}."
    assert talk.heard["local"].decode() == f"{value} ana\n"


def test_what_a_command_captures_is_a_value_of_the_next_one(stage: Stage) -> None:
    first = "<!-- opskit: local mutates=no capture=found -->\n```sh\necho 4\n```\n"
    end, talk = stage.run(book_of(steps(first, LOOK.format("echo $((found + 1))"))), GO, GO)
    assert end.now.values["found"] == "4"
    assert talk.heard["local"] == b"4\n5\n"


@pytest.mark.parametrize("mode", ["run", "auto", "drill"])
def test_who_does_a_command_has_agreed_to_what_opskit_changes_in_it_and_to_nothing_by_mutates_no(
    stage: Stage, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSKIT_AGREED", "of another run")
    tell = 'echo "${OPSKIT_AGREED:-nobody}"'
    book = book_of(steps(LOOK.format(tell), DO.format(f"{tell}; echo $OPSKIT_RUN")))
    end, talk = stage.run(book, GO, say("x") if mode == "drill" else GO, mode=mode)
    run = end.now.run
    asked = {"run": f"{run}\n{run}\n", "auto": f"nobody\n{run}\n", "drill": ""}
    assert talk.heard["local"].decode() == "mutates=no\n" + asked[mode]


def test_a_step_is_skipped_with_its_reason(stage: Stage) -> None:
    book = book_of(steps(DO.format("touch a") + "\n" + DO.format("touch b"), DO.format("touch c")))
    end, _ = stage.run(book, Reply("skip", "not this time"), GO)
    assert end.outcome == "done"
    assert not (stage.folder / "a").exists()
    assert not (stage.folder / "b").exists()
    assert (stage.folder / "c").exists()
    skipped = stage.events()[1].body
    assert (skipped["step"], skipped["part"], skipped["why"]) == ("step-1", -1, "not this time")


def test_back_is_the_way_that_the_run_came(stage: Stage) -> None:
    book = book_of(steps(LOOK.format("echo 1"), LOOK.format("echo 2"), LOOK.format("echo 3")))
    back = Reply("back")
    end, talk = stage.run(book, back, GO, GO, back, back, GO, GO, GO)
    assert end.outcome == "done"
    assert talk.heard["local"] == b"1\n2\n1\n2\n3\n"
    assert "first step" in talk.facts(Warned)[0].what


def test_a_failed_command_is_asked_about(stage: Stage) -> None:
    book = book_of(
        steps(DO.format("test -e here || { echo no >&2; exit 3; }"), LOOK.format("echo 2"))
    )
    end, talk = stage.run(book, GO, Reply("again"), Reply("mark", "I did it by hand"), GO)
    assert end.outcome == "done"
    assert talk.kinds == ["act", "failed", "failed", "act"]
    assert "ended with status 3" in talk.asked[1].text
    assert stage.now(book).of("step-1", 0).status == "marked"


def test_a_question_without_an_answer_is_asked_again(stage: Stage) -> None:
    end, talk = stage.run(book_of(steps("**Ask:** `server` - Which?\n")), say(" "), say("web01"))
    assert (end.outcome, talk.asked[1].problem) == ("done", "server needs a value")


def test_an_aborted_run_says_what_is_still_open_and_is_aborted_also_where_a_command_failed(
    stage: Stage,
) -> None:
    page = (
        steps(DRAIN.format("touch drained"), DO.format("false"))
        + "\n## Put it back\n\n"
        + DO.format("rm drained")
    )
    end, talk = stage.run(book_of(page), GO, Reply("abort", "enough"))
    assert (end.outcome, end.reason, end.exit_code) == ("aborted", "enough", 5)
    (owed,) = talk.facts(Owed)[0].liabilities
    assert (owed.step, owed.rollback, owed.hosts) == ("step-1", "put-it-back", ("local",))
    end, _ = stage.run(book_of(page), GO, GO, Reply("abort", "it failed"))
    assert (end.outcome, end.reason, end.exit_code) == ("aborted", "it failed", 5)


def test_the_step_that_undoes_something_ends_the_liability(stage: Stage) -> None:
    page = steps(DRAIN.format("touch drained")) + "\n## Put it back\n\n" + DO.format("rm drained")
    end, talk = stage.run(book_of(page), GO, GO)
    assert end.now.liabilities == ()
    assert talk.facts(Owed) == []


def test_undo_of_a_failed_command_comes_back_to_it(stage: Stage) -> None:
    page = (
        steps(DRAIN.format("echo x >>drained; test -e ok"))
        + "\n## Put it back\n\n"
        + DO.format("rm drained; touch ok")
    )
    end, talk = stage.run(book_of(page), GO, Reply("undo"), GO, GO, GO)
    assert talk.kinds == ["act", "failed", "act", "act", "act"]
    assert [question.step.id for question in talk.asked if question.step] == [
        "step-1",
        "step-1",
        "put-it-back",
        "step-1",
        "put-it-back",
    ]
    assert end.outcome == "done"


def test_a_caution_is_typed_out_before_the_first_change_of_its_step(stage: Stage) -> None:
    page = steps(
        "> [!CAUTION]\n> This deletes.\n\n"
        + LOOK.format("echo look")
        + "\n"
        + DO.format("touch a")
        + "\n"
        + DO.format("touch b")
    )
    end, talk = stage.run(book_of(page), GO, say("yes"), say("step-1"), GO)
    assert end.outcome == "done"
    assert talk.kinds == ["act", "caution", "caution", "act"]
    assert talk.asked[2].problem
    shown = talk.asked[1].action
    assert (shown.text if shown else "", talk.asked[1].hosts) == ("touch a\n", ("local",))


def test_what_is_not_confirmed_stops_there_and_can_be_resumed(stage: Stage) -> None:
    book = book_of(steps("**Confirm:** Is one other up?\n\n" + DO.format("touch a")))
    end, _ = stage.run(book, NO)
    assert (end.outcome, end.exit_code) == ("suspended", 3)
    assert not (stage.folder / "a").exists()
    end, talk = stage.resume(book, end.now.run, YES, GO)
    assert (end.outcome, talk.kinds) == ("done", ["confirm", "act"])


def test_a_decision_goes_to_the_step_that_it_names(stage: Stage) -> None:
    first = "**Decide:** Is it the disk? go to [Clean](#3-step-3). Else go on.\n"
    book = book_of(steps(first, DO.format("touch two"), DO.format("touch three")))
    end, talk = stage.run(book, choose("nonsense"), choose("Clean"), GO)
    assert end.outcome == "done"
    assert talk.asked[1].problem
    assert not (stage.folder / "two").exists()
    assert (stage.folder / "three").exists()


def test_a_check_with_evidence_keeps_what_was_seen(stage: Stage) -> None:
    book = book_of(steps("- [ ] The light is on\n- [ ] Paste the link (evidence)\n"))
    end, talk = stage.run(book, GO, say(" "), say("https://graph/1"))
    assert end.outcome == "done"
    assert talk.kinds == ["check", "evidence", "evidence"]
    assert [e.body.get("value") for e in stage.events()[1:3]] == ["yes", "https://graph/1"]


def test_of_a_step_that_is_skipped_the_rest_is_not_shown(stage: Stage) -> None:
    book = book_of(
        steps(
            "Before.\n\n" + LOOK.format("echo 1") + "\nBehind.\n",
            "Next.\n\n" + LOOK.format("echo 2") + "\nLast.\n",
        )
    )
    _, talk = stage.run(book, Reply("skip", "not now"), GO)
    assert [fact.text for fact in talk.facts(Said)] == ["Before.", "Next.", "Last."]


def test_a_step_that_is_only_read_waits_for_somebody_to_read_it(stage: Stage) -> None:
    end, talk = stage.run(book_of(steps("Read this.\n", "And this.\n")), GO, GO)
    assert (end.outcome, talk.kinds) == ("done", ["read", "read"])


def test_waiting_for_a_value_runs_its_command_until_it_is_there(stage: Stage) -> None:
    look = "<!-- opskit: local mutates=no capture=queue -->\n```sh\necho x >>n; echo $((3 - $(wc -l <n)))\n```\n"
    book = book_of(steps(look + "\n**Wait:** until `queue` is 0, every 1s, at most 1m\n"))
    end, talk = stage.run(book, GO)
    assert end.outcome == "done"
    assert talk.rested == [1.0]
    assert end.now.values["queue"] == "0"


def test_waiting_in_vain_goes_where_the_page_says(stage: Stage) -> None:
    look = "<!-- opskit: local mutates=no capture=queue -->\n```sh\necho 7\n```\n"
    page = steps(
        look
        + "\n**Wait:** until `queue` is 0, every 1s, at most 1s, else go to [Escalate](#3-step-3)\n",
        DO.format("touch two"),
        DO.format("touch three"),
    )
    end, talk = stage.run(book_of(page), GO, GO)
    assert end.outcome == "done"
    said = "queue did not become 0 within 1 s (it is 7): the run goes on at Step 3"
    assert said in [fact.what for fact in talk.facts(Warned)]
    assert not (stage.folder / "two").exists()
    assert (stage.folder / "three").exists()


@pytest.mark.parametrize(
    ("expect", "said", "outcome"),
    [
        ("exact", "ready", "done"),
        ("exact", "ready now", "failed"),
        ("contains", "is ready now", "done"),
        ("contains", "not yet", "failed"),
        ("regex", "ready", "done"),
        ("regex", "red", "failed"),
    ],
)
def test_what_a_command_must_print_is_looked_at(
    stage: Stage, expect: str, said: str, outcome: str
) -> None:
    wanted = "^re.dy$" if expect == "regex" else "ready"
    page = steps(
        LOOK.format(f"echo '{said}'")
        + f"\n<!-- opskit: expect={expect} -->\n```text\n{wanted}\n```\n"
    )
    end, talk = stage.run(book_of(page), GO, mode="run")
    assert talk.facts(Ended)[0].outcome == outcome
    assert end.outcome == ("done" if outcome == "done" else "suspended")


def test_auto_stops_at_what_a_person_decides_and_says_which(stage: Stage) -> None:
    book = book_of(steps(DO.format("touch a"), "**Confirm:** Is it well?\n", DO.format("touch b")))
    end, talk = stage.run(book, mode="auto")
    assert (end.outcome, end.exit_code, talk.asked) == ("suspended", 3, [])
    assert "Is it well?" in end.reason
    assert (stage.folder / "a").exists()
    assert not (stage.folder / "b").exists()
    end, talk = stage.resume(book, end.now.run, YES, GO)
    assert (end.outcome, talk.kinds) == ("done", ["confirm", "act"])


def test_auto_fails_where_a_command_fails(stage: Stage) -> None:
    end, _ = stage.run(book_of(steps(DO.format("exit 7"), DO.format("touch b"))), mode="auto")
    assert (end.outcome, end.exit_code) == ("failed", 1)
    assert "status 7" in end.reason
    assert not (stage.folder / "b").exists()


def test_auto_takes_an_answer_that_was_given_beforehand_and_no_default(stage: Stage) -> None:
    page = steps("**Ask:** `server` - Which?\n\n" + DO.format('echo "$server"'))
    book = book_of(page, "params: {server: {default: web01}}\n")
    end, _ = stage.run(book, mode="auto")
    assert (end.outcome, end.exit_code) == ("suspended", 3)
    end, talk = stage.run(book, mode="auto", given={"server": "web02"})
    assert (end.outcome, talk.heard["local"]) == ("done", b"web02\n")


def test_a_drill_shows_what_would_change_something_and_asks_what_is_expected(stage: Stage) -> None:
    page = (
        steps(
            LOOK.format("echo look")
            + "\n"
            + DRAIN.format("touch a")
            + "\n**Approve:** L2\n\n**Wait:** 5m\n"
        )
        + "\n## Put it back\n\n"
        + DO.format("rm a")
    )
    end, talk = stage.run(book_of(page), GO, say("a file"), say("no file"), mode="drill")
    assert (end.outcome, talk.kinds, talk.rested) == ("done", ["act", "predict", "predict"], [])
    assert len(talk.facts(Shown)) == 2
    assert not (stage.folder / "a").exists()
    assert end.now.liabilities == ()
    assert stage.events()[0].body["mode"] == "drill"


def test_a_run_that_is_left_knows_where_it_stands(stage: Stage) -> None:
    book = book_of(steps(LOOK.format("echo 1"), LOOK.format("echo 2")))
    end, _ = stage.run(book, GO, LEAVE)
    assert (end.outcome, end.exit_code, end.now.step) == ("suspended", 3, "step-2")
    end, _ = stage.resume(book, end.now.run, LeftError(interrupted=True))
    assert (end.outcome, end.exit_code) == ("suspended", 130)
    end, talk = stage.resume(book, end.now.run, GO)
    assert (end.outcome, talk.heard["local"]) == ("done", b"2\n")


def test_what_was_done_of_a_step_is_told_when_somebody_goes_on_with_it(stage: Stage) -> None:
    book = book_of(steps(LOOK.format("echo 1") + "\n" + LOOK.format("echo 2")))
    end, _ = stage.run(book, GO, LEAVE)
    _, talk = stage.resume(book, end.now.run, GO)
    assert [fact.what for fact in talk.facts(Known)] == ["$ echo 1"]


def test_a_shell_is_opened_and_written_down_and_the_question_asked_again(stage: Stage) -> None:
    book = book_of(steps(LOOK.format("echo 1")))
    end, talk = stage.run(book, Reply("shell"), GO)
    assert (end.outcome, talk.shells, talk.kinds) == ("done", ["local"], ["act", "act"])
    assert "answered shell" in whats(stage.events())


def test_it_begins_where_somebody_says(stage: Stage) -> None:
    book = book_of(steps(LOOK.format("echo 1"), LOOK.format("echo 2")))
    for name in ("2", "step-2", "#2-step-2"):
        end, talk = stage.run(book, GO, start=name)
        assert (end.outcome, talk.heard["local"]) == ("done", b"2\n")
    with pytest.raises(UsageError, match="no step"):
        stage.run(book, start="step-9")


@pytest.mark.parametrize(
    ("given", "said"),
    [({"other": "x"}, "no parameter"), ({"n": "x"}, "must match"), ({"token": "x"}, "secret")],
)
def test_a_value_that_does_not_fit_stops_it_before_it_began(
    stage: Stage, given: dict[str, str], said: str
) -> None:
    more = 'params: {n: {pattern: "[0-9]+", default: "1"}, token: {secret: true}}\n'
    with pytest.raises(UsageError, match=said):
        stage.run(book_of(steps(LOOK.format("echo")), more), given=given)
    with stage.changelog() as changelog:
        assert changelog.runs() == ()


def test_parameters_are_asked_for_until_they_fit(stage: Stage) -> None:
    more = 'params: {n: {ask: "How many?", pattern: "[0-9]+", required: true}}\n'
    end, talk = stage.run(book_of(steps(LOOK.format("echo $n")), more), say("many"), say("3"), GO)
    assert (end.outcome, talk.heard["local"]) == ("done", b"3\n")
    assert talk.asked[1].problem == "n must match [0-9]+"
