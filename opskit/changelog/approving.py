"""Who said yes to an Approve part of a run, and whether that counts, as far as events tell; see `runs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.changelog.body import number, part, text
from opskit.changelog.clock import moment
from opskit.changelog.event import RUN_APPROVED, RUN_FINISHED, RUN_RESUMED, RUN_STARTED, RUN_STEP
from opskit.changelog.runrecords import Approval

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from opskit.changelog.event import Event, Header
    from opskit.changelog.runrecords import RunRecord

TURNS = (RUN_STARTED, RUN_RESUMED)


def approvals(events: Sequence[Event], first: Header) -> tuple[Approval, ...]:
    """Give who said yes to what, in their order, and whether that counts: not if it was one of those who run it."""
    return tuple(
        _approval(event, _runners(events, n, first))
        for n, event in enumerate(events)
        if event.header.kind == RUN_APPROVED
    )


def awaited(record: RunRecord) -> bool | None:
    """Tell whether a suspended run still waits for somebody's approval (False: it has it); None if it waits for none."""
    last = next((e for e in reversed(record.events) if e.header.kind in (*TURNS, RUN_FINISHED)), None)  # fmt: skip
    waits = part(last.body, "waits") if last and last.header.kind == RUN_FINISHED else {}
    if text(waits, "for") != "approval":
        return None
    asked = (text(waits, "step"), number(waits, "part"))
    return not any(each.counts and (each.step, each.part) == asked for each in record.approvals)


def _runners(events: Sequence[Event], n: int, first: Header) -> list[Header]:
    """Give by which events people run it until something was done about what event `n` says yes to."""
    until = events[: _used(events, n)]
    return [first, *(event.header for event in until if event.header.kind in TURNS)]


def _used(events: Sequence[Event], n: int) -> int | None:
    """Give where something was first done about the part that event `n` says yes to, after that."""
    place = _part(events[n])
    later = enumerate(events[n + 1 :], n + 1)
    return next((m for m, e in later if e.header.kind == RUN_STEP and _part(e) == place), None)


def _part(event: Event) -> tuple[str, int]:
    return text(event.body, "step"), number(event.body, "part")


def _approval(event: Event, runners: Iterable[Header]) -> Approval:
    header = event.header
    own = any(header.writer == each.writer or header.actor == each.actor for each in runners)
    step, number_ = _part(event)
    return Approval(
        at=moment(event.at_ms),
        actor=header.actor,
        writer=header.writer,
        hash=event.hash.hex(),
        step=step,
        part=number_,
        why=text(event.body, "why"),
        counts=not own and not event.damage,
    )
