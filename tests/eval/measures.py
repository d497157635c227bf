"""How often a ranker is right, with 95 % intervals: Wilson's for rates, resampling for the mean reciprocal rank."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Z = 1.959964
RESAMPLED = 1000


@dataclass(frozen=True)
class Rate:
    """`value` of `n` (0..1, or a mean), between `low` and `high` at 95 %."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]" if self.n else "-"


def rate(hits: int, n: int) -> Rate:
    """Give a rate with Wilson's score interval."""
    if not n:
        return Rate(0, 0, 1, 0)
    share, wide = hits / n, Z * Z / n
    middle = (share + wide / 2) / (1 + wide)
    half = Z / (1 + wide) * math.sqrt(share * (1 - share) / n + wide / (4 * n))
    return Rate(share, max(middle - half, 0), min(middle + half, 1), n)


def mean(values: Sequence[float], seed: int = 0) -> Rate:
    """Give a mean with the interval in which 95 % of the means of resampled values lie."""
    n = len(values)
    if not n:
        return Rate(0, 0, 1, 0)
    dice = random.Random(seed)
    means = sorted(math.fsum(dice.choices(values, k=n)) / n for _ in range(RESAMPLED))
    low, high = means[round(0.025 * RESAMPLED)], means[round(0.975 * RESAMPLED) - 1]
    return Rate(math.fsum(values) / n, low, high, n)


def top(ranks: Sequence[int], count: int) -> Rate:
    """Give how often the guilty one is among the first; `ranks` count from 1, 0 is not found."""
    return rate(sum(0 < place <= count for place in ranks), len(ranks))


def reciprocal(ranks: Sequence[int]) -> Rate:
    """Give the mean reciprocal rank."""
    return mean([1 / place if place else 0.0 for place in ranks])
