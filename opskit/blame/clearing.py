"""What a candidate is cleared by: it was not there when the trouble began, or not where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.blame.model import Cleared
from opskit.blame.weights import TOLERANCE

if TYPE_CHECKING:
    from datetime import datetime

    from opskit.blame.model import Candidate, Question

MOMENTS = ("note", "thaw")
"""Kinds that happen on no host: their moment is when they were written."""


def onset_of(question: Question) -> datetime:
    """Give when the trouble was there first, as far as anybody knows."""
    return min((question.at, *question.onsets.values()))


def running_at(candidate: Candidate, moment: datetime) -> dict[str, datetime]:
    """Give the hosts that ran what the candidate brought at that moment, and since when."""
    return {
        host: flip
        for host, flip in candidate.flips.items()
        if flip <= moment + TOLERANCE
        and not (flip < candidate.retreats.get(host, moment) < moment - TOLERANCE)
    }


def cleared(question: Question, candidate: Candidate) -> Cleared | None:
    """Give why it cannot have caused the trouble, None if it may have."""
    onset = onset_of(question)
    source = f"event {candidate.events[0][:10]}" if candidate.events else "changelog"
    if candidate.kind in MOMENTS and not candidate.flips:
        late = candidate.at > onset + TOLERANCE
        return Cleared(candidate, "it began after the trouble", source) if late else None
    if not candidate.flips:
        return Cleared(candidate, "it never went live", source)
    if min(candidate.flips.values()) > onset + TOLERANCE:
        return Cleared(candidate, "it began after the trouble", source)
    running = running_at(candidate, onset)
    if not running:
        return Cleared(candidate, "its hosts had gone back from it before the onset", source)
    theirs = candidate.service in question.services or candidate.distance == -1
    if theirs and question.ill and not set(question.ill) & set(candidate.flips):
        return Cleared(candidate, "none of its hosts shows the symptom", source)
    return None
