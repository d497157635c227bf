"""A part of a step may send the run to another one: a decision, a wait in vain. It is over by that, in the same event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.runbook.resume import reopen
from opskit.runbook.talk import Reply
from tests.runbook.scripted import GO, LEAVE, Scripted, book_of, choose
from tests.runbook.test_walk import DO, DRAIN, LOOK, steps

if TYPE_CHECKING:
    from tests.runbook.scripted import Stage


def test_a_step_that_ends_with_a_decision_is_done_by_it(stage: Stage) -> None:
    page = (
        steps(DRAIN.format("touch drained"))
        + "\n## Put it back\n\n" + DO.format("rm drained")
        + "\n**Decide:** Is it well? [Look again](#step-9), [once more](#put-it-back), [over](#1-step-1).\n"
        + "\n## Write\n\n" + DO.format("touch written")
        + "\n## 9. Step 9\n\n" + LOOK.format("date")
    )  # fmt: skip
    end, _ = stage.run(book_of(page), GO, GO, choose("Look again"), LEAVE)
    assert end.now.of("put-it-back", 1).value == "Look again"
    assert end.now.liabilities == ()
    with stage.changelog() as changelog:
        (record,) = changelog.runs()
        told = {step.id: step.state for step in changelog.run(record.id).steps}
    assert told == {"step-1": "done", "put-it-back": "done", "write": "not reached", "step-9": "not reached"}  # fmt: skip
    end, _ = stage.run(book_of(page), GO, GO, choose("over"), LEAVE)
    assert (end.now.step, end.now.liabilities) == ("step-1", ())
    end, _ = stage.run(book_of(page), GO, GO, choose("once more"), LEAVE)
    assert (end.now.step, len(end.now.liabilities)) == ("put-it-back", 1), "it is to be done anew"


def test_where_it_was_waited_in_vain_nothing_is_left_to_do_and_nothing_is_taken_for_undone(
    stage: Stage,
) -> None:
    look = "<!-- opskit: local mutates=no capture=state -->\n```sh\necho DOWN\n```\n"
    wait = (
        "\n**Wait:** until `state` is UP, every 1s, at most 1s, else go to [Escalate](#escalate)\n"
    )
    page = (
        steps(DRAIN.format("touch drained"))
        + "\n## Put it back\n\n" + DO.format("rm drained") + "\n" + look + wait
        + "\n## Escalate\n\n" + LOOK.format("date")
    )  # fmt: skip
    end, _ = stage.run(book_of(page), GO, GO, GO, Reply("abort", "called Ben"))
    assert (end.outcome, len(end.now.liabilities)) == ("aborted", 1)
    with stage.changelog() as changelog:
        told = {s.id: s.state for s in changelog.run(end.now.run).steps}
    assert told["put-it-back"] == "done"


def test_a_run_that_died_before_it_went_where_a_wait_sends_it_goes_there(stage: Stage) -> None:
    look = "<!-- opskit: local mutates=no capture=state -->\n```sh\necho DOWN\n```\n"
    wait = (
        "\n**Wait:** until `state` is UP, every 1s, at most 1s, else go to [Escalate](#escalate)\n"
    )
    page = steps(look + wait, DO.format("touch two")) + "\n## Escalate\n\n" + LOOK.format("date")
    book = book_of(page)
    stage.run(book, GO, LEAVE)
    events = stage.events()
    went = next(n for n, e in enumerate(events) if e.body.get("how") == "wait")
    with stage.changelog() as changelog, stage.hands() as hands:
        walk = reopen(
            book, changelog, hands, Scripted([GO]), events=events[:went], environment="test", written=False
        )  # fmt: skip
        assert walk.go().outcome == "done"
    assert not (stage.folder / "two").exists()
