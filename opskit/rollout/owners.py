"""Whether a run that holds a host certainly lives no more, or certainly lives: only its own machine can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.changelog import this_machine
from opskit.changelog.body import part, text
from opskit.changelog.event import FINISHED, RESUMED, STARTED
from opskit.changelog.machine import is_running
from opskit.changelog.signing import held_writers
from opskit.errors import ChangelogError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.changelog import Changelog, Event
    from opskit.rollout.probe import HeldLock


def is_dead(changelog: Changelog, lock: HeldLock) -> bool:
    """Tell whether the run that holds a lock ran on this machine and certainly runs no more."""
    return _runs_here(changelog, lock) is False


def is_alive(changelog: Changelog, lock: HeldLock) -> bool:
    """Tell whether the run that holds a lock runs on this machine now."""
    return _runs_here(changelog, lock) is True


def _runs_here(changelog: Changelog, lock: HeldLock) -> bool | None:
    """Tell whether a run runs here; None if it began on another machine, or nobody knows.

    A name of a machine is no proof: it is ours if what it wrote is signed with a key that lies here.
    """
    try:
        events = changelog.rollout(lock.rollout).events
    except (ChangelogError, UnknownNameError):
        return None
    begun = next((event for event in events if _begins(event, lock.run)), None)
    if begun is None:
        return None
    machine, writer = part(begun.body, "machine"), begun.header.writer
    ours = writer[:16] in held_writers(changelog.file.parent)
    if not ours or text(machine, "host") != this_machine()["host"]:
        return None
    return not _has_ended(events, lock.run) and is_running(machine, begun.header.ts)


def _begins(event: Event, run: str) -> bool:
    kind = RESUMED if run else STARTED
    return event.header.kind == kind and text(event.body, "run") == run


def _has_ended(events: Sequence[Event], run: str) -> bool:
    return any(e.header.kind == FINISHED and text(e.body, "run") == run for e in events)
