"""What runs left behind: files of a release that were changed while a task, a command or a step of a runbook was on the host."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from opskit.blame.flips import AT_ONCE, changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from opskit.blame.model import Candidate
    from opskit.blame.window import Found
    from opskit.changelog import RolloutRecord

APART = timedelta(seconds=2)
"""By so much may a file be dated before or after the run that changed it: hosts date in whole seconds, and clocks are set right to about one."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A run was on hosts: on each since when, and on all until when (None: nobody knows)."""

    id: str
    since: Mapping[str, datetime]
    until: datetime | None


def stays(found: Found) -> tuple[Stay, ...]:
    """Give where and when tasks, commands and steps of runbooks were, those that began last first."""
    made = [_of_rollout(record) for record in found.rollouts if record.action in AT_ONCE]
    for run in found.runs:
        acts = [act for act in run.acts if act.hosts]
        since = {host: act.at for act in reversed(acts) for host in act.hosts}
        made.append(Stay(run.id, since, max((act.at for act in run.acts), default=run.at)))
    return tuple(sorted(made, key=_last, reverse=True))


def _last(stay: Stay) -> float:
    return max((at.timestamp() for at in stay.since.values()), default=0.0)


def _of_rollout(record: RolloutRecord) -> Stay:
    took = None if record.ms is None else timedelta(milliseconds=record.ms)
    ended = record.ended or (record.at + took if took is not None else None)
    return Stay(record.id, changes(record).flips, ended)


def who_was_on(there: Iterable[Stay], host: str, at: datetime) -> str:
    """Give the id of the run that was on a host at a time, "" if none was; of several the one that began last."""
    for stay in there:
        since = stay.since.get(host)
        if since and since - APART <= at and (stay.until is None or at <= stay.until + APART):
            return stay.id
    return ""


def joined(drifted: Sequence[Candidate], gathered: Sequence[Candidate]) -> Iterator[Candidate]:
    """Give all candidates; a run and what it left on the very hosts that it was on are one of them."""
    runs = {candidate.id: candidate for candidate in gathered}
    left = {drift.id: drift for drift in drifted if drift.id in runs}
    whole = {id for id, drift in left.items() if drift.flips.keys() == runs[id].flips.keys()}
    for drift in drifted:
        if drift.id not in left:
            yield drift
        elif drift.id not in whole:
            yield _beside(drift, runs[drift.id])
    for run in gathered:
        yield _one(run, left[run.id]) if run.id in whole else run


def _one(run: Candidate, drift: Candidate) -> Candidate:
    return replace(
        run,
        service=drift.service,
        distance=drift.distance,
        flips=drift.flips,
        left=drift.reason,
        sources=drift.sources,
        undo=drift.undo or run.undo,
        text=f"{run.text}\n{drift.text}",
    )


def _beside(drift: Candidate, run: Candidate) -> Candidate:
    """Tell whose doing it is of what a run left on some of its hosts only."""
    said = f"{drift.reason}, while {run.kind} {run.id} was there"
    return replace(drift, id=f"drift-{drift.service}-{run.id}", reason=said)
