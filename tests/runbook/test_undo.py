"""What a run left open is put back in reverse order, by anybody; two people approve, never the one who runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.errors import UnknownNameError
from opskit.runbook import undo as undoing
from opskit.runbook.talk import Reply, Shown
from tests.runbook.scripted import GO, LEAVE, Scripted, book_of, say, whats
from tests.runbook.test_walk import DO, LOOK, steps

if TYPE_CHECKING:
    from opskit.runbook.model import Runbook
    from opskit.runbook.walk import End
    from tests.runbook.scripted import Stage

DRAINS = '<!-- opskit: local rollback="#{}" -->\n```sh\n{}\n```\n'
PAGE = (
    steps(
        DRAINS.format("back-1", "touch one; echo 1 >>log"),
        DRAINS.format("back-2", "touch two; echo 2 >>log"),
        "**Confirm:** Is it well?\n",
    )
    + "\n## Back 1\n\n" + DO.format("rm one; echo -1 >>log")
    + "\n## Back 2\n\n" + DO.format("rm two; echo -2 >>log")
)  # fmt: skip


def put_back(
    stage: Stage, book: Runbook, run: str, *replies: Reply, actor: str = "ben"
) -> tuple[End, Scripted]:
    talk = Scripted([*replies])
    with stage.reopened(book, run, talk, actor=actor, undo=True) as walk:
        end = undoing.undo(walk)
    stage.demand_agreed(book, run)
    return end, talk


def left_open(stage: Stage, book: Runbook) -> str:
    end, _ = stage.run(book, GO, GO, Reply("abort", "not today"))
    assert [owed.step for owed in end.now.liabilities] == ["step-1", "step-2"]
    return end.now.run


def log(stage: Stage) -> list[str]:
    return (stage.folder / "log").read_text().split()


def test_anybody_puts_back_in_reverse_order_what_was_shown_first(stage: Stage) -> None:
    book = book_of(PAGE)
    run = left_open(stage, book)
    end, talk = put_back(stage, book, run, GO, GO)
    assert [fact.action.text.strip() for fact in talk.facts(Shown)] == [
        "rm two; echo -2 >>log",
        "rm one; echo -1 >>log",
    ]
    assert log(stage) == ["1", "2", "-2", "-1"]
    assert (end.outcome, end.exit_code, end.now.liabilities) == ("aborted", 0, ())
    assert "undone" in whats(stage.events())
    assert end.reason == "not today; since then: put back"
    assert put_back(stage, book, run)[0].reason == end.reason


def test_what_is_skipped_stays_open_and_what_is_none_is_cleared(stage: Stage) -> None:
    book = book_of(PAGE)
    run = left_open(stage, book)
    end, _ = put_back(stage, book, run, Reply("skip", "later"), Reply("mark", "the host is gone"))
    assert [owed.step for owed in end.now.liabilities] == ["step-2"]
    assert end.exit_code == 3
    assert log(stage) == ["1", "2"]
    with stage.reopened(book, run, Scripted([]), undo=True) as walk:
        assert undoing.clear(walk, "2", "the host is gone, too").now.liabilities == ()
    with (
        stage.reopened(book, run, Scripted([]), undo=True) as walk,
        pytest.raises(UnknownNameError, match="nothing of step"),
    ):
        undoing.clear(walk, "2", "again")


def test_whoever_leaves_it_has_undone_what_is_undone(stage: Stage) -> None:
    book = book_of(PAGE)
    run = left_open(stage, book)
    end, _ = put_back(stage, book, run, GO, LEAVE)
    assert (end.exit_code, [owed.step for owed in end.now.liabilities]) == (
        130,
        ["step-1"],
    ) or end.exit_code == 3
    assert log(stage) == ["1", "2", "-2"]


def test_a_run_that_was_suspended_goes_on_at_what_was_undone(stage: Stage) -> None:
    book = book_of(PAGE)
    end, _ = stage.run(book, GO, GO, LEAVE)
    run = end.now.run
    put_back(stage, book, run, GO, Reply("skip", "not this one"))
    end, talk = stage.resume(book, run, LEAVE)
    assert (end.now.step, talk.kinds) == ("step-2", ["act"])


def test_each_is_put_back_with_the_values_of_its_own_moment(stage: Stage) -> None:
    page = (
        "## Drain\n\n**Ask:** `server` - Which?\n\n" + DRAINS.format("put-back", 'echo "$server" >>out')
        + "\n**Decide:** Another? [Yes](#drain) or go on.\n"
        + "\n## Look\n\n" + LOOK.format("cat out") + "\n## Put back\n\n" + DO.format('echo "-$server" >>out')
    )  # fmt: skip
    book = book_of(page)
    again = Reply("choice", "Yes")
    end, _ = stage.run(
        book,
        say("web01"),
        GO,
        again,
        say("web02"),
        GO,
        Reply("choice", "go on with what follows"),
        Reply("abort", "x"),
    )
    assert [owed.values["server"] for owed in end.now.liabilities] == ["web01", "web02"]
    end, _ = put_back(stage, book, end.now.run, GO, Reply("skip", "later"))
    assert [owed.values["server"] for owed in end.now.liabilities] == ["web01"]
    end, _ = put_back(stage, book, end.now.run, GO)
    assert (stage.folder / "out").read_text().split() == ["web01", "web02", "-web02", "-web01"]
    assert end.now.liabilities == ()


def test_what_is_answered_while_something_is_put_back_counts_for_it(stage: Stage) -> None:
    page = (
        "## Drain\n\n" + DRAINS.format("put-back", "echo drained >>out")
        + "\n## Put back\n\n**Ask:** `how` - How?\n\n" + DO.format('echo "$how" >>out')
    )  # fmt: skip
    book = book_of(page)
    end, _ = stage.run(book, GO, LEAVE)
    end, _ = put_back(stage, book, end.now.run, GO, say("slowly"))
    assert (stage.folder / "out").read_text().split() == ["drained", "slowly"]
    assert end.now.liabilities == ()


@pytest.mark.parametrize("where", ["look", "drain"])
def test_what_is_put_back_by_a_step_that_ends_with_a_decision_is_undone(
    stage: Stage, where: str
) -> None:
    page = (
        "## Drain\n\n**Ask:** `name` - Which?\n\n" + DRAINS.format("put-back", "echo $name >>out")
        + "\n**Decide:** Another? [Yes](#drain) or go on.\n"
        + "\n## Put back\n\n" + DO.format('echo "-$name" >>out')
        + f"\n**Decide:** Well? [There](#{where}) or go on.\n\n## Look\n\n" + LOOK.format("cat out")
    )  # fmt: skip
    book, on = book_of(page), Reply("choice", "go on with what follows")
    end, _ = stage.run(
        book, say("a"), GO, Reply("choice", "Yes"), say("b"), GO, on, Reply("abort", "x")
    )
    run = end.now.run
    end, _ = put_back(stage, book, run, GO, Reply("choice", "There"), Reply("skip", "later"))
    assert [owed.values["name"] for owed in end.now.liabilities] == ["a"]
    end, _ = put_back(stage, book, run, GO, Reply("choice", "There"))
    assert (end.now.liabilities, end.exit_code) == ((), 0)
    assert whats(stage.events()).count("undone") == 2


def test_what_is_open_is_told_by_its_values(stage: Stage) -> None:
    drain = "**Ask:** `server` - Which?\n\n" + DRAINS.format("restore", "echo $server")
    book = book_of(steps(drain) + "\n## Restore\n\n" + DO.format('echo "back $server"'))
    back = Reply("back")
    end, _ = stage.run(book, say("web01"), GO, back, say("web02"), GO, Reply("abort", "enough"))
    told = [undoing.with_values(book, owed) for owed in end.now.liabilities]
    assert told == [" with server=web01", " with server=web02"]
    _, talk = put_back(stage, book, end.now.run)
    assert talk.asked[0].text.startswith("Step 1 with server=web02, by ana")
