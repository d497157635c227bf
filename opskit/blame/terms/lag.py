"""The term of lag: where a change went from batch to batch, its trouble follows it from host to host."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from opskit.blame.terms.weights import CLOCKS, CLOCKS_OFF, OFF_BY, SCALES, STRAYS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from opskit.blame.terms.asked import Asked

STRAY, OFF = STRAYS / 86400, math.log(CLOCKS_OFF)
"""An onset of something else may be at any second of a day."""
LAPLACE = tuple(((1 - STRAYS) / (2 * scale), -1 / scale) for scale in SCALES)
"""Laplace's distribution of each scale: its density where it is highest, and the rate at which that falls."""


def lags(asked: Asked, flips: Mapping[str, float]) -> list[float]:
    """Give how long (seconds) after its change each host fell ill, where both are known, and as far as clocks may be off in that order."""
    found = [seen - flips[host] for host, seen in asked.onsets.items() if host in flips]
    after = [lag for lag in found if lag >= -OFF_BY]
    return after if after and middle(after) >= -asked.slack else []


def local(asked: Asked, found: Collection[float]) -> float:
    """Give the likelihood (natural logarithm) of how the onsets lie, if each host fell ill so long after its change."""
    strays = len(asked.onsets) - max(len(found), 1)
    off = sum(lag < -CLOCKS for lag in found)
    return together(found) + strays * math.log(STRAY) + off * OFF


def middle(times: Collection[float]) -> float:
    """Give the median, of an even number the upper one: quicker than the library's, and asked for thousands of times."""
    return sorted(times)[len(times) // 2]


def at_once(asked: Asked) -> float:
    """Give the same if all fell ill at one time, whenever they were changed."""
    return together(list(asked.onsets.values()))


def together(times: Collection[float]) -> float:
    """Give the likelihood (natural logarithm) that times lie around their middle as they do; how far they may scatter is not known."""
    if len(times) < 2:
        return 0.0
    centre = middle(times)
    apart = sorted(abs(time - centre) for time in times)[1:]
    # of at most LOGGED_HOSTS times the product is no smaller than a float can be
    whole = sum(
        math.prod([part * math.exp(gap * rate) + STRAY for gap in apart]) for part, rate in LAPLACE
    )
    return math.log(whole / len(LAPLACE))
