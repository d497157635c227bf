"""What a run has done and nobody has taken back: from the moment in which it began until somebody did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Filter
from tests.changelog import running
from tests.changelog.running import act, begin, drain, finish, people, resume, step, tell

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.changelog import Changelog


def owed(changelog: Changelog, run: str) -> list[tuple[str, str]]:
    """Give what is open of a run: the step, and the server that it was about."""
    found = changelog.run(run).liabilities
    return [(one.step, ",".join(value.value for value in one.values)) for one in found]


def about(changelog: Changelog, run: str, server: str) -> None:
    step(changelog, run, "drain", 0, "answered", kind="ask", name="server", value=server)


@pytest.mark.parametrize("outcome", ["", "done", "failed", "interrupted"])
def test_it_is_open_from_the_moment_in_which_it_began(changelog: Changelog, outcome: str) -> None:
    run = begin(changelog)
    drain(changelog, run, outcome=outcome)
    finish(changelog, run, "aborted")
    (one,) = changelog.run(run).liabilities
    assert (one.step, one.part, one.rollback, one.hosts) == ("drain", 2, "put-back", ("lb01",))
    assert (one.title, one.values) == ("Drain the slow server", (("server", "web03"),))
    assert [r.id for r in changelog.runs(Filter(owes=True))] == [run]


def test_nothing_is_owed_by_what_changes_nothing_or_cannot_be_undone_or_is_a_drill(
    changelog: Changelog,
) -> None:
    run = begin(changelog)
    drain(changelog, run, mutates=False)
    act(changelog, run, "drain", 2)
    drill = begin(changelog, mode="drill")
    drain(changelog, drill)
    assert owed(changelog, run) == owed(changelog, drill) == []


def test_the_step_that_takes_it_back_ends_it_once_all_of_that_is_done(
    changelog: Changelog,
) -> None:
    page = {**running.PAGE, "put-back": ("Put it back", (1, 2))}
    run = begin(changelog, page=page)
    drain(changelog, run)
    act(changelog, run, "put-back", 1)
    assert owed(changelog, run) == [("drain", "web03")]
    act(changelog, run, "put-back", 2, outcome="failed")
    assert owed(changelog, run) == [("drain", "web03")]
    act(changelog, run, "put-back", 2)
    assert owed(changelog, run) == []
    drain(changelog, run)
    assert owed(changelog, run) == [("drain", "web03")], "it is drained once more"


def test_what_was_skipped_takes_nothing_back(changelog: Changelog) -> None:
    run = begin(changelog)
    drain(changelog, run)
    step(changelog, run, "put-back", 1, "skipped", why="no time")
    step(changelog, run, "put-back", -1, "skipped", why="no time")
    assert owed(changelog, run) == [("drain", "web03")]


def test_to_put_back_one_server_takes_not_back_what_was_done_to_another(
    changelog: Changelog,
) -> None:
    run = begin(changelog)
    about(changelog, run, "web03")
    drain(changelog, run)
    step(changelog, run, "drain", -1, "went", to="drain", how="back")
    about(changelog, run, "web05")
    drain(changelog, run)
    assert owed(changelog, run) == [("drain", "web05"), ("drain", "web03")]
    act(changelog, run, "put-back", 1)
    assert owed(changelog, run) == [("drain", "web03")]
    step(changelog, run, "drain", 2, "undone", of="drain", rollback="put-back")
    assert owed(changelog, run) == []
    assert {each.id: each.state for each in changelog.run(run).steps}["drain"] == "undone"


@pytest.mark.parametrize(
    ("how", "to", "left"),
    [("decide", "look", 0), ("decide", "put-back", 1), ("back", "wait", 1), ("wait", "look", 1)],
)
def test_a_step_that_sends_the_run_elsewhere_by_a_decision_is_done(
    changelog: Changelog, how: str, to: str, left: int
) -> None:
    page = {**running.PAGE, "put-back": ("Put it back", (1, 2))}
    run = begin(changelog, page=page)
    drain(changelog, run)
    act(changelog, run, "put-back", 1)
    step(changelog, run, "put-back", 2, "went", to=to, how=how, value="there")
    assert len(owed(changelog, run)) == left


@pytest.mark.parametrize("part", [2, -1])
def test_somebody_says_with_a_reason_that_it_is_none(changelog: Changelog, part: int) -> None:
    run = begin(changelog)
    drain(changelog, run)
    step(changelog, run, "drain", part, "cleared", why="the server is gone")
    assert owed(changelog, run) == []


def test_a_colleague_takes_it_back_after_the_run_was_given_up(tmp_path: Path) -> None:
    ana, ben = people(tmp_path, "ana", "ben")
    run = begin(ana)
    drain(ana, run)
    finish(ana, run, "aborted")
    tell(ana, ben)
    resume(ben, run, undo=True)
    step(ben, run, "drain", 2, "undone", of="drain", rollback="put-back")
    finish(ben, run, "aborted")
    tell(ben, ana)
    record = ana.run(run)
    assert (record.liabilities, record.outcome) == ((), "aborted")
    assert [(goer.actor, goer.undo) for goer in record.resumed] == [("ben@laptop", True)]
    ana.close()
    ben.close()


def test_nobody_says_for_another_that_a_run_owes_nothing(tmp_path: Path) -> None:
    ana, ben, eve = people(tmp_path, "ana", "ben", "eve")
    mine, theirs = begin(ana), begin(ana)
    drain(ana, mine)
    finish(ana, mine, "aborted", owes=1)
    tell(ana, ben, eve)
    finish(eve, mine, "done", owes=0)  # who has not gone on with it
    resume(ben, theirs)
    drain(ben, theirs)  # while ana, who has not heard of it, ends the run
    finish(ana, theirs, "aborted", owes=0)
    tell(ben, ana)
    tell(eve, ana)
    tell(ana, ben)
    for each in (ana, ben):
        assert {run.id for run in each.runs(Filter(owes=True))} == {mine, theirs}
        assert [len(each.run(run).liabilities) for run in (mine, theirs)] == [1, 1]
    for each in (ana, ben, eve):
        each.close()


def test_a_run_whose_end_says_that_it_owes_nothing_is_looked_through_no_more_until_it_goes_on(
    changelog: Changelog,
) -> None:
    run = begin(changelog)
    drain(changelog, run)
    owing = [r.id for r in changelog.runs(Filter(owes=True))]
    act(changelog, run, "put-back", 1)
    finish(changelog, run, owes=0)
    paid = [r.id for r in changelog.runs(Filter(owes=True))]
    resume(changelog, run)
    again = [r.id for r in changelog.runs(Filter(owes=True))]
    assert (owing, paid, again) == ([run], [], [run])
    finish(changelog, run, owes=False)
    assert changelog.runs(Filter(owes=True)), "only a number is one"
    assert changelog.verify() == []
