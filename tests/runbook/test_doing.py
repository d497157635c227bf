"""What is asked before a command is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.runbook.scripted import book_of, say
from tests.runbook.test_walk import DO, steps

if TYPE_CHECKING:
    from tests.runbook.scripted import Stage


def test_a_confirm_below_a_command_takes_no_caution_from_it(stage: Stage) -> None:
    caution = "> [!CAUTION]\n> This deletes.\n\n"
    page = steps(caution + DO.format("touch gone") + "\n**Confirm:** Is it gone?\n")
    end, _ = stage.run(book_of(page), mode="auto")
    assert (end.exit_code, (stage.folder / "gone").exists()) == (3, False)
    end, talk = stage.run(book_of(page), say("step-1"), say("step-1"))
    assert (end.outcome, talk.kinds) == ("done", ["caution", "caution"])
