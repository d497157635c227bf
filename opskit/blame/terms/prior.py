"""What is known of a candidate before the trouble is looked at: what kind of change it is, how it came out, how far it is away."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from opskit.blame.terms.weights import (
    ABOVE,
    BESIDE,
    KIND,
    OUTCOME,
    OVERRIDDEN,
    REACTED,
    REACTIONS,
    REACTS,
    SHARED,
    SHARED_BELOW,
    SHARED_UNKNOWN,
    STEP_BELOW,
    UNKNOWN_KIND,
)
from opskit.blame.undo import RESUMED, is_same

if TYPE_CHECKING:
    from opskit.blame.model import Candidate
    from opskit.blame.terms.asked import Asked


def kind_bits(candidate: Candidate) -> float:
    """Give the bits for its kind; what left a release changed is as what changes one by hand, a deploy of what ran there already as a restart."""
    if brings_nothing(candidate):
        return KIND["restart"]
    return KIND["drift"] if candidate.left else KIND.get(candidate.kind, UNKNOWN_KIND)


def brings_nothing(candidate: Candidate) -> bool:
    """Tell whether it is a deploy or a rollback to the revision that ran there already."""
    return candidate.kind in RESUMED and is_same(candidate.before, candidate.after)


def outcome_bits(candidate: Candidate) -> float:
    """Give the bits for how it came out, and for rules that did not count."""
    return OUTCOME.get(candidate.outcome, 0.0) + (OVERRIDDEN if candidate.overrides else 0.0)


def distance_bits(asked: Asked, candidate: Candidate) -> float:
    """Give the bits for how far it is from the service that is ill, or from one that this needs and that is ill itself."""
    if candidate.distance < 0:
        return BESIDE
    if candidate.service in asked.question.needing:
        return ABOVE
    near = candidate.service in asked.question.needed
    return 0.0 if near else STEP_BELOW * candidate.distance


def reaction_bits(asked: Asked, candidate: Candidate, began: float) -> float:
    """Give the bits against what may be somebody's answer to the trouble, done in the last minutes before it was seen, or somebody says that it began; not against what left a release changed."""
    if asked.onsets or candidate.kind not in REACTIONS or candidate.left:
        return 0.0
    age = max(asked.at - began, 0.0) / 60
    return -math.log2(1 + REACTS * math.exp(-age / REACTED))


def shared_part(asked: Asked, candidate: Candidate) -> float:
    """Give how often such a change harms hosts that it was not on (0..1)."""
    if not candidate.flips:
        return 1.0
    if candidate.distance > 0:
        near = not (asked.ill | asked.well).isdisjoint(candidate.flips)
        return SHARED_BELOW if near else 1.0
    return SHARED if asked.question.services else SHARED_UNKNOWN
