"""Two people go on with one run in the same seconds, each on a laptop of one's own: one of them does it, whenever they hear of each other."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from opskit.config.secret import Redactor
from opskit.errors import LockedError
from opskit.runbook import past
from opskit.runbook.folding import fold
from opskit.runbook.past import demand_free
from opskit.runbook.record import Record
from opskit.runbook.resume import abort
from opskit.runbook.talk import Reply
from tests.changelog.running import people, tell
from tests.runbook.scripted import GO, Scripted, book_of
from tests.runbook.test_walk import DO, steps
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opskit.changelog import Changelog, Event
    from opskit.runbook.talk import Question
    from tests.runbook.scripted import Stage

BOOK = book_of(steps(DO.format("touch a")))


@pytest.fixture
def team(tmp_path: Path) -> Iterator[list[Changelog]]:
    made = people(tmp_path, "cleo", "ana", "ben")
    yield made
    for each in made:
        each.close()


def record(changelog: Changelog, run: str, *, earlier: tuple[Event, ...] = ()) -> Record:
    return Record(
        BOOK, changelog, run=run, environment="test", redactor=Redactor,
        earlier=earlier, reload=lambda: changelog.run(run).events,
    )  # fmt: skip


def left(team: list[Changelog]) -> str:
    """Give a run that cleo began and left, which all know."""
    cleo, ana, ben = team
    run = cleo.new_run_id()
    one = record(cleo, run)
    one.start(mode="run", start="", params={}, secrets=[], incident="", why="")
    one.finish("suspended", "left")
    tell(cleo, ana, ben)
    return run


def gone_on(changelog: Changelog, run: str) -> Record:
    one = record(changelog, run, earlier=changelog.run(run).events)
    one.resume(changed=[])
    said = one.events[-1].header.ts
    until(
        lambda: time.time_ns() // 1_000_000 > said,
        what="a millisecond, so that whoever comes next is later",
    )
    return one


def test_of_two_who_went_on_at_once_the_later_is_refused_whoever_hears_of_it_first(
    team: list[Changelog],
) -> None:
    _, ana, ben = team
    run = left(team)
    first, later = gone_on(ana, run), gone_on(ben, run)
    first.demand_ours()
    tell(ana, ben)
    with pytest.raises(LockedError, match="taken over by ana"):
        later.demand_ours()
    tell(ben, ana)
    first.demand_ours()
    first.step("step-1", 0, "began", hosts=["local"], mutates=True, rollback="")
    tell(ana, ben)
    now = fold(BOOK.steps, ben.run(run).events)
    assert [(runner.actor, runner.lost) for runner in now.runners] == [
        ("cleo@laptop", False), ("ana@laptop", False), ("ben@laptop", True),
    ]  # fmt: skip
    with pytest.raises(LockedError, match="ana@laptop was at run"):
        demand_free(ben, now)
    first.finish("done", "")
    tell(ana, ben)
    assert ben.run(run).outcome == "done"


def test_who_was_first_and_is_heard_of_late_goes_on_and_the_other_one_stops(
    team: list[Changelog],
) -> None:
    _, ana, ben = team
    run = left(team)
    first, later = gone_on(ana, run), gone_on(ben, run)
    later.demand_ours()  # the upstream has not got what ana says yet
    tell(ben, ana)
    first.demand_ours()
    tell(ana, ben)
    with pytest.raises(LockedError, match="taken over by ana"):
        later.demand_ours()


def test_who_gives_a_run_up_in_the_moment_in_which_another_goes_on_with_it_does_not(
    team: list[Changelog],
) -> None:
    _, ana, ben = team
    run = left(team)
    known = ben.run(run).events
    first = gone_on(ana, run)
    ben.look = lambda: tell(ana, ben)
    with pytest.raises(LockedError, match="taken over by ana"):
        abort(BOOK, ben, events=known, environment="test", why="enough", redactor=Redactor)
    tell(ben, ana)
    assert ana.run(run).outcome == ben.run(run).outcome == "running"
    first.demand_ours()


def test_who_takes_a_run_over_knowing_who_is_at_it_has_it(team: list[Changelog]) -> None:
    _, ana, ben = team
    run = left(team)
    first = gone_on(ana, run)
    tell(ana, ben)
    later = gone_on(ben, run)
    tell(ben, ana)
    later.demand_ours()
    with pytest.raises(LockedError, match="taken over by ben"):
        first.demand_ours()


@pytest.mark.parametrize("reply", [GO, Reply("skip", "not today"), Reply("abort", "enough")])
def test_who_began_a_run_that_was_taken_over_does_and_says_nothing_more_in_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, reply: Reply
) -> None:
    book = book_of(steps(DO.format("echo drained >>did")))
    seen: list[int] = []

    class TakenOver(Scripted):
        """Ben goes on with it while ana is asked."""

        def ask(self, question: Question) -> Reply:
            monkeypatch.setattr(past, "is_running", lambda *_: False)
            run = stage.events()[0].header.rollout
            end, _ = stage.resume(book, run, GO, actor="ben", take_over=True)
            assert end.outcome == "done"
            seen.append(len(stage.events(run)))
            return super().ask(question)

    with pytest.raises(LockedError, match="was taken over by ben"):
        stage.run(book, talk=TakenOver([reply]))
    assert (stage.folder / "did").read_text() == "drained\n"
    assert seen == [len(stage.events())]
