"""Which events of a rollout count when somebody went on with it: those of each run until the next one began.

`rollout.resumed` begins a run; its body is

    {"run": 6 hex digits, "revert": whether the rollout is taken back, "why", "command", "opskit",
     "machine": as in `rollout.started`}

What this run writes afterwards (`rollout.hosts`, `rollout.finished`) has the same `run` in its body. A run that was
believed to be dead and wakes up says nothing that counts any more: hosts refuse it, too. Its end then has `lost`: true.
A run that never held its hosts, because another was quicker or its build failed, ends with `void`: true, and `was`, the outcome
that the rollout had, "" for none: it is as if it had not been.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.changelog.body import text
from opskit.changelog.claims import may_resume, resumed_for
from opskit.changelog.event import FINISHED, HOSTS, RESUMED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from opskit.changelog.changelog import Changelog
    from opskit.changelog.event import Event
    from opskit.changelog.records import RolloutRecord


def key_for(changelog: Changelog, rollout: str) -> str:
    """Give the key (in hex) that a rollout leaves on its hosts, so that others can go on with it; "" if it is not known here."""
    return changelog.picks.key_of(rollout) if changelog.picks else ""


def is_allowed(changelog: Changelog, rollout: RolloutRecord, keys: Iterable[str] = ()) -> bool:
    """Tell whether it counts that we go on with a rollout; `keys` are those that hosts gave for it. Raises ChangelogError."""
    name, me = rollout.events[0].header.rollout, changelog.me()
    picks = changelog.picks
    return picks is not None and may_resume(picks, rollout.events, name, me.writer, keys)


def resumptions(events: Sequence[Event]) -> list[Event]:
    """Give the events by which somebody went on, the oldest first."""
    return [event for event in events if event.header.kind == RESUMED]


def counted(events: Sequence[Event]) -> Sequence[Event]:
    """Give the events of a rollout without what a run says that was over when it said it, or that never began."""
    if not any(event.header.kind == RESUMED or event.header.heir for event in events):
        return events
    void = {_run_of(e) for e in events if e.header.kind == FINISHED and e.body.get("void") is True}
    found: list[Event] = []
    run: Event | None = None
    for event in events:
        if event.header.kind in (RESUMED, HOSTS, FINISHED) and _run_of(event) in void:
            continue
        if event.header.kind == RESUMED:
            run = event
        elif event.header.kind in (HOSTS, FINISHED) and not _is_of(event, run):
            continue
        found.append(event)
    return found


def last_run(events: Sequence[Event]) -> Sequence[Event]:
    """Give the events since somebody last went on with it."""
    begins = max((n for n, event in enumerate(events) if event.header.kind == RESUMED), default=0)
    return events[begins:]


def _run_of(event: Event) -> tuple[str, str]:
    return text(event.body, "run"), event.header.writer


def _is_of(event: Event, run: Event | None) -> bool:
    """Tell whether an event is of a run: who resumed somebody else's rollout speaks for his own only.

    Bodies that were taken away are believed to be of the run that they stand in.
    """
    if run is None:
        return not resumed_for(event.header)
    if event.header.writer != run.header.writer and resumed_for(event.header):
        return False
    same = text(event.body, "run") == text(run.body, "run")
    return same or bool(event.damage or run.damage)
