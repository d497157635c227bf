"""One candidate weighed: the bits of every term, before anybody puts them into words."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from opskit.blame.terms import hosts, lag, passed, prior, timing
from opskit.blame.terms.hosts import Seen, either
from opskit.blame.terms.lag import middle
from opskit.blame.terms.weights import GONE, TRUST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opskit.blame.model import Candidate, TextEvidence
    from opskit.blame.terms.asked import Asked
    from opskit.blame.terms.passed import Pass
    from opskit.blame.terms.trace import Trace


FAINTEST = 1e-12
"""No time is so unlikely that nothing could outweigh it."""
LN2 = math.log(2)
TERMS: Final = 11
NOBODY = Seen(0, 0, 0, 0)


class Way(NamedTuple):
    """Likelihoods (natural logarithms) if it came about in one way: of the time, of who is ill, also of who is well, of the onsets' order."""

    time: float
    ill: float = 0.0
    well: float = 0.0
    lag: float = 0.0


class Chance(NamedTuple):
    """What is the same for all candidates: the way if no change did it, and, but for its time, if a change harms a whole service; when ill hosts were last well."""

    outside: Way
    shared: Way
    passes: Mapping[str, Pass]


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
    passed: float
    reaction: float
    counts: Seen
    lags: tuple[float, ...]

    @property
    def bits(self) -> float:
        """Their sum."""
        return sum(self[:TERMS])


def chance(asked: Asked, pace: float, candidates: Sequence[Candidate]) -> Chance:
    """Weigh what competes with all candidates: that none of them did it, at so many changes a minute."""
    at_once = lag.at_once(asked)
    outside = Way(math.log(pace), *hosts.outside(asked), at_once)
    shared = Way(0.0, *hosts.shared(asked), at_once)
    return Chance(outside, shared, passed.passes(asked, candidates))


def weigh(
    asked: Asked, by_chance: Chance, candidate: Candidate, trace: Trace, text: TextEvidence | None
) -> Weighed:
    """Weigh a candidate.

    What it is on and what it harms may be the same hosts (`local`) or not (`shared`): both ways are followed through all terms, so that
    what speaks for one of them in one term is not held against it in the next.
    """
    counts = hosts.seen(asked, trace.flips) if asked.ill else NOBODY
    found = lag.lags(asked, trace.flips) if asked.onsets else []
    anywhere = timing.since(asked, trace.flips or {"": trace.began})
    local = _local(asked, trace, counts, found, anywhere)
    shared = Way(_log(anywhere), *by_chance.shared[1:])
    time, ill, well, order = _ratios(
        prior.shared_part(asked, candidate), local, shared, by_chance.outside
    )
    return Weighed(
        time=time,
        hosts=ill,
        well=well,
        lag=order,
        kind=prior.kind_bits(candidate),
        outcome=prior.outcome_bits(candidate),
        distance=prior.distance_bits(asked, candidate),
        text=_text_bits(text),
        gone=GONE if trace.gone else 0.0,
        passed=passed.passed_bits(asked, trace, by_chance.passes),
        reaction=prior.reaction_bits(asked, candidate, trace.began),
        counts=counts,
        lags=tuple(found),
    )


def _ratios(part: float, local: Way, shared: Way, outside: Way) -> tuple[float, ...]:
    """Give the bits of the four terms: each what it adds to those before it, the ways taken together."""
    sums = [
        TRUST * (either(1 - part, a, b) - c) / LN2
        for a, b, c in zip(_sums(local), _sums(shared), _sums(outside), strict=True)
    ]
    return tuple(after - before for before, after in pairwise((0.0, *sums)))


def _sums(way: Way) -> tuple[float, float, float, float]:
    """Give the likelihoods of ever more of what is known: the time, and who is ill, and who is well, and in which order they fell ill."""
    time, ill, well, order = way
    return time, time + ill, time + well, time + well + order


def _text_bits(text: TextEvidence | None) -> float:
    return TRUST * text.bits if text and math.isfinite(text.bits) else 0.0


def _local(asked: Asked, trace: Trace, counts: Seen, found: list[float], anywhere: float) -> Way:
    """Weigh that it harms the hosts that it is on; `anywhere` is the density of time over all of them."""
    harmed = {h: at for h, at in trace.flips.items() if h in asked.ill} if counts.ill else {}
    if found:
        time = timing.density(max(middle(found), 0.0) / 60, dated=True)
    elif harmed:
        time = timing.since(asked, harmed)
    else:
        time = anywhere
    order = lag.local(asked, found) if asked.onsets else 0.0
    return Way(_log(time), *hosts.local(asked, counts, trace.flips), order)


def _log(value: float) -> float:
    return math.log(max(value, FAINTEST))
