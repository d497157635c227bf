"""The terms of hosts: a change breaks hosts that it is on, and its others are the control group."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from opskit.blame.terms.weights import (
    ALL,
    ANYWAY,
    CLOCKS,
    EVERYWHERE,
    MISNAMED,
    MOSTLY,
    ONE,
    SHOWS,
    SOON,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from opskit.blame.terms.asked import Asked


NEVER = -math.inf
SHOWN, SPARED = math.log(SHOWS), math.log(1 - SHOWS)
STRAY, FINE = math.log(ANYWAY), math.log(1 - ANYWAY)


class Seen(NamedTuple):
    """How many hosts are ill and had it, well though they had it, ill without it, well without it.

    `doubts` are, for those that are well but were changed just now, how surely they would be ill by now (0..1).
    """

    ill: int
    well: int
    ill_without: int
    well_without: int
    doubts: tuple[float, ...] = ()


def seen(asked: Asked, flips: Mapping[str, float]) -> Seen:
    """Count; a host that has a change for less long than those that are ill may still fall ill."""
    ill = [h for h in asked.ill if h in flips and _before(asked, h, flips[h])]
    well = [asked.at - flips[h] for h in asked.well if h in flips]
    without = len(asked.ill) - len(ill), len(asked.well) - len(well)
    if not ill or not well:
        return Seen(len(ill), len(well), *without)
    soon = _soon(asked, flips, ill)
    whole = _by_then(soon)
    doubts = sorted(_by_then(age) / whole for age in well if age < soon)
    return Seen(len(ill), len(well), *without, tuple(doubts))


def _before(asked: Asked, host: str, flip: float) -> bool:
    return flip <= asked.onsets.get(host, asked.at) + CLOCKS


def _soon(asked: Asked, flips: Mapping[str, float], ill: Collection[str]) -> float:
    """Give after how many seconds a host would be ill for sure: by the ages of the change on those that are, and by their lags."""
    youngest = min(asked.at - flips[h] for h in ill)
    lags = [max(asked.onsets[h] - flips[h], 0.0) + CLOCKS for h in ill if h in asked.onsets]
    return min(youngest, median(lags)) if lags else youngest


def _by_then(seconds: float) -> float:
    """Give how surely trouble shows within so many seconds of its change."""
    minutes = max(seconds, 0.0) / 60
    return 1e-9 + sum(part * -math.expm1(-minutes / mean) for mean, part in SOON)


def local(asked: Asked, counts: Seen, size: int) -> tuple[float, float]:
    """Give the likelihoods (natural logarithms) of which hosts are ill, and also of which are well, if the change breaks the hosts
    that it is on, at least one of those that are ill; `size` is how many those are.
    """
    if asked.ill and not counts.ill:
        return NEVER, NEVER
    if not asked.counted:
        inside = (1 - MISNAMED) / max(size, 1) + MISNAMED / asked.size
        named = counts.ill * math.log(inside) + counts.ill_without * math.log(
            MISNAMED / asked.size
        )
        return named, named
    stray = counts.ill_without * STRAY
    fine = counts.well_without * FINE
    sure = counts.well - len(counts.doubts)
    return stray + _struck(counts.ill, 0), stray + fine + _struck(counts.ill, sure, counts.doubts)


def shared(asked: Asked) -> tuple[float, float]:
    """Give the same if it harms any host of the ill service."""
    if not asked.counted:
        named = -len(asked.ill) * math.log(asked.size) if asked.ill else 0.0
        return named, named
    return _struck(len(asked.ill), 0), _struck(len(asked.ill), len(asked.well))


def outside(asked: Asked) -> tuple[float, float]:
    """Give the same if no change did it: it is on all hosts, on one, or on any part of them."""
    if not asked.counted:
        return shared(asked)
    ill, well = len(asked.ill), len(asked.well)
    return _anyhow(ill, 0, ill + well), _anyhow(ill, well, ill + well)


def _anyhow(ill: int, well: int, looked: int) -> float:
    one = math.log(ill / looked * SHOWS) + (ill - 1) * math.log(ANYWAY) + well * FINE
    either_one = either(EVERYWHERE / (EVERYWHERE + ONE), ill * SHOWN + well * SPARED, one)
    return either(EVERYWHERE + ONE, either_one, _part(ill, well))


def _struck(ill: int, sure: int, doubts: Sequence[float] = ()) -> float:
    """Give how likely it is (natural logarithm) that of hosts which may be harmed just these are; `sure` and `doubts` are well."""
    spared, whole = sure * SPARED, float(sure)
    for doubt in doubts:
        spared += math.log(1 - SHOWS * doubt)
        whole += doubt
    part = _part(ill + MOSTLY, whole) - _part(MOSTLY, 0)
    return either(ALL, ill * SHOWN + spared, part)


def _part(ill: float, well: float) -> float:
    """Give the same if any part of them is as likely as another (a beta-binomial)."""
    return math.lgamma(ill + 1) + math.lgamma(well + 1) - math.lgamma(ill + well + 2)


def either(part: float, one: float, other: float) -> float:
    """Give the likelihood (natural logarithm) of what may have come about in two ways, the first as often as `part` (0..1)."""
    if part <= 0 or one == NEVER:
        return other + math.log(1 - part) if part < 1 else one
    if part >= 1 or other == NEVER:
        return one + math.log(part)
    top = max(one, other)
    return top + math.log(part * math.exp(one - top) + (1 - part) * math.exp(other - top))
