"""Somebody else says yes to an Approve step, from any laptop with the shared changelog: never who runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.changelog.body import number, part, text
from opskit.changelog.event import RUN_APPROVED, RUN_FINISHED, RUN_RESUMED, RUN_STARTED
from opskit.changelog.machine import actor_here
from opskit.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opskit.changelog import Changelog, Event


def waits_for(events: Sequence[Event]) -> Mapping[str, object]:
    """Give what a run waits for: step, part and the text of what is to be approved; raises RefusedError if for nothing."""
    last = next(
        (e for e in reversed(events) if e.header.kind in (RUN_FINISHED, RUN_RESUMED, RUN_STARTED)),
        None,
    )
    waits = (
        part(last.body, "waits") if last is not None and last.header.kind == RUN_FINISHED else {}
    )
    if text(waits, "for") != "approval":
        run = events[0].header.rollout if events else "it"
        raise RefusedError(f"run {run} waits for nobody's approval", hint=f"see: opskit log {run}")
    return waits


def approve(changelog: Changelog, events: Sequence[Event], *, why: str) -> Event:
    """Write that the one who runs opskit here says yes; raises RefusedError for those who run the runbook themselves."""
    waits = waits_for(events)
    header = events[0].header
    actor, writer = actor_here(), changelog.me().writer.hex()
    for event in events:
        if event.header.kind not in (RUN_STARTED, RUN_RESUMED):
            continue
        if event.header.actor == actor or event.header.writer == writer:
            who = (
                f"{event.header.actor} runs it" if event.header.actor != actor else f"{actor} does"
            )
            raise RefusedError(
                f"run {header.rollout} cannot be approved by who runs it: {who}",
                hint="somebody else must, from a laptop of their own",
            )
    where = {"step": text(waits, "step"), "part": number(waits, "part")}
    return changelog.append(
        RUN_APPROVED, {**where, "why": why},
        service=header.service, environment=header.environment, rollout=header.rollout, action="runbook",
    )  # fmt: skip
