"""What is skipped of a step, and what is still to be decided; where decisions lead; what somebody sees before anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.config.model import ChangelogSettings
from opskit.runbook.freshness import proof_of
from opskit.runbook.talk import Known, Reply, Said, Shown, Warned
from tests.runbook.scripted import GO, LEAVE, book_of, choose, say, whats
from tests.runbook.test_resume import left_in_the_middle
from tests.runbook.test_walk import DO, LOOK, steps

if TYPE_CHECKING:
    import pytest

    from tests.runbook.scripted import Stage

SKIP = Reply("skip", "takes too long")
DECIDE = "**Decide:** A log? [Empty it](#2-step-2). A release? [Prune](#3-step-3).\n"
PAGE = steps(LOOK.format("du") + "\n" + LOOK.format("df") + "\n" + DECIDE, DO.format("touch emptied"), LOOK.format("echo 3"))  # fmt: skip


def test_who_skips_a_command_still_decides_where_to_go_on(stage: Stage) -> None:
    book = book_of(PAGE)
    end, talk = stage.run(book, SKIP, choose("Prune"), GO)
    assert talk.kinds == ["act", "decide", "act"]
    assert end.outcome == "done"
    assert not (stage.folder / "emptied").exists()
    assert whats(stage.events())[1:4] == ["skipped", "skipped", "went decide"]


def test_a_decision_itself_can_be_skipped_and_so_can_a_step_without_one(stage: Stage) -> None:
    end, talk = stage.run(book_of(PAGE), SKIP, SKIP, SKIP, GO)
    assert talk.kinds == ["act", "decide", "act", "act"]
    assert end.outcome == "done"


def test_each_choice_says_where_it_leads(stage: Stage) -> None:
    _, talk = stage.run(book_of(PAGE), SKIP, LEAVE)
    assert talk.asked[1].leads == ("step 2 (Step 2)", "step 3 (Step 3)", "step 2 (Step 2)")
    end = steps(DECIDE.replace("2-step-2", "1-step-1").replace("3-step-3", "1-step-1"))
    _, talk = stage.run(book_of(end), LEAVE)
    assert talk.asked[0].leads == ("step 1 (Step 1)", "the end")
    _, talk = stage.run(book_of(steps(DECIDE + "\n- [ ] Well?\n", "a", "b")), LEAVE)
    assert talk.asked[0].leads[-1] == "the rest of this step"


def test_the_page_s_introduction_is_told_before_anything_is_asked(stage: Stage) -> None:
    front = "params: {why: {ask: 'Why?', default: slow}}\n"
    intro = "**When to stop:** if orders of {{ why }} are paid.\n\n> [!CAUTION]\n> It hurts.\n\n"
    book = book_of(intro + PAGE, front)
    end, talk = stage.run(book, say("tea"), LEAVE)
    first = talk.told[0]
    assert isinstance(first, Said)
    assert "if orders of slow are paid" in first.text
    assert "[!CAUTION]" in "".join(fact.text for fact in talk.facts(Said))
    _, talk = stage.resume(book, end.now.run, LEAVE, actor="ben")
    assert "orders of tea" in talk.facts(Said)[0].text


def test_who_goes_on_is_told_what_was_answered_and_sees_the_whole_command_of_unknown_end(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opskit.runbook.past.is_running", lambda *_: False)
    first = "**Ask:** `server` - Which?\n\n- [ ] What does it say? (evidence)\n"
    book = book_of(steps(first, DO.format("echo one\necho two")))
    run = left_in_the_middle(stage, book, say("web01"), say("502"), GO)
    _, talk = stage.resume(book, run, LEAVE)
    told = [(fact.what, fact.done.value) for fact in talk.facts(Known)]
    assert told == [("Step 1: Which?", "web01"), ("Step 1: What does it say?", "502")]
    assert [fact.action.text for fact in talk.facts(Shown)] == ["echo one\necho two\n"]


def test_who_saw_a_command_fail_is_not_shown_it_again(stage: Stage) -> None:
    _, talk = stage.run(book_of(steps(DO.format("false"))), GO, LEAVE)
    assert (talk.kinds, talk.facts(Shown)) == (["act", "failed"], [])


def test_enter_is_no_answer_where_the_pattern_of_what_is_asked_takes_none(stage: Stage) -> None:
    front = "params: {file: {pattern: '/.*'}, note: {pattern: '[a-z]*'}}\n"
    book = book_of(steps("**Ask:** `file` - Which log?\n\n**Ask:** `note` - More?\n"), front)
    end, talk = stage.run(book, say(""), say("/var/log/x"), say(""))
    assert [question.problem for question in talk.asked] == ["", "file must match /.*", ""]
    assert end.outcome == "done"


def test_from_the_first_step_one_goes_back_to_the_values_that_it_began_with(stage: Stage) -> None:
    front = "params: {service: {ask: 'Which service?'}, limit: {default: '90'}}\n"
    book = book_of(steps(LOOK.format('test "$service" = shop'), LOOK.format("echo 2")), front)
    end, talk = stage.run(
        book, say("shopp"), GO, Reply("back"), say("shop"), GO, Reply("skip", "known")
    )
    assert talk.kinds == ["param", "act", "failed", "ask", "act", "act"]
    assert (end.outcome, end.now.values["service"]) == ("done", "shop")
    with stage.changelog() as changelog:
        assert changelog.run(end.now.run).steps[0].state == "done"


def test_where_nothing_was_asked_for_before_the_first_step_one_is_told_so(stage: Stage) -> None:
    _, talk = stage.run(book_of(PAGE), Reply("back"), LEAVE)
    assert talk.facts(Warned)[0].what == "this is the first step that the run came to"


def test_a_run_of_which_all_was_skipped_is_not_done_with_exit_code_0_and_proves_nothing(
    stage: Stage,
) -> None:
    book = book_of(steps(LOOK.format("echo 1"), LOOK.format("echo 2")))
    end, _ = stage.run(book, SKIP, SKIP)
    assert (end.outcome, end.reason, end.exit_code) == ("done", "every step was skipped", 3)
    with stage.changelog() as changelog:
        assert proof_of(changelog, ChangelogSettings(), "page") is None
    end, _ = stage.run(book, SKIP, GO)
    assert end.exit_code == 0
    with stage.changelog() as changelog:
        assert proof_of(changelog, ChangelogSettings(), "page") is not None
