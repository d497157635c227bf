"""Where people sign, a yes counts only if somebody vouches for it, and that one vouches for none of those who run it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog
from opskit.changelog.enrolling import revoke
from tests.changelog.running import approve, begin, drain, finish, resume, step, tell

if TYPE_CHECKING:
    from opskit.changelog.runrecords import Approval
    from tests.changelog.team import Team


def said(team: Team, run: str, *, by: str = "ann") -> list[Approval]:
    """Give who said yes, as one laptop judges it once it knows all."""
    for other in team.laptops.values():
        tell(other, team.laptop(by))
    mine = team.laptop(by)
    (record,) = mine.judged([mine.run(run)], team.settings, whole=True)
    return list(record.approvals)


@pytest.fixture
def run(team: Team) -> str:
    """A run that ann, who is enrolled, began, and of which the others know."""
    team.enroll("ann")
    name = begin(team.laptop("ann"))
    for other in ("bob", "eve"):
        tell(team.laptop("ann"), team.laptop(other))
    return name


def test_a_yes_of_somebody_else_counts_once_somebody_vouches_for_it(team: Team, run: str) -> None:
    approve(team.laptop("bob"), run, "drain")
    team.enroll("bob")
    approve(team.laptop("bob"), run, "drain", 2)
    before, after = said(team, run)
    assert (before.counts, before.standing) == (False, "unattested")
    assert before.doubt == "nobody had signed for its writer"
    assert (after.counts, after.standing, after.principal) == (True, "attested", "bob@example.com")


def test_a_second_laptop_and_another_name_make_nobody_somebody_else(team: Team, run: str) -> None:
    other = team.folder / "other" / "changelog.db"
    team.laptops["bob2"] = Changelog(other, actor="bob@laptop")
    team.enroll("bob2", key="ann")
    tell(team.laptop("ann"), team.laptop("bob2"))
    approve(team.laptop("bob2"), run, "drain")
    (yes,) = said(team, run)
    assert yes.actor == "bob@laptop"
    assert (yes.counts, yes.principal) == (False, "ann@example.com")


def test_a_yes_from_a_stolen_laptop_counts_no_more(team: Team, run: str) -> None:
    team.enroll("bob")
    approve(team.laptop("bob"), run, "drain")
    assert [yes.counts for yes in said(team, run)] == [True]
    thief = team.laptop("bob").me().writer.hex()
    revoke(team.laptop("ann"), thief, last_seq=0, why="it was stolen")
    assert [(yes.counts, yes.standing) for yes in said(team, run)] == [(False, "revoked")]


def test_what_nobody_vouches_for_in_a_run_is_told_on_its_page(team: Team, run: str) -> None:
    eve = team.laptop("eve")
    resume(eve, run)
    drain(eve, run)
    tell(eve, team.laptop("ann"))
    mine = team.laptop("ann")
    (record,) = mine.judged([mine.run(run)], team.settings, whole=True)
    assert (record.standing, record.principal) == ("attested", "ann@example.com")
    assert len(record.doubts) == 3
    assert all(
        "is unattested: nobody had signed for its writer" in doubt for doubt in record.doubts
    )


def test_what_a_thief_did_in_a_run_does_not_count_once_the_laptop_is_revoked(
    team: Team, run: str
) -> None:
    ann, thief = team.laptop("ann"), team.laptop("bob")
    team.enroll("bob")
    drain(ann, run)
    tell(ann, thief)
    resume(thief, run)
    step(thief, run, "drain", 2, "cleared", why="nothing to see here")
    finish(thief, run, "done")
    tell(thief, ann)
    assert (ann.run(run).outcome, ann.run(run).liabilities) == ("done", ())
    revoke(ann, thief.me().writer.hex(), last_seq=1, why="it was stolen")
    (record,) = ann.judged([ann.run(run)], team.settings, whole=True)
    assert (record.outcome, record.resumed) == ("unfinished", ())
    assert [one.step for one in record.liabilities] == ["drain"]
    assert len(record.strange) == len(record.doubts) == 3
    assert (record.standing, record.principal) == ("attested", "ann@example.com")


def test_a_run_that_a_thief_began_is_marked_as_such(team: Team) -> None:
    team.enroll("ann")
    ann, thief = team.laptop("ann"), team.laptop("eve")
    run = begin(thief)
    tell(thief, ann)
    revoke(ann, thief.me().writer.hex(), last_seq=0, why="it was stolen")
    (record,) = ann.judged([ann.run(run)], team.settings, whole=True)
    assert (record.standing, record.runbook) == ("revoked", "haproxy-queue")
