"""Somebody else says yes to an Approve step, from any laptop with the shared changelog: never who runs it, and never unseen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.changelog import this_machine
from opskit.changelog.body import number, part, parts, text
from opskit.changelog.event import RUN_APPROVED, RUN_FINISHED, RUN_RESUMED, RUN_STARTED
from opskit.changelog.machine import actor_here
from opskit.errors import RefusedError
from opskit.runbook.folding import fold
from opskit.runbook.model import Action, Approve
from opskit.runbook.parts import APPROVED, by_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opskit.changelog import Changelog, Event
    from opskit.runbook.model import Part, Runbook, Step
    from opskit.runbook.parts import Done

RUNS = (RUN_STARTED, RUN_RESUMED)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody is asked to approve: `text` is the question, part `part` of step `step`, `values` what the run knows by now.

    `around` is what the page says there, up to the commands that are run then: each step with those parts of it. It is empty if the page here is not the
    one that is run. `given`: somebody has approved it already.
    """

    step: str
    part: int
    text: str
    at_ms: int
    values: Mapping[str, str]
    around: tuple[tuple[Step, tuple[Part, ...]], ...] = ()
    given: Done | None = None


def wanted(book: Runbook | None, events: Sequence[Event]) -> Wanted:
    """Give what a run waits for, by its events that count, and its page if that is here; raises RefusedError if it waits for nobody's approval."""
    last = _last(events)
    waits = _waits(events)
    now = fold(book.steps if book else (), events)
    step, at = text(waits, "step"), number(waits, "part")
    done = now.of(step, at)
    around = _around(book, step, at) if book else ()
    same = all(_digest(events, one.id) == one.digest for one, _ in around)
    return Wanted(
        step, at, text(waits, "text"), last.at_ms if last else 0, now.values,
        around if same else (), done if done.status == APPROVED else None,
    )  # fmt: skip


def demand_another(changelog: Changelog, events: Sequence[Event]) -> None:
    """Raise RefusedError for those who run the runbook themselves, and if nothing is to be approved."""
    _waits(events)
    actor, writer = actor_here(), changelog.me().writer.hex()
    for event in events:
        if event.header.kind not in RUNS:
            continue
        if event.header.actor == actor or event.header.writer == writer:
            who = (
                f"{event.header.actor} runs it" if event.header.actor != actor else f"{actor} does"
            )
            raise RefusedError(
                f"run {event.header.rollout} cannot be approved by who runs it: {who}",
                hint="somebody else must, from a laptop of their own",
            )


def approve(changelog: Changelog, events: Sequence[Event], *, why: str) -> Event:
    """Write that the one who runs opskit here says yes; raises RefusedError for those who run the runbook themselves."""
    demand_another(changelog, events)
    waits, header = _waits(events), events[0].header
    where = {"step": text(waits, "step"), "part": number(waits, "part")}
    said = {**where, "why": why, "digest": text(waits, "digest"), "machine": this_machine()}
    return changelog.append(
        RUN_APPROVED, said,
        service=header.service, environment=header.environment, rollout=header.rollout, action="runbook",
    )  # fmt: skip


def _last(events: Sequence[Event]) -> Event | None:
    return next((e for e in reversed(events) if e.header.kind in (RUN_FINISHED, *RUNS)), None)


def _waits(events: Sequence[Event]) -> Mapping[str, object]:
    """Give what a run waits for: step, part and the text of what is to be approved; raises RefusedError if for nothing."""
    last = _last(events)
    waits = part(last.body, "waits") if last and last.header.kind == RUN_FINISHED else {}
    if text(waits, "for") != "approval":
        run = events[0].header.rollout if events else "it"
        raise RefusedError(f"run {run} waits for nobody's approval", hint=f"see: opskit log {run}")
    return waits


def _around(book: Runbook, step: str, at: int) -> tuple[tuple[Step, tuple[Part, ...]], ...]:
    """Give the step of an approval, and, if nothing is run behind that, the steps up to the one in which something is."""
    first = by_id(book.steps, step)
    if first is None or at >= len(first.parts) or not isinstance(first.parts[at], Approve):
        return ()
    found = [(first, tuple(p for n, p in enumerate(first.parts) if n != at))]
    runs = any(isinstance(each, Action) for each in first.parts[at:])
    for following in book.steps[book.steps.index(first) + 1 :]:
        if runs:
            break
        found.append((following, following.parts))
        runs = any(following.actions)
    return tuple(found)


def _digest(events: Sequence[Event], step: str) -> str:
    """Give the digest that a step had when somebody last began or went on."""
    steps = (each for e in events if e.header.kind in RUNS for each in parts(e.body, "steps"))
    return {text(each, "id"): text(each, "digest") for each in steps}.get(step, "")
