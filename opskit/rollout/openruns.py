"""Runs of runbooks that are not over, and what runs left that somebody has yet to take back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.changelog import Filter

if TYPE_CHECKING:
    from opskit.changelog import Changelog, RunRecord
    from opskit.config.model import ChangelogSettings

RUNNING, UNFINISHED, SUSPENDED = "running", "unfinished", "suspended"
MOST = 200
"""Runs that are looked at: those that are not over, and the newest that may have left something to be taken back."""


def open_runs(
    changelog: Changelog,
    environment: str,
    service: str = "",
    *,
    settings: ChangelogSettings,
) -> tuple[RunRecord, ...]:
    """Give the runs in an environment that are under way, open or owe something, the newest first; of one service if it is named.

    What was revoked in them does not count, by the files that `settings` name. What one of those left before which there are `MOST` newer ones that could owe something is not found. Raises ChangelogError.
    """
    wanted = Filter(environment=environment, limit=MOST)
    outcomes = (RUNNING, UNFINISHED, SUSPENDED)
    found = {
        record.id: record
        for each in (*(wanted._replace(outcome=o) for o in outcomes), wanted._replace(owes=True))
        for record in changelog.runs(each)
        if service in ("", *record.services)
    }
    judged = changelog.judged(found.values(), settings, whole=True)
    left = (r for r in judged if r.is_open or r.liabilities or r.outcome == RUNNING)
    return tuple(sorted(left, key=lambda record: record.at, reverse=True))


def is_well(run: RunRecord) -> bool:
    """Tell whether nobody has to look after a run: it is under way, or waits for somebody and owes nothing."""
    return run.outcome == RUNNING or (run.outcome == SUSPENDED and not run.liabilities)
