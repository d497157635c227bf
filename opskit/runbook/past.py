"""A run as the changelog has it, the right events in their order, and whether whoever ran it last still does."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.changelog import this_machine
from opskit.changelog.body import text
from opskit.changelog.event import RUN_APPROVED
from opskit.changelog.machine import is_running
from opskit.changelog.signing import held_writers
from opskit.errors import LockedError
from opskit.runbook.progress import OPEN
from opskit.runbook.shelf import FOLDER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.changelog import Changelog, Event
    from opskit.changelog.runrecords import RunRecord
    from opskit.config.model import ChangelogSettings
    from opskit.runbook.progress import Progress

LATELY = 300.0
"""Seconds after its last event for which a run elsewhere is taken for one that goes on."""


def events_of(
    changelog: Changelog, run: RunRecord, settings: ChangelogSettings
) -> tuple[Event, ...]:
    """Give the events of a run that count, the oldest first: no approval is among them that is none, and nothing that was revoked."""
    judged, *_ = changelog.judged([run], settings, whole=True)
    good = {approval.hash for approval in judged.approvals if approval.counts}
    return tuple(e for e in judged.events if e.header.kind != RUN_APPROVED or e.hash.hex() in good)


def file_of(changelog: Changelog, run: RunRecord, root: Path) -> Path | None:
    """Give the file of a run where that is known for certain; None if its id must do.

    A path that another one's event names is not opened: what stands there may be anything.
    """
    file = Path(run.file)
    if run.writer[:16] in held_writers(changelog.file.parent) and file.is_file():
        return file
    here = root / FOLDER / file.name
    return here if here.is_file() else None


def demand_free(changelog: Changelog, now: Progress) -> None:
    """Raise LockedError if whoever ran it last still does, or may: on this machine that is known, of another one a while must have passed."""
    if now.outcome != OPEN or not now.runners:
        return
    last = next(each for each in reversed(now.runners) if not each.lost)
    host = text(last.machine, "host")
    hint = f"if nobody is at it any more: opskit runbook resume {now.run} --take-over"
    if last.writer[:16] in held_writers(changelog.file.parent) and host == this_machine()["host"]:
        if is_running(last.machine, last.at_ms):
            what = f"run {now.run} goes on on this machine, as process {last.machine.get('pid')}"
            raise LockedError(f"{what}, by {last.actor}", hint=f"leave it there; {hint}")
        return
    clock = time.time() + changelog.clock_off() / 1000
    ago, more = clock - now.last_ms / 1000, now.busy_ms / 1000 - clock
    if ago < LATELY or more > 0:
        what = f"{last.actor} was at run {now.run} on {host} {max(0, round(ago))} s ago"
        what += (
            f", and a command that began then may run for {round(more)} s more" if more > 0 else ""
        )
        raise LockedError(what, hint=f"ask {last.actor}; {hint}")


def rollouts_during(changelog: Changelog, run: str) -> Sequence[str]:
    """Give the ids of rollouts that say they are part of this run, the oldest first."""
    from opskit.changelog import Filter

    return [record.id for record in reversed(changelog.rollouts(Filter(during=run, limit=200)))]
