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
    from collections.abc import Iterable, Mapping, Sequence

    from opskit.blame.terms.asked import Asked

    Mixture = tuple[tuple[float, float], ...]


def _rates(mixture: Mixture) -> Mixture:
    """Give the density at once and the rate (a minute) of each decay of a mixture of (mean in minutes, part)."""
    return tuple((part / mean, -1 / mean) for mean, part in mixture)


ONSET, SIGHT = _rates(SOON), _rates(NOTICED)


def density(minutes: float, *, dated: bool) -> float:
    """Give how likely (a minute) trouble is seen so many minutes after the change that caused it."""
    return _mean([minutes], ONSET if dated else SIGHT)


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
    return _mean([max(age, 0.0) / 60 for age in ages], ONSET if asked.dated else SIGHT)


def _mean(minutes: Sequence[float], mixture: Mixture) -> float:
    """Give a mixture's density, on average over so many minutes after a change each; 0 for none."""
    dense = sum([part * exp(rate * after) for part, rate in mixture for after in minutes])
    return dense / len(minutes) if minutes else 0.0
