"""What puts things back does not wait for a record of it; and says that there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.errors import ChangelogError
from opskit.runbook import undo as undoing
from opskit.runbook.record import Record
from opskit.runbook.talk import Warned
from tests.runbook.scripted import GO, Scripted, book_of, whats
from tests.runbook.test_undo import PAGE, left_open, log

if TYPE_CHECKING:
    from tests.runbook.scripted import Stage


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_an_undo_whose_record_fails_puts_back_all_the_same_once_and_says_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    book = book_of(PAGE)
    run = left_open(stage, book)
    talk = Scripted([GO, GO])
    count = after

    def full(self: Record, *how: object) -> object:
        nonlocal count
        count -= 1
        if count < 0:
            raise ChangelogError("the disk is full")
        return real(self, *how)  # type: ignore[arg-type]

    real = Record._write
    with stage.reopened(book, run, talk, actor="ben", undo=True) as walk:
        monkeypatch.setattr(Record, "_write", full)
        end = undoing.undo(walk)
    assert log(stage) == ["1", "2", "-2", "-1"]
    assert (end.exit_code, end.now.liabilities) == (1, ())
    assert "not in the changelog: the disk is full" in talk.facts(Warned)[-1].what


def test_what_could_not_be_written_is_written_as_soon_as_it_can(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = book_of(PAGE)
    run = left_open(stage, book)
    before = len(stage.events(run))
    real, fails = Record._write, [True] * 3

    def full(self: Record, *how: object) -> object:
        if fails:
            fails.pop()
            raise ChangelogError("the disk is full")
        return real(self, *how)  # type: ignore[arg-type]

    with stage.reopened(book, run, Scripted([GO, GO]), undo=True) as walk:
        monkeypatch.setattr(Record, "_write", full)
        end = undoing.undo(walk)
    assert (end.exit_code, end.now.liabilities) == (0, ())
    told = ["resumed", "went undo", "began", "ended done", "undone"]
    assert whats(stage.events(run))[before : before + 5] == told
    assert stage.now(book, run).liabilities == ()


def test_what_cannot_be_cleared_in_the_changelog_is_not_cleared(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = book_of(PAGE)
    run = left_open(stage, book)

    def full(_self: Record, *_how: object) -> object:
        raise ChangelogError("the disk is full")

    with stage.reopened(book, run, Scripted([]), undo=True) as walk:
        monkeypatch.setattr(Record, "_write", full)
        with pytest.raises(ChangelogError, match="full"):
            undoing.clear(walk, "step-1", "gone")
