"""The terms of hosts: a change breaks hosts that it is on, and its others are the control group."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from opskit.blame.terms.weights import ALL, ANYWAY, CLOCKS, EVERYWHERE, MISNAMED, ONE, SHOWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.blame.terms.asked import Asked


class Seen(NamedTuple):
    """How many hosts are ill and had it, well though they had it, ill without it, well without it; `early` were changed too late to tell."""

    ill: int
    well: int
    ill_without: int
    well_without: int
    early: int = 0


def seen(asked: Asked, flips: Mapping[str, float]) -> Seen:
    """Count: a host that has a change for less long than any ill one may still fall ill, and so says nothing."""
    ill = [h for h in asked.ill if h in flips and _before(asked, h, flips[h])]
    well = [flips[h] for h in asked.well if h in flips]
    newest = max((flips[h] for h in ill), default=math.inf)
    old = sum(at <= newest for at in well)
    return Seen(
        len(ill), old, len(asked.ill) - len(ill), len(asked.well) - len(well), len(well) - old
    )


def _before(asked: Asked, host: str, flip: float) -> bool:
    return flip <= asked.onsets.get(host, asked.at) + CLOCKS


def local(asked: Asked, counts: Seen, size: int) -> tuple[float, float]:
    """Give the likelihoods (natural logarithms) of which hosts are ill, and also of which are well, if the change breaks the hosts
    that it is on; `size` is how many those are.
    """
    if not asked.counted:
        inside = (1 - MISNAMED) / max(size, 1) + MISNAMED / asked.size
        named = counts.ill * math.log(inside) + counts.ill_without * math.log(
            MISNAMED / asked.size
        )
        return named, named
    stray = counts.ill_without * math.log(ANYWAY)
    fine = counts.well_without * math.log(1 - ANYWAY)
    return stray + _struck(counts.ill, 0), stray + fine + _struck(counts.ill, counts.well)


def shared(asked: Asked) -> tuple[float, float]:
    """Give the same if it harms any host of the ill service."""
    if not asked.counted:
        named = -len(asked.ill) * math.log(asked.size) if asked.ill else 0.0
        return named, named
    ill, well = len(asked.ill), len(asked.well)
    return _struck(ill, 0), _struck(ill, well)


def outside(asked: Asked) -> tuple[float, float]:
    """Give the same if no change did it: it is on all hosts, on one, or on any part of them."""
    if not asked.counted:
        return shared(asked)
    ill, well = len(asked.ill), len(asked.well)
    return _anyhow(ill, 0, ill + well), _anyhow(ill, well, ill + well)


def _anyhow(ill: int, well: int, looked: int) -> float:
    one = math.log(ill / looked * SHOWS) + (ill - 1) * math.log(ANYWAY)
    return either(
        (EVERYWHERE, _all(ill, well)),
        (ONE, one + well * math.log(1 - ANYWAY)),
        (1 - EVERYWHERE - ONE, _part(ill, well)),
    )


def _struck(ill: int, well: int) -> float:
    """Give how likely it is (natural logarithm) that of hosts which may be harmed just these are."""
    return either((ALL, _all(ill, well)), (1 - ALL, _part(ill, well)))


def _all(ill: int, well: int) -> float:
    return ill * math.log(SHOWS) + well * math.log(1 - SHOWS)


def _part(ill: int, well: int) -> float:
    """Give the same if any part of them is as likely as another (a beta-binomial)."""
    return math.lgamma(ill + 1) + math.lgamma(well + 1) - math.lgamma(ill + well + 2)


def either(*ways: tuple[float, float]) -> float:
    """Give the likelihood (natural logarithm) of what may have come about in several ways: (how often, likelihood then)."""
    able = [(part, value) for part, value in ways if part > 0]
    top = max(value for _, value in able)
    return top + math.log(sum(part * math.exp(value - top) for part, value in able))
