"""One candidate weighed: the bits of every term, before anybody puts them into words."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from opskit.blame.terms import hosts, lag, prior, timing
from opskit.blame.terms.hosts import Seen, either
from opskit.blame.terms.weights import GONE, TEXT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.blame.model import Candidate, TextEvidence
    from opskit.blame.terms.asked import Asked
    from opskit.blame.terms.trace import Trace


FAINTEST = 1e-12
"""No time is so unlikely that nothing could outweigh it."""


class Chance(NamedTuple):
    """Likelihoods (natural logarithms) if no change did it: of the time, of who is ill, also of who is well, of the onsets' order."""

    time: float
    ill: float
    well: float
    lag: float


class Weighed(NamedTuple):
    """A candidate's terms in bits; `counts` and `lags` are what those of hosts and lag are made of."""

    time: float
    hosts: float
    well: float
    lag: float
    kind: float
    outcome: float
    distance: float
    text: float
    gone: float
    counts: Seen
    lags: tuple[float, ...]

    @property
    def bits(self) -> float:
        """Their sum."""
        return sum(self[:9])


def chance(asked: Asked, pace: float) -> Chance:
    """Weigh what competes with all candidates: that none of them did it, at so many changes a minute."""
    ill, well = hosts.outside(asked)
    return Chance(math.log(pace), ill, well, lag.at_once(asked))


def weigh(
    asked: Asked, by_chance: Chance, candidate: Candidate, trace: Trace, text: TextEvidence | None
) -> Weighed:
    """Weigh a candidate.

    What it is on and what it harms may be the same hosts (`local`) or not (`shared`): both ways are followed through all terms, so that
    what speaks for one of them in one term is not held against it in the next.
    """
    counts, found = hosts.seen(asked, trace.flips), lag.lags(asked, trace.flips)
    by_host = _local(asked, trace, counts, found)
    at_all = _shared(asked, by_chance, candidate, trace)
    part = prior.shared_part(asked, candidate)
    sums = [either(1 - part, a, b) for a, b in zip(by_host, at_all, strict=True)]
    ratios = [
        (value - base) / math.log(2) for value, base in zip(sums, _sums(by_chance), strict=True)
    ]
    return Weighed(
        time=ratios[0],
        hosts=ratios[1] - ratios[0],
        well=ratios[2] - ratios[1],
        lag=ratios[3] - ratios[2],
        kind=prior.kind_bits(candidate),
        outcome=prior.outcome_bits(candidate),
        distance=prior.distance_bits(candidate),
        text=TEXT * text.bits if text else 0.0,
        gone=GONE if trace.gone else 0.0,
        counts=counts,
        lags=tuple(found),
    )


def _sums(way: Chance) -> tuple[float, float, float, float]:
    """Give the likelihoods of ever more of what is known: the time, and who is ill, and who is well, and in which order they fell ill."""
    return way.time, way.time + way.ill, way.time + way.well, way.time + way.well + way.lag


def _local(
    asked: Asked, trace: Trace, counts: Seen, found: list[float]
) -> tuple[float, float, float, float]:
    """Give these likelihoods if it harms the hosts that it is on."""
    if found:
        time = timing.density(median(found) / 60, dated=True)
    else:
        harmed = {h: at for h, at in trace.flips.items() if h in asked.ill}
        time = timing.since(asked, harmed or trace.flips)
    ill, well = hosts.local(asked, counts, len(trace.flips))
    order = lag.local(asked, found) if asked.onsets else 0.0
    return _sums(Chance(_log(time), ill, well, order))


def _shared(
    asked: Asked, by_chance: Chance, candidate: Candidate, trace: Trace
) -> tuple[float, float, float, float]:
    """Give these likelihoods if it harms any host of the ill service."""
    flips: Mapping[str, float] = trace.flips or {"": candidate.at.timestamp()}
    ill, well = hosts.shared(asked)
    return _sums(Chance(_log(timing.since(asked, flips)), ill, well, by_chance.lag))


def _log(value: float) -> float:
    return math.log(max(value, FAINTEST))
