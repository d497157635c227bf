"""The term of health checks that passed: what a check finds now, it did not find then, though the change was there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.blame.terms.weights import PASSED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opskit.blame.model import Candidate
    from opskit.blame.terms.asked import Asked
    from opskit.blame.terms.trace import Trace


@dataclass(frozen=True, slots=True)
class Pass:
    """That a host's health check passed: when (in seconds), and what saw it, with the event that says so."""

    at: float
    by: str
    event: str


def passes(asked: Asked, candidates: Sequence[Candidate]) -> Mapping[str, Pass]:
    """Give the last time that the check of the ill service passed on each ill host; empty if the trouble is not just that it fails."""
    found: dict[str, Pass] = {}
    if not asked.question.by_check:
        return found
    for each in candidates:
        if each.service not in asked.question.services:
            continue
        for host in asked.ill & each.passed.keys():
            at = each.passed[host].timestamp()
            if at <= asked.at and (host not in found or at > found[host].at):
                event = each.events[-1] if each.events else ""
                found[host] = Pass(at, f"{each.kind} {each.id}", event)
    return found


def passed_bits(asked: Asked, trace: Trace, last: Mapping[str, Pass]) -> float:
    """Give the bits for it: nothing where a host that is ill was not checked after it got the change."""
    if not last:
        return 0.0
    ill = asked.ill & trace.flips.keys()
    checked = all(host in last and last[host].at >= trace.flips[host] for host in ill)
    return PASSED if ill and checked else 0.0
