"""The term of time: trouble comes soon after its cause, and by chance at the pace at which a fleet is changed."""

from __future__ import annotations

from math import exp, fsum
from typing import TYPE_CHECKING

from opskit.blame.terms.weights import (
    NOTICED,
    PACE_EVENTS,
    PACE_HOURS,
    PACE_OVER,
    SAMPLED,
    SOON,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opskit.blame.terms.asked import Asked

    Mixture = tuple[tuple[float, float], ...]


def _rates(mixture: Mixture) -> Mixture:
    """Give the density at once and the rate (a minute) of each decay of a mixture of (mean in minutes, part)."""
    return tuple((part / mean, -1 / mean) for mean, part in mixture)


ONSET, SIGHT = _rates(SOON), _rates(NOTICED)


def density(minutes: float, *, dated: bool) -> float:
    """Give how likely (a minute) trouble is seen so many minutes after the change that caused it."""
    return _density(minutes, ONSET if dated else SIGHT)


def pace(changes: Iterable[tuple[float, float]]) -> float:
    """Give how many changes a minute a fleet has lately, from (how many seconds ago, weight) of each; older ones count for less."""
    over = PACE_OVER * 3600
    recent = fsum(weight * exp(-max(ago, 0.0) / over) for ago, weight in changes)
    return (recent + PACE_EVENTS) / (PACE_OVER + PACE_HOURS) / 60


def since(asked: Asked, flips: Mapping[str, float]) -> float:
    """Give the density of the trouble's being seen when it was, on average over the hosts that had the change by then."""
    first = asked.first
    ages = [first - at for at in flips.values() if at <= first + asked.slack]
    if len(ages) > SAMPLED:
        ages.sort()
        step = (len(ages) - 1) / (SAMPLED - 1)
        ages = [ages[round(number * step)] for number in range(SAMPLED)]
    mixture = ONSET if asked.dated else SIGHT
    whole = 0.0
    for age in ages:
        whole += _density(max(age, 0.0) / 60, mixture)
    return whole / len(ages) if ages else 0.0


def _density(minutes: float, mixture: Mixture) -> float:
    dense = 0.0
    for part, rate in mixture:
        dense += part * exp(rate * minutes)
    return dense
