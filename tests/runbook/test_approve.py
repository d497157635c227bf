"""Two people approve, never the one who runs it; and a yes is one to the steps that were there then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.config.model import ChangelogSettings
from opskit.errors import RefusedError
from opskit.runbook.approve import approve
from opskit.runbook.past import events_of
from opskit.runbook.talk import Warned
from tests.runbook.scripted import GO, LEAVE, book_of
from tests.runbook.test_undo import DRAINS, PAGE, put_back
from tests.runbook.test_walk import DO, steps

if TYPE_CHECKING:
    from tests.runbook.scripted import Stage

APPROVED = steps("**Approve:** Somebody of infra.\n\n" + DO.format("touch made"))
ASKED = "**Approve:** May staging be restarted?\n"


def approved_by_ben(stage: Stage, run: str) -> None:
    """Have somebody else say yes on a laptop of their own."""
    lines: list[str] = []
    with stage.changelog() as changelog:
        changelog.export(lines.append)
    with stage.changelog("ben", state="laptop-of-ben") as theirs:
        theirs.take_in(lines)
        approve(theirs, theirs.run(run).events, why="looks right")
        back: list[str] = []
        theirs.export(back.append)
    with stage.changelog() as changelog:
        changelog.take_in(back)
        counted = events_of(changelog, changelog.run(run), ChangelogSettings())
        assert "run.approved" in [event.header.kind for event in counted]


def test_an_approve_step_waits_for_somebody_else(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = book_of(APPROVED)
    end, talk = stage.run(book)
    assert (end.outcome, end.exit_code, talk.asked) == ("suspended", 3, [])
    run = end.now.run
    end, _ = stage.resume(book, run)
    assert "approval" in end.reason
    for actor, said in (("ana", "who runs it"), ("ben", "who runs it")):
        monkeypatch.setenv("OPSKIT_ACTOR", actor)  # ben writes from ana's laptop
        with stage.changelog(actor) as changelog, pytest.raises(RefusedError, match=said):
            approve(changelog, changelog.run(run).events, why="looks right")
    approved_by_ben(stage, run)
    end, talk = stage.resume(book, run, GO)
    assert (end.outcome, talk.kinds) == ("done", ["act"])
    assert (stage.folder / "made").exists()


def test_a_run_that_waits_for_nothing_is_not_approved(stage: Stage) -> None:
    book = book_of(PAGE)
    end, _ = stage.run(book, LEAVE)
    with (
        stage.changelog("ben") as changelog,
        pytest.raises(RefusedError, match="waits for nobody"),
    ):
        approve(changelog, changelog.run(end.now.run).events, why="")


def test_a_yes_to_other_steps_counts_no_more(stage: Stage) -> None:
    book = book_of(steps(ASKED, DO.format("echo staging")))
    other = book_of(steps(ASKED, DO.format("echo production")))
    end, _ = stage.run(book, mode="auto")
    run = end.now.run
    approved_by_ben(stage, run)
    end, talk = stage.resume(other, run, mode="auto")
    assert (end.exit_code, talk.heard) == (3, {})
    assert "have changed in the file since ben said yes" in talk.facts(Warned)[0].what
    assert "waits for somebody else's approval" in end.reason
    approved_by_ben(stage, run)
    end, talk = stage.resume(other, run, mode="auto")
    assert (end.outcome, talk.heard["local"]) == ("done", b"production\n")


def test_what_is_changed_behind_a_yes_that_was_taken_is_told_and_stops_auto(stage: Stage) -> None:
    last = "\n## Last\n\n"
    book = book_of(steps(ASKED, DO.format("echo a")) + last + DO.format("echo staging"))
    other = book_of(steps(ASKED, DO.format("echo a")) + last + DO.format("echo production"))
    end, _ = stage.run(book)
    run = end.now.run
    approved_by_ben(stage, run)
    end, _ = stage.resume(book, run, GO, LEAVE)
    end, talk = stage.resume(other, run, mode="auto")
    assert (end.exit_code, talk.heard) == (3, {})
    assert end.reason == "a person must say: not as it was when somebody approved it: Last"
    end, talk = stage.resume(other, run, GO, GO)
    assert (end.outcome, talk.kinds) == ("done", ["changed", "act"])


def test_what_is_put_back_meanwhile_takes_nobody_the_question(stage: Stage) -> None:
    page = (
        steps(DRAINS.format("back", "echo 1 >>log"), ASKED) + "\n## Back\n\n" + DO.format("true")
    )
    book = book_of(page)
    end, _ = stage.run(book, GO)
    run = end.now.run
    end, _ = put_back(stage, book, run, GO, actor="ana")
    assert (end.outcome, end.now.liabilities) == ("suspended", ())
    approved_by_ben(stage, run)
    end, talk = stage.resume(book, run, GO, GO)  # what was put back is done anew
    assert (end.outcome, talk.kinds) == ("done", ["act", "act"])
