"""When each host began to run what a rollout brought, and when it went back from it, as the rollout's events tell it.

A result tells when work on a host ended, and how long each step took: what came after the switch, taken off, gives the moment from
which the host ran what is new. Times are by the clock of who wrote the event, set right as far as that is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from opskit.changelog.body import number, parts, text, texts
from opskit.changelog.clock import moment
from opskit.changelog.event import HOSTS, RECOVERED, STARTED
from opskit.changelog.resuming import counted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from opskit.changelog import Event, RolloutRecord

UNTOUCHED = ("skipped", "unreachable")
ROLLING = ("deploy", "rollback")
FIRST: Mapping[str, tuple[str, ...]] = {
    "deploy": ("switch", "restart", "check"),
    "rollback": ("switch", "restart", "check"),
    "restart": ("restart", "check"),
    "reboot": ("reboot", "wait"),
    "replace": ("replace", "task", "wait"),
}
"""The step from which on a host runs what is new, by action; where somebody went on, the first may have been done before."""
STEP = timedelta(minutes=5)
"""What a clock may be set right by within a rollout: beyond that no host changes before its rollout begins, whatever a result says."""
AT_ITS_END = "switch"
CHECKED = "check"
AT_ONCE = ("task", "exec")


@dataclass(slots=True)
class Changes:
    """By host: when it flipped, when it went back, when its health check passed; and the hashes of the events that say so."""

    flips: dict[str, datetime] = field(default_factory=dict)
    retreats: dict[str, datetime] = field(default_factory=dict)
    passed: dict[str, datetime] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    began: dict[str, datetime] = field(default_factory=dict)
    """From when on a host may have flipped, of those that were worked on."""


def changes(record: RolloutRecord) -> Changes:
    """Give when a rollout changed hosts; one of which nobody knows what became of it flipped when work on it began."""
    found = Changes()
    for event in counted(record.events):
        if event.header.kind == HOSTS:
            found.began |= dict.fromkeys(texts(event.body, "begun"), moment(event.at_ms))
            taken = [
                _take(found, record, event, result) for result in parts(event.body, "results")
            ]
            found.events += [event.hash.hex()] if any(taken) else []
        elif event.header.kind == RECOVERED:
            _recover(found, record, event)
    _add_untold(found, record)
    if any(event.header.kind == STARTED for event in record.events):
        found.flips, found.retreats = (
            {host: at if at >= record.at - STEP else record.at for host, at in each.items()}
            for each in (found.flips, found.retreats)
        )
    return found


def _take(
    found: Changes, record: RolloutRecord, event: Event, result: Mapping[str, object]
) -> bool:
    """Take in what came of one host; tells whether it was changed."""
    host, outcome = text(result, "host"), text(result, "outcome")
    if not host or outcome in UNTOUCHED:
        return False
    ended = (number(result, "at") or event.header.ts) - event.fast_ms
    flipped = _flipped(record.action, ended, result)
    if flipped is not None:
        found.flips[host] = moment(flipped)
        found.retreats.pop(host, None)
    if text(result, "outcome") == "done" and CHECKED in _steps(result):
        found.passed[host] = moment(ended)
    back = record.action in ROLLING and _is_back(result)
    if back and (flipped is not None or host in found.flips or host in found.began):
        found.flips.setdefault(host, found.began.get(host, moment(ended)))
        found.retreats[host] = moment(ended)
    return host in found.flips


def _flipped(action: str, ended: int, result: Mapping[str, object]) -> int | None:
    """Give when a host flipped, in milliseconds; None if it did not."""
    names = _steps(result)
    took = [number(step, "ms") for step in parts(result, "steps")]
    if action in AT_ONCE:
        return ended - number(result, "ms")
    at = next((names.index(first) for first in FIRST.get(action, ()) if first in names), None)
    if at is None:
        return ended if not names and text(result, "outcome") == "done" else None
    behind = at + 1 if names[at] == AT_ITS_END else at
    return ended - sum(took[behind:])


def _steps(result: Mapping[str, object]) -> list[str]:
    return [text(step, "step") for step in parts(result, "steps")]


def _is_back(result: Mapping[str, object]) -> bool:
    live, before = text(result, "live"), text(result, "from")
    return text(result, "outcome") == "reverted" or (
        bool(live) and live == before != text(result, "to")
    )


def _recover(found: Changes, record: RolloutRecord, event: Event) -> None:
    """Take in what receipts on hosts say, which is all that is left of this rollout."""
    for host in record.hosts:
        if host.at:
            found.flips[host.name] = host.at
            if host.outcome == "reverted":
                found.retreats[host.name] = host.at
    found.events.append(event.hash.hex())


def _add_untold(found: Changes, record: RolloutRecord) -> None:
    """Add hosts that were touched, or are being touched, and of which nobody has said anything since."""
    for host in record.hosts:
        if host.outcome in ("running", "unknown") and host.at is None:
            found.flips.setdefault(host.name, found.began.get(host.name, record.at))
