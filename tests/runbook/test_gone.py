"""A run whose step is gone from its page is not passed over: somebody says where it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.changelog.event import RUN_STEP
from opskit.runbook import past
from opskit.runbook.talk import Reply
from tests.runbook.scripted import GO, LEAVE, YES, book_of, choose
from tests.runbook.test_resume import left_in_the_middle
from tests.runbook.test_walk import DO, LOOK, steps

if TYPE_CHECKING:
    from tests.runbook.scripted import Stage

SWAP = (
    DO.format("echo stopped >>did")
    + "\n**Confirm:** Is the disk in?\n\n"
    + DO.format("echo started >>did")
)
PAGE = steps(LOOK.format("echo 1"), SWAP)
OTHER = PAGE.replace("Step 2", "Swap a disk")


@pytest.fixture(autouse=True)
def _dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ran in this very process is taken for dead."""
    monkeypatch.setattr(past, "is_running", lambda *_: False)


def test_a_step_that_was_begun_and_is_called_otherwise_since_is_asked_about(stage: Stage) -> None:
    end, _ = stage.run(book_of(PAGE), GO, GO, LEAVE)
    end, talk = stage.resume(book_of(OTHER), end.now.run, mode="auto")
    assert (end.exit_code, talk.heard) == (3, {})
    assert "step step-2 was begun, and is no longer in the file" in end.reason
    end, talk = stage.resume(book_of(OTHER), end.now.run, choose("Swap a disk"), GO, YES, GO)
    assert (end.outcome, talk.kinds) == ("done", ["gone", "act", "confirm", "act"])
    assert (stage.folder / "did").read_text() == "stopped\nstopped\nstarted\n"


def test_what_is_gone_can_be_said_to_be_done_by_hand(stage: Stage) -> None:
    book, other = book_of(PAGE), book_of(OTHER + "\n## Last\n\n" + LOOK.format("echo last"))
    run = left_in_the_middle(stage, book, GO, GO)
    end, talk = stage.resume(other, run, Reply("mark", "I saw it"), GO, YES, GO, GO)
    assert (end.outcome, talk.kinds) == ("done", ["gone", "act", "confirm", "act", "act"])
    assert "a part of it is unknown" in talk.asked[0].text


def test_a_step_that_never_was_is_no_end(stage: Stage) -> None:
    book = book_of(PAGE)
    end, _ = stage.run(book, LEAVE)
    run = end.now.run
    with stage.changelog() as changelog:
        body = {"step": "step-1", "part": -1, "what": "went", "to": "nowhere", "how": "jump"}
        changelog.append(
            RUN_STEP, body, service="", environment="test", rollout=run, action="runbook"
        )
    end, talk = stage.resume(book, run, mode="auto")
    assert (end.exit_code, talk.heard) == (3, {})
    assert "no such step is in the file" in end.reason
    end, talk = stage.resume(book, run, choose("Step 1"), LEAVE)
    assert talk.kinds == ["gone", "act"]
