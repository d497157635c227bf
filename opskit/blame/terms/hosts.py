"""The terms of hosts: a change breaks hosts that it is on, and its others are the control group."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from opskit.blame.terms.lag import middle
from opskit.blame.terms.weights import (
    ALL,
    ANYWAY,
    ELAPSED,
    EVERYWHERE,
    MISNAMED,
    MOSTLY,
    NAMED_ALL,
    ONE,
    SCATTER,
    SHOWS,
    SOONEST,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opskit.blame.terms.asked import Asked


NEVER = -math.inf
SHOWN, SPARED = math.log(SHOWS), math.log(1 - SHOWS)
OF_PART = -math.log(MOSTLY + 1)
STRAY, FINE = math.log(ANYWAY), math.log(1 - ANYWAY)


class Seen(NamedTuple):
    """How many hosts are ill and had it, well though they had it, ill without it, well without it; `early` were changed too late to tell.

    `reach` is how surely (0..1) trouble had reached all that it would, when somebody looked.
    """

    ill: int
    well: int
    ill_without: int
    well_without: int
    early: int = 0
    reach: float = 1.0


def seen(asked: Asked, flips: Mapping[str, float]) -> Seen:
    """Count; a host that has a change for less long than those that are ill may still fall ill."""
    ill = [asked.at - flips[h] for h in asked.ill if h in flips]
    well = [asked.at - flips[h] for h in asked.well if h in flips]
    without = len(asked.ill) - len(ill), len(asked.well) - len(well)
    if not ill or not well:
        return Seen(len(ill), len(well), *without)
    youngest = min(ill)
    lag, since = _lag(asked, flips, youngest)
    apart = SCATTER * lag + SOONEST
    young = min(youngest - apart, lag + apart)
    early = len([age for age in well if age < young])
    reach = since / (since + apart)
    return Seen(len(ill), len(well) - early, *without, early, reach)


def _lag(asked: Asked, flips: Mapping[str, float], youngest: float) -> tuple[float, float]:
    """Give after how many seconds the change did its harm, and how long that has lasted: by the onsets, else by the youngest change
    of an ill host, so many seconds old.
    """
    lags = [at - flips[h] for h, at in asked.onsets.items() if h in flips]
    if lags:
        return max(middle(lags), 0.0), max(asked.at - middle(asked.onsets.values()), 0.0)
    return max(youngest - ELAPSED, 0.0), ELAPSED


def local(asked: Asked, counts: Seen, flips: Mapping[str, float]) -> tuple[float, float]:
    """Give the likelihoods (natural logarithms) of which hosts are ill, and also of which are well, if the change breaks the hosts
    that it is on, at least one of those that are ill.
    """
    if not asked.ill:
        return 0.0, 0.0
    if not counts.ill:
        return NEVER, NEVER
    if not asked.counted:
        named = _named(asked, counts, flips)
        return named, named
    stray = counts.ill_without * STRAY
    fine = counts.well_without * FINE
    struck = _struck(counts.ill, counts.well, ALL * counts.reach)
    return stray + _struck(counts.ill, 0, ALL), stray + fine + struck


def _named(asked: Asked, counts: Seen, flips: Mapping[str, float]) -> float:
    """Weigh hosts that somebody named as ill, if the change breaks those that it is on: they are all that are ill, or some of many."""
    whole, size = len(asked.fleet), sum(host in asked.fleet for host in flips) or len(flips)
    if not whole:
        return counts.ill_without * math.log(MISNAMED)
    just = counts.ill_without * STRAY + _struck(counts.ill, size - counts.ill, ALL)
    inside = math.log((1 - MISNAMED) / size + MISNAMED / whole)
    some = counts.ill * inside + counts.ill_without * math.log(MISNAMED / whole)
    return either(NAMED_ALL, just, some + math.lgamma(len(asked.ill) + 1))


def shared(asked: Asked) -> tuple[float, float]:
    """Give the same if it harms any host of the ill service."""
    ill = len(asked.ill)
    if asked.counted:
        return _struck(ill, 0, ALL), _struck(ill, len(asked.well), ALL)
    named = _of_fleet(asked, lambda others: _struck(ill, others, ALL))
    return named, named


def outside(asked: Asked) -> tuple[float, float]:
    """Give the same if no change did it: it is on all hosts, on one, or on any part of them."""
    ill, well = len(asked.ill), len(asked.well)
    if asked.counted:
        return _anyhow(ill, 0, ill + well), _anyhow(ill, well, ill + well)
    named = _of_fleet(asked, lambda others: _anyhow(ill, others, ill + others))
    return named, named


def _of_fleet(asked: Asked, just: Callable[[int], float]) -> float:
    """Weigh hosts that somebody named, if any of the fleet may be ill; `just` gives how likely it is that these are all, and so many others well."""
    ill, whole = len(asked.ill), len(asked.fleet)
    if not (ill and whole):
        return 0.0
    return either(NAMED_ALL, just(whole - ill), math.lgamma(ill + 1) - ill * math.log(whole))


def _anyhow(ill: int, well: int, looked: int) -> float:
    one = math.log(ill / looked * SHOWS) + (ill - 1) * math.log(ANYWAY) + well * FINE
    either_one = either(EVERYWHERE / (EVERYWHERE + ONE), ill * SHOWN + well * SPARED, one)
    return either(EVERYWHERE + ONE, either_one, _part(ill, well))


def _struck(ill: int, well: int, whole: float) -> float:
    """Give how likely it is (natural logarithm) that of hosts which may be harmed just these are, if `whole` (0..1) is how often all are."""
    part = _part(ill + MOSTLY, well) - OF_PART
    return either(whole, ill * SHOWN + well * SPARED, part)


@lru_cache(maxsize=1 << 12)
def _part(ill: float, well: float) -> float:
    """Give the same if any part of them is as likely as another (a beta-binomial)."""
    return math.lgamma(ill + 1) + math.lgamma(well + 1) - math.lgamma(ill + well + 2)


def either(part: float, one: float, other: float) -> float:
    """Give the likelihood (natural logarithm) of what may have come about in two ways, the first as often as `part` (0..1)."""
    if part <= 0 or one == NEVER:
        return other + math.log(1 - part) if part < 1 else one
    if part >= 1 or other == NEVER:
        return one + math.log(part)
    if other > one:
        part, one, other = 1 - part, other, one
    return one + math.log(part + (1 - part) * math.exp(other - one))
