"""The term of time: trouble comes soon after its cause, and by chance at the pace at which a fleet is changed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from opskit.blame.terms.weights import CLOCKS, NOTICED, PACE_EVENTS, PACE_HOURS, SOON

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from opskit.blame.terms.asked import Asked


def density(minutes: float, *, dated: bool) -> float:
    """Give how likely (a minute) trouble is seen so many minutes after the change that caused it."""
    mixture = SOON if dated else NOTICED
    return sum(part / mean * math.exp(-minutes / mean) for mean, part in mixture)


def pace(weights: Collection[float], hours: float) -> float:
    """Give how many changes a minute a fleet has, each counted by its weight, from those of so many hours."""
    return (sum(weights) + PACE_EVENTS) / (hours + PACE_HOURS) / 60


def since(asked: Asked, flips: Mapping[str, float]) -> float:
    """Give the density of the trouble's being seen when it was, on average over the hosts that had the change by then."""
    ends = [asked.first - at for at in flips.values() if at <= asked.first + CLOCKS]
    if not ends:
        return 0.0
    lags = {max(round(end / 6), 0) for end in ends} if len(ends) > 1 else {max(ends[0] / 6, 0)}
    return sum(density(lag / 10, dated=asked.dated) for lag in lags) / len(lags)
