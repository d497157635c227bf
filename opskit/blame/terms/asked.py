"""The question in numbers: what is asked once, and weighed with every candidate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.blame.terms.weights import CLOCKS, FEW, LOGGED_HOSTS, STRAY_OF

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opskit.blame.model import Question


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its times in seconds.

    `first` is when the trouble was seen first, `dated` whether that is its onset. `onsets` are of at most so many hosts as count.
    `counted` is whether hosts were looked at one by one, so that those which are not ill say something; `fleet` are all hosts, empty
    if nobody knows which those are. By `slack` seconds at most may what is said of times be off.
    """

    question: Question
    at: float
    first: float
    dated: bool
    ill: frozenset[str]
    well: frozenset[str]
    onsets: Mapping[str, float]
    counted: bool
    fleet: frozenset[str]
    slack: float = CLOCKS


def ask(question: Question) -> Asked:
    """Bring a question into numbers; a host that is said to be ill and well is ill."""
    at = question.at.timestamp()
    onsets = {host: min(seen.timestamp(), at) for host, seen in question.onsets.items()}
    ill = frozenset(question.ill) | onsets.keys()
    well = frozenset(question.well) - ill
    fleet = (ill | well | set(question.fleet)) if question.fleet else frozenset()
    return Asked(
        question=question,
        at=at,
        first=_first(sorted(onsets.values())) if onsets else at,
        dated=question.is_onset or bool(onsets),
        ill=ill,
        well=well,
        onsets=_some(onsets),
        counted=bool(ill) and (bool(well) or ill == fleet),
        fleet=fleet,
        slack=CLOCKS if question.within is None else question.within,
    )


def _first(onsets: Sequence[float]) -> float:
    """Give the first onset; of many, one that is not the very first: a few are the same words, said of something else."""
    return onsets[max(len(onsets) // STRAY_OF, int(len(onsets) >= FEW))]


def _some(onsets: Mapping[str, float]) -> Mapping[str, float]:
    """Give as many as count, evenly from first to last."""
    if len(onsets) <= LOGGED_HOSTS:
        return onsets
    order = sorted(onsets.items(), key=lambda pair: (pair[1], pair[0]))
    step = (len(order) - 1) / (LOGGED_HOSTS - 1)
    return dict(order[round(number * step)] for number in range(LOGGED_HOSTS))
