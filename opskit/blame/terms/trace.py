"""What a candidate had done by the time that is asked about, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.blame.terms.weights import WENT_BACK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.blame.model import Candidate
    from opskit.blame.terms.asked import Asked

MOMENTS = ("note", "thaw", "drain", "restore", "runbook")
"""Kinds that may have happened on no host that anybody knows: their moment is when they were written down."""


@dataclass(frozen=True, slots=True)
class Trace:
    """`flips` are of hosts that it was on when the trouble was seen, in seconds; `gone` whether it had been taken back before from all of
    them, or from all that are ill, though nobody knows whether that was before the onset; `began` is its first moment, on any host.
    """

    flips: Mapping[str, float]
    began: float
    gone: bool = False


def trace(asked: Asked, candidate: Candidate) -> Trace:
    """Follow a candidate until the time that is asked about; without flips, it had done nothing by then."""
    until = asked.at + asked.slack
    there = {
        host: moment for host, at in candidate.flips.items() if (moment := at.timestamp()) <= until
    }
    began = min(there.values()) if there else _first(candidate)
    if not candidate.retreats:
        return Trace(there, began)
    back = {host: at.timestamp() for host, at in candidate.retreats.items()}
    # of a trouble that is seen now, no host's clock says when
    seen = asked.first - (min(asked.slack, WENT_BACK) if asked.dated else 0.0)
    kept = {h: at for h, at in there.items() if not at <= back.get(h, until) < seen}
    left_ill = not asked.ill.isdisjoint(there) and asked.ill.isdisjoint(kept)
    if asked.dated or (kept and not left_ill):
        return Trace(kept, began)
    return Trace(there, began, gone=bool(there))


def _first(candidate: Candidate) -> float:
    return min(candidate.flips.values(), default=candidate.at).timestamp()
