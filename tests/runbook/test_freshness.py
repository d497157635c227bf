"""How old a runbook is, and when that is too long ago."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from opskit.config.model import ChangelogSettings
from opskit.demo.shop.history import git
from opskit.runbook.freshness import Written, freshness, proof_of, written
from tests.changelog import running
from tests.runbook.pages import book

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opskit.changelog import Changelog, RunRecord
    from opskit.runbook.model import Runbook

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
BOOK = replace(book("## 1. Look\n"), review_days=90)
SETTINGS = ChangelogSettings()


def days(number: int) -> datetime:
    return NOW - timedelta(days=number)


def committed(repository: Path, at: datetime) -> None:
    """Commit what was added, at that time."""
    person = {
        f"GIT_{role}_{what}": "ana"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    env = {**os.environ, **person, "GIT_COMMITTER_DATE": at.isoformat()}
    subprocess.run(["git", "commit", "-qm", "x"], cwd=repository, env=env, check=True)


def expired(page: Runbook, first: datetime, proof: RunRecord | None = None) -> str:
    return "; ".join(freshness(page, Written(first, NOW), proof, NOW).expired)


@pytest.fixture
def changelog(tmp_path: Path) -> Iterator[Changelog]:
    with running.people(tmp_path, "ann")[0] as opened:
        yield opened


def test_a_page_that_was_just_written_is_fresh() -> None:
    assert expired(BOOK, days(1)) == ""


def test_a_page_that_nobody_ever_followed_is_too_old_when_its_review_period_has_passed() -> None:
    page = replace(BOOK, last_reviewed_on=days(1).date())
    assert expired(page, days(90)) == ""
    assert (
        expired(page, days(91)) == "nobody has followed it to its end in 90 days, nor rehearsed it"
    )


def test_an_edit_is_no_proof(changelog: Changelog) -> None:
    page = replace(BOOK, last_reviewed_on=days(1).date())
    run = changelog.run(running.whole(changelog))
    assert expired(page, days(200), run._replace(at=days(10))) == ""
    old = run._replace(at=days(91), mode="drill")
    assert expired(page, days(200), old) == (
        "its last drill that was done is of 2026-08-27, more than 90 days ago"
    )


@pytest.mark.parametrize(
    ("reviewed", "said"),
    [
        (date(2026, 8, 28), ""),
        (date(2026, 8, 27), "its review of 2026-08-27 was good for 90 days"),
        (date(2027, 1, 1), "its review is yet to come: last_reviewed_on is 2027-01-01"),
        (None, ""),
    ],
)
def test_a_review_is_good_for_as_long_as_the_page_says(reviewed: date | None, said: str) -> None:
    assert expired(replace(BOOK, last_reviewed_on=reviewed), days(1)) == said


def test_a_page_that_asks_for_reviews_and_never_had_one_says_so() -> None:
    assert "it was never reviewed, and is more than 90 days old" in expired(BOOK, days(91))


def test_a_page_that_says_nothing_of_reviews_wants_a_run_or_a_drill_within_180_days() -> None:
    page = replace(BOOK, review_days=None)
    assert expired(page, days(180)) == ""
    assert "in 180 days" in expired(page, days(181))


def test_a_page_that_has_changed_since_it_was_followed_says_so(changelog: Changelog) -> None:
    run = changelog.run(running.whole(changelog))
    fresh = freshness(BOOK, Written(NOW, NOW), run, NOW)
    assert fresh.changed
    assert not freshness(BOOK, Written(NOW, NOW), run._replace(digest=BOOK.digest), NOW).changed


def test_only_a_run_of_the_whole_page_that_was_done_is_a_proof(changelog: Changelog) -> None:
    assert proof_of(changelog, SETTINGS, "haproxy-queue") is None
    drill = running.whole(changelog, mode="drill")
    running.whole(changelog, "failed")
    running.whole(changelog, start="drain")
    running.whole(changelog, runbook="other")
    running.begin(changelog)
    found = proof_of(changelog, SETTINGS, "haproxy-queue")
    assert found
    assert (found.id, found.mode) == (drill, "drill")


def test_when_a_file_was_written_is_what_git_says_unless_it_was_changed_since(
    tmp_path: Path,
) -> None:
    git(tmp_path, "init", "--quiet")
    folder = tmp_path / "runbooks"
    folder.mkdir()
    first, edited, new = (folder / name for name in ("first.md", "é dited.md", "new.md"))
    for at, files in ((days(9), (first, edited)), (days(5), (first,))):
        for file in files:
            file.write_text(str(at))
        git(tmp_path, "add", ".")
        committed(tmp_path, at)
    for file in (edited, new):
        file.write_text("changed")
        os.utime(file, (days(2).timestamp(),) * 2)
    found = written([first, edited, new, folder / "gone.md"])
    assert found == {
        first: Written(days(9), days(5)),
        edited: Written(days(2), days(2)),
        new: Written(days(2), days(2)),
    }


def test_without_git_the_file_system_says_when_a_file_was_written(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("x")
    os.utime(file, (days(2).timestamp(),) * 2)
    assert written([file]) == {file: Written(days(2), days(2))}
