"""How old a runbook is: when somebody last followed it to its end, reviewed it, and wrote it; and when that is too long ago."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from opskit.changelog import Filter
from opskit.changelog.records import NOT_REACHED
from opskit.changelog.runrecords import DRILL, SKIPPED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from opskit.changelog import Changelog, RunRecord
    from opskit.config.model import ChangelogSettings
    from opskit.runbook.model import Runbook

USUAL_DAYS = 180
"""For how long a run or a drill proves a page that does not say `review_in`."""
MOST = 20
"""Runs that are looked at to find a good one."""


@dataclass(frozen=True, slots=True)
class Written:
    """When a file was first and last written: by the commits that git has, else as the file system says."""

    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old a runbook is. `proof` is the last run or drill of the whole page that was done, None if there was none.

    `changed`: the page is not the one that was followed then. `days` is how long review and proof are good for; `expired` says what is too long ago,
    nothing if all is fresh.
    """

    written: Written
    days: int
    proof: RunRecord | None = None
    reviewed: date | None = None
    changed: bool = False
    expired: tuple[str, ...] = ()


def freshness(
    book: Runbook, written: Written, proof: RunRecord | None, now: datetime
) -> Freshness:
    """Give how old a runbook is by now."""
    days = book.review_days or USUAL_DAYS
    return Freshness(
        written, days, proof, book.last_reviewed_on,
        changed=proof is not None and proof.digest != book.digest,
        expired=(*_reviewed(book, written, now), *_proven(written, proof, days, now)),
    )  # fmt: skip


def proof_of(changelog: Changelog, settings: ChangelogSettings, runbook: str) -> RunRecord | None:
    """Give the last run or drill of a runbook that went from its first step to its end; not one that skipped all of them, or whose signature was revoked.

    Raises ChangelogError.
    """
    found = changelog.runs(Filter(runbook=runbook, outcome="done", limit=MOST))
    judged = changelog.judged(found, settings)
    good = (run for run in judged if not run.start and run.standing != "revoked")
    return next((run for run in good if _did_something(changelog.run(run.id))), None)


def _did_something(run: RunRecord) -> bool:
    states = {step.state for step in run.steps}
    return SKIPPED not in states or bool(states - {SKIPPED, NOT_REACHED})


def written(files: Sequence[Path]) -> Mapping[Path, Written]:
    """Give when files were written; those that are not there are left out."""
    from opskit.rollout.git import committed

    known = {folder: committed(folder) for folder in {file.parent for file in files}}
    found: dict[Path, Written] = {}
    for file in files:
        if times := known[file.parent].get(file.name):
            found[file] = Written(*(datetime.fromtimestamp(at, UTC) for at in times))
        elif (at := _modified(file)) is not None:
            found[file] = Written(at, at)
    return found


def in_words(proof: RunRecord) -> str:
    """Give what kind of proof a run is: `run`, or `drill`."""
    return DRILL if proof.mode == DRILL else "run"


def _reviewed(book: Runbook, written: Written, now: datetime) -> Iterator[str]:
    """Say that a review is too long ago, where the page asks for one, or says that there was one."""
    last, days = book.last_reviewed_on, book.review_days
    if last and last > now.astimezone().date():
        yield f"its review is yet to come: last_reviewed_on is {last}"
    elif last and (now.date() - last).days > (days or USUAL_DAYS):
        yield f"its review of {last} was good for {days or USUAL_DAYS} days"
    elif last is None and days and (now - written.first).days > days:
        yield f"it was never reviewed, and is more than {days} days old"


def _proven(written: Written, proof: RunRecord | None, days: int, now: datetime) -> Iterator[str]:
    if proof is None and (now - written.first).days > days:
        yield f"nobody has followed it to its end in {days} days, nor rehearsed it"
    elif proof is not None and (now - proof.at).days > days:
        yield f"its last {in_words(proof)} that was done is of {proof.at:%Y-%m-%d}, more than {days} days ago"


def _modified(file: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except (OSError, ValueError, OverflowError):
        return None
