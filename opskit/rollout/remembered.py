"""The plan of a rollout as its first event has it: what is needed to go on with it. What is missing or odd there is left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.changelog.body import number, part, parts, text
from opskit.changelog.event import STARTED
from opskit.errors import RefusedError
from opskit.rollout.gates import ROLLBACK, STOP
from opskit.rollout.plan import Target
from opskit.rollout.probe import RELEASE_NAME, Release

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.changelog import RolloutRecord

OPEN = ("unfinished", "abandoned", "interrupted", "failed", "partial", "refused", "unknown")
"""Outcomes of rollouts that somebody may go on with."""
UPKEEP = ("reboot", "replace")
"""Actions that are about whole hosts."""
ACTIONS = ("deploy", "rollback", "restart", *UPKEEP)
BY_HAND = ("drain", "restore")


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was planned. `left_out` are hosts that could not take part; `path` is "" if the event does not tell."""

    rollout: str
    action: str
    path: str
    targets: tuple[Target, ...]
    batches: tuple[tuple[str, ...], ...]
    left_out: tuple[str, ...]
    after: Release | None
    max_failures: int
    on_failure: str = STOP
    within: float = 0.0


def demand_open(record: RolloutRecord) -> None:
    """Raise RefusedError, with what can be done instead, for a rollout that nobody can go on with."""
    what = f"{record.action} {record.id}"
    if record.action in BY_HAND:
        hint = f"how it is now, and how to go on: opskit lb {record.service}"
        raise RefusedError(f"{what} cannot be resumed", hint=hint)
    if record.action not in ACTIONS:
        again = (
            f"run it again where it was not done: opskit {_verb(record)} -H @failed:{record.id} …"
        )
        hint = f"what came of each host: opskit log {record.id}; {again}"
        raise RefusedError(f"{what}: what a command does on a host has no middle to go on from", hint=hint)  # fmt: skip
    if record.outcome == "running":
        where = record.runs_on
        raise RefusedError(f"{what} runs now, on {where}", hint="let it end, or stop it with Ctrl-C there")  # fmt: skip
    if record.outcome not in OPEN:
        hint = "to take it back: opskit rollback" if record.outcome == "done" else ""
        raise RefusedError(f"{what} is {record.outcome}: nothing is left to do", hint=hint)


def remember(record: RolloutRecord) -> Remembered:
    """Read the plan of a rollout; raises RefusedError if its first event cannot be read any more."""
    started = next((event for event in record.events if event.header.kind == STARTED), None)
    if started is None or started.damage:
        why = started.damage if started else "missing"
        raise RefusedError(
            f"the plan of {record.action} {record.id} is {why}",
            hint="opskit status says what hosts run; then deploy or roll back anew",
        )
    body = started.body
    after = _release(part(body, "to"))
    hosts = [host for host in parts(body, "hosts") if text(host, "name")]
    batched = [host for host in hosts if number(host, "batch") > 0]
    numbers = sorted({number(host, "batch") for host in batched})
    return Remembered(
        rollout=record.events[0].header.rollout,
        action=record.action,
        path=text(body, "path"),
        targets=tuple(_target(host, after, record.action) for host in batched),
        batches=tuple(
            tuple(text(host, "name") for host in batched if number(host, "batch") == n)
            for n in numbers
        ),
        left_out=tuple(text(host, "name") for host in hosts if host not in batched),
        after=after,
        max_failures=max(0, number(body, "max_failures")),
        on_failure=ROLLBACK if text(body, "on_failure") == ROLLBACK else STOP,
        within=max(0, number(body, "within_ms")) / 1000,
    )


def _verb(record: RolloutRecord) -> str:
    return f"run {record.task}" if record.action == "task" else "exec"


def _target(host: Mapping[str, object], after: Release | None, action: str) -> Target:
    before = _release(part(host, "from"))
    own = _release(part(host, "to")) or after
    after = before if action == "restart" else own
    return Target(text(host, "name"), before, after, boot=text(host, "boot"))


def _release(fields: Mapping[str, object]) -> Release | None:
    """Read a release; a name that opskit would not have made names none."""
    name = text(fields, "release")
    if not RELEASE_NAME.fullmatch(name):
        return None
    return Release(name, *(text(fields, key) for key in ("revision", "label", "irreversible")))
