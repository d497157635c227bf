"""What was changed on hosts is put back on each of them, or what is left of it stays open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.runbook.talk import Reply, Warned
from tests.runbook.scripted import GO, book_of
from tests.runbook.test_undo import put_back
from tests.runbook.test_walk import LOOK, steps

if TYPE_CHECKING:
    from tests.runbook.scripted import Stage

FENCE = "<!-- opskit: {} -->\n```sh\n{}\n```\n"
DRAIN = FENCE.format('on=@web rollback="#restore"', "touch drained")
PAGE = steps(DRAIN, LOOK.format("echo look")) + "\n## Restore\n\n"
END = [GO, Reply("abort", "enough")]


@pytest.mark.parametrize("on", ["@web", "web01,web02"])
def test_an_undo_on_fewer_hosts_leaves_the_others_open(fleet_stage: Stage, on: str) -> None:
    book = book_of(PAGE + FENCE.format(f"on={on}", "rm -f drained"))
    fleet_stage.web = ("web01", "web02", "web03")
    end, _ = fleet_stage.run(book, *END)
    run = end.now.run
    fleet_stage.web = ("web01", "web02")
    for _ in range(2):
        end, talk = put_back(fleet_stage, book, run, GO)
        assert [owed.hosts for owed in end.now.liabilities] == [("web03",)]
        assert end.exit_code == 3
        assert any("still open: Step 1 on web03" in fact.what for fact in talk.facts(Warned))
    if on == "@web":
        fleet_stage.web = ("web03",)
        end, _ = put_back(fleet_stage, book, run, GO)
        assert (end.now.liabilities, end.exit_code) == ((), 0)


def test_a_run_that_comes_to_the_step_itself_closes_what_it_was_done_on(
    fleet_stage: Stage,
) -> None:
    fleet_stage.web = ("web01", "web02", "web03")
    book = book_of(PAGE + FENCE.format("on=web01", "rm -f drained"))
    end, _ = fleet_stage.run(book, GO, GO, GO)
    assert [owed.hosts for owed in end.now.liabilities] == [("web02", "web03")]


@pytest.mark.parametrize("restore", [FENCE.format("on=web04", "true"), FENCE.format("", "true")])
def test_what_is_undone_somewhere_else_is_undone_everywhere(
    fleet_stage: Stage, restore: str
) -> None:
    fleet_stage.web = ("web01", "web02")
    end, _ = fleet_stage.run(book_of(PAGE + restore), GO, GO, GO)
    assert end.now.liabilities == ()


def test_who_runs_it_again_where_it_failed_has_done_it_everywhere(fleet_stage: Stage) -> None:
    restore = FENCE.format(
        "on=@web", 'test "$OPSKIT_HOST" != web02 -o -e twice || { touch twice; false; }'
    )
    fleet_stage.web = ("web01", "web02")
    end, _ = fleet_stage.run(book_of(PAGE + restore), GO, GO, GO, Reply("rest"))
    assert (end.outcome, end.now.liabilities) == ("done", ())
