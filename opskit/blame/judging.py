"""What a verdict can be about: whatever blame names, by the id that it prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.blame.asked import seen_like
from opskit.changelog import Filter
from opskit.changelog.event import FREEZE, NOTE, THAW
from opskit.errors import UnknownNameError

if TYPE_CHECKING:
    from opskit.changelog import Changelog, Event, VerdictEntry

KINDS = (NOTE, FREEZE, THAW)
"""Kinds of events that can be judged by themselves."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Something that a verdict is about: its whole id, where it was, and the verdicts on it so far, the last one last."""

    id: str
    service: str
    environment: str
    verdicts: tuple[VerdictEntry, ...]


def judged(changelog: Changelog, prefix: str) -> Judged:
    """Give the rollout, run, note, freeze or thaw whose id starts so, or a change that no rollout made, as blame named it on this machine.

    Raises UnknownNameError.
    """
    try:
        its = changelog.record(prefix)
    except UnknownNameError as error:
        if error.what.startswith("several"):
            raise
        if (event := _event(changelog, prefix)) is not None:
            return _of(changelog, event.id, event.header.service, event.header.environment)
        if (seen := seen_like(changelog.file.parent, prefix)) is not None:
            return _of(changelog, seen.id, seen.service, seen.environment)
        raise UnknownNameError(
            f"no rollout, run, note or freeze {prefix!r}, and no change that blame named here",
            hint="give at least 4 characters of an id that `opskit log` or `opskit blame` shows",
        ) from None
    return Judged(its.id, its.service, its.environment, its.verdicts)


def verdicts_on(changelog: Changelog, name: str) -> tuple[VerdictEntry, ...]:
    """Give the verdicts on what has that id, the last one last."""
    return tuple(each for each in reversed(changelog.verdicts(Filter())) if each.rollout == name)


def _of(changelog: Changelog, name: str, service: str, environment: str) -> Judged:
    return Judged(name, service, environment, verdicts_on(changelog, name))


def _event(changelog: Changelog, prefix: str) -> Event | None:
    """Give the event whose hash starts so, if it can be judged; raises UnknownNameError for one that cannot, and for several."""
    try:
        event = changelog.show(prefix).event
    except UnknownNameError as error:
        if error.what.startswith("several"):
            raise
        return None
    if event.header.kind not in KINDS:
        raise UnknownNameError(
            f"{event.id} is of kind {event.header.kind}, which breaks nothing by itself",
            hint=f"see: opskit log {event.id}",
        )
    return event
