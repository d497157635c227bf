"""A run as the changelog has it, the right events in their order, and whether whoever ran it last still does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opskit.changelog import this_machine
from opskit.changelog.body import text
from opskit.changelog.machine import is_running
from opskit.changelog.signing import held_writers
from opskit.errors import LockedError
from opskit.runbook.progress import APPROVAL, OPEN

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
    """Give the events of a run that count, the oldest first: no approval is among them that is none."""
    judged, *_ = changelog.judged([run], settings, whole=True)
    good = {approval.hash for approval in judged.approvals if approval.counts}
    return tuple(e for e in run.events if e.header.kind != APPROVAL or e.hash.hex() in good)


def demand_free(changelog: Changelog, now: Progress) -> None:
    """Raise LockedError if whoever ran it last still does, or may: on this machine that is known, of another one a while must have passed."""
    if now.outcome != OPEN or not now.runners:
        return
    last = now.runners[-1]
    host = text(last.machine, "host")
    hint = f"if it is dead: opskit runbook resume {now.run} --take-over"
    if last.writer[:16] in held_writers(changelog.file.parent) and host == this_machine()["host"]:
        if is_running(last.machine, last.at_ms):
            what = f"run {now.run} goes on on this machine, as process {last.machine.get('pid')}"
            raise LockedError(f"{what}, by {last.actor}", hint=f"leave it there; {hint}")
        return
    ago = time.time() + changelog.clock_off() / 1000 - now.last_ms / 1000
    if ago < LATELY:
        what = f"{last.actor} was at run {now.run} on {host} {max(0, round(ago))} s ago"
        raise LockedError(what, hint=f"ask {last.actor}; {hint}")


def rollouts_during(changelog: Changelog, run: str) -> Sequence[str]:
    """Give the ids of rollouts that say they are part of this run, the oldest first."""
    from opskit.changelog import Filter

    found = changelog.rollouts(Filter(limit=200))
    return [r.id for r in reversed(found) if r.events and text(r.events[0].body, "during") == run]
