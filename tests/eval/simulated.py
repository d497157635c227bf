"""Simulated fleets, ranked: the tables of `python -m tests.eval blame`."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.blame.score import rank
from tests.eval import baselines
from tests.eval.cases import case

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.eval.cases import Case

BASELINES = {"latest": baselines.latest, "latest on an ill host": baselines.latest_there}


@dataclass(frozen=True)
class Outcome:
    """How a case came out: places count from 1, 0 is not found; `truth` is the belief in what is true, `sure` in what was said."""

    seed: int
    level: str
    how: str
    contains: bool
    guilty: bool
    place: int
    nothing: bool
    truth: float
    sure: float
    baselines: tuple[int, ...]

    @property
    def right(self) -> bool:
        return (self.place == 1 and not self.nothing) if self.guilty else self.nothing


def outcome(seed: int) -> Outcome | None:
    """Rank the case of a seed; None if there is none."""
    made = case(seed)
    return judge(made) if made else None


def judge(made: Case) -> Outcome:
    """Rank a case, and compare with what is true."""
    known = made.known
    answer = rank(known.question, known.candidates, known.texts)
    order = [suspect.candidate.id for suspect in answer.suspects]
    shares = {suspect.candidate.id: suspect.share for suspect in answer.suspects}
    said = [ranked(known.question, known.candidates) for ranked in BASELINES.values()]
    nothing = not answer.explains
    return Outcome(
        seed=made.seed,
        level=known.level,
        how=made.how,
        contains=made.contains,
        guilty=bool(made.culprit),
        place=_place(order, made.culprit),
        nothing=nothing,
        truth=shares.get(made.culprit, 0.0) if made.culprit else answer.outside,
        sure=answer.outside if nothing else answer.suspects[0].share,
        baselines=tuple(_place(names, made.culprit) for names in said),
    )


def _place(names: Sequence[str], name: str) -> int:
    return names.index(name) + 1 if name in names else 0


def innocent(seed: int) -> Outcome | None:
    """Rank the case of a seed that no change has caused; None if that is not in the evidence."""
    made = case(seed, innocent=True)
    return judge(made) if made and made.contains else None


def run(
    seeds: Sequence[int], jobs: int = 1, judged: Callable[[int], Outcome | None] = outcome
) -> list[Outcome]:
    """Rank the cases of these seeds, in their order."""
    if jobs == 1:
        return [found for found in map(judged, seeds) if found]
    with ProcessPoolExecutor(jobs) as pool:
        return [found for found in pool.map(judged, seeds, chunksize=64) if found]
