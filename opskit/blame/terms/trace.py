"""What a candidate had done by the time that is asked about, in numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from opskit.blame.terms.weights import WENT_BACK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.blame.model import Candidate
    from opskit.blame.terms.asked import Asked

NOWHERE: Mapping[str, float] = MappingProxyType({})
MOMENTS = ("note", "thaw", "drain", "restore", "runbook")
"""Kinds that may have happened on no host that anybody knows: their moment is when they were written down."""


@dataclass(frozen=True, slots=True)
class Trace:
    """`flips` are of hosts that it was on when the trouble was seen, in seconds; `gone` whether it had been taken back before from all of
    them, or from all that are ill, though nobody knows whether that was before the onset; `began` is its first moment, on any host.
    `left` says when hosts had gone back from it that were without it then. What came to a host again counts as long there as it ran there: without the time between.
    """

    flips: Mapping[str, float]
    began: float
    gone: bool = False
    left: Mapping[str, float] = field(default_factory=lambda: NOWHERE)


def trace(asked: Asked, candidate: Candidate) -> Trace:
    """Follow a candidate until the time that is asked about; without flips, it had done nothing by then."""
    until = asked.at + asked.slack
    there = {
        host: moment for host, at in candidate.flips.items() if (moment := at.timestamp()) <= until
    }
    began = min(there.values()) if there else _first(candidate)
    if not (candidate.retreats or candidate.away):
        return Trace(there, began)
    # of a trouble that is seen now, no host's clock says when
    seen = asked.first - (min(asked.slack, WENT_BACK) if asked.dated else 0.0)
    gone = candidate.gone(datetime.fromtimestamp(seen, UTC))
    left = {h: at for h in gone.keys() & there.keys() if there[h] <= (at := gone[h].timestamp())}
    there = {h: at + _away(candidate, h, seen) for h, at in there.items()}
    kept = {h: at for h, at in there.items() if h not in left}
    left_ill = not asked.ill.isdisjoint(there) and asked.ill.isdisjoint(kept)
    if asked.dated or (kept and not left_ill):
        return Trace(kept, began, left=left)
    return Trace(there, began, gone=bool(there), left=left)


def _away(candidate: Candidate, host: str, seen: float) -> float:
    """Give how many seconds a host had been without it that had come to it again."""
    spans = ((since.timestamp(), until.timestamp()) for since, until in candidate.away.get(host, ()))  # fmt: skip
    return sum(until - since for since, until in spans if until < seen)


def _first(candidate: Candidate) -> float:
    return min(candidate.flips.values(), default=candidate.at).timestamp()
