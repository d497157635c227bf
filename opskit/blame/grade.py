"""How good blame's answers were: each trouble whose culprit somebody named is asked about again, with what was known then.

A case is a question and the rollouts that turned out to be guilty of it. The first answer is right if it is one of those, the first three
if one of them is. Where blame says that nothing in the changelog explains the trouble, that is its first answer, and its suspects come after it. Two baselines stand beside it: the
latest change before the onset, and the latest of those that came to a host that shows the symptom. Under `ENOUGH` cases nothing is claimed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from opskit.blame.model import Question
from opskit.changelog.ruling import GUILTY, holding, is_about

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from opskit.blame.model import Answer, Candidate
    from opskit.changelog import Asked, VerdictEntry
    from opskit.changelog.ruling import Seen

ENOUGH = 20
"""Fewer cases say nothing: with 19, even 95 % of an interval that is all right begins at 0.83."""
TOP = 3
SOON = timedelta(minutes=10)
"""After the onset, until when a trouble is taken to have been asked about, if nobody said when."""
Z = 1.959963984540054  # of the normal distribution, for 95 %


@dataclass(frozen=True, slots=True)
class Case:
    """A trouble that was cleared up: the question, the ids of what turned out to be guilty, and until when events were known.

    `by` are the ids of the verdicts that say so, `seen` what hosts told then of changes that no rollout made.
    """

    question: Question
    guilty: frozenset[str]
    known: datetime
    by: tuple[str, ...]
    seen: tuple[Seen, ...] = ()


@dataclass(frozen=True, slots=True)
class Rate:
    """Right `right` times of `n`, and the 95 % interval of the rate (Wilson's), None for none."""

    right: int
    n: int

    @property
    def value(self) -> float | None:
        """The rate itself."""
        return self.right / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Between what the true rate lies, 19 times of 20."""
        if not self.n:
            return None
        p, n, zz = self.right / self.n, self.n, Z * Z
        middle = (p + zz / (2 * n)) / (1 + zz / n)
        half = Z * math.sqrt(p * (1 - p) / n + zz / (4 * n * n)) / (1 + zz / n)
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class Way:
    """A way to answer: how often its first, and one of its first three, was right."""

    name: str
    first: Rate
    three: Rate


@dataclass(frozen=True, slots=True)
class Miss:
    """A case whose first answer was wrong: what blame said instead ("" for: nothing in the changelog explains it)."""

    case: Case
    said: str


@dataclass(frozen=True, slots=True)
class Grade:
    """How good blame and its baselines were on `n` cases.

    `unasked` are guilty verdicts that say neither an onset nor a question, and so cannot be graded; `innocent` verdicts hold
    beside. `misses` are the cases that blame's first answer got wrong, the newest first.
    """

    n: int
    ways: tuple[Way, ...]
    unasked: int
    innocent: int
    misses: tuple[Miss, ...]

    @property
    def is_enough(self) -> bool:
        """Whether there are enough cases to claim anything."""
        return self.n >= ENOUGH


@dataclass(frozen=True, slots=True)
class Cases:
    """Cases, the newest first, and how many verdicts are none."""

    cases: tuple[Case, ...]
    unasked: int
    innocent: int


def cases(given: Iterable[VerdictEntry]) -> Cases:
    """Give the cases that verdicts make (the newest first, each with its standing), of each rollout only the one that holds.

    Several that were guilty of the same incident, or answer the same question, make one case: any of them is right.
    """
    of_rollout: dict[str, list[VerdictEntry]] = {}
    for each in given:
        of_rollout.setdefault(each.rollout, []).insert(0, each)
    held = [one for each in of_rollout.values() if (one := holding(each))]
    guilty = [one for one in held if one.verdict == GUILTY]
    asked = [one for one in guilty if one.asked or one.onset]
    together: dict[object, list[VerdictEntry]] = {}
    for one in asked:
        together.setdefault(_trouble(one), []).append(one)
    made = sorted(map(_case, together.values()), key=lambda case: case.known, reverse=True)
    return Cases(tuple(made), len(guilty) - len(asked), len(held) - len(guilty))


def grade(
    found: Cases,
    recall: Callable[[Case], Sequence[Candidate]],
    answer: Callable[[Question, Sequence[Candidate]], Answer],
) -> Grade:
    """Answer each case again, and its baselines; `recall` gives the candidates as they were known at its time."""
    ranked: dict[str, list[Sequence[str]]] = {"blame": [], "latest": [], "latest there": []}
    misses = []
    for case in found.cases:
        candidates = recall(case)
        said = answer(case.question, candidates)
        names = [suspect.candidate.id for suspect in said.suspects]
        first = names[0] if said.explains else ""
        ranked["blame"].append(names if first else ["", *names])
        ranked["latest"].append(latest(case.question, candidates))
        ranked["latest there"].append(latest_there(case.question, candidates))
        if first not in case.guilty:
            misses.append(Miss(case, first))
    ways = tuple(_way(name, found.cases, given) for name, given in ranked.items())
    return Grade(len(found.cases), ways, found.unasked, found.innocent, tuple(misses))


def latest(question: Question, candidates: Iterable[Candidate]) -> list[str]:
    """Give what changed hosts before the onset, the latest first."""
    return _by_time({each.id: [*each.flips.values()] for each in candidates}, onset(question))


def latest_there(question: Question, candidates: Iterable[Candidate]) -> list[str]:
    """Give what changed a host that shows the symptom before the onset, the latest first; any host, if nobody knows which do."""
    ill = {*question.ill, *question.onsets}
    told = {
        each.id: [at for host, at in each.flips.items() if not ill or host in ill]
        for each in candidates
    }
    return _by_time(told, onset(question))


def onset(question: Question) -> datetime:
    """Give when the trouble was there first, as far as anybody knows."""
    return min((question.at, *question.onsets.values()))


def _by_time(told: Mapping[str, Sequence[datetime]], until: datetime) -> list[str]:
    last = {name: max((at for at in times if at <= until), default=None) for name, times in told.items()}  # fmt: skip
    found = sorted(((at, name) for name, at in last.items() if at), reverse=True)
    return [name for _, name in found]


def _way(name: str, asked: Sequence[Case], given: Sequence[Sequence[str]]) -> Way:
    pairs = list(zip(asked, given, strict=True))
    first = sum(bool(names[:1]) and names[0] in case.guilty for case, names in pairs)
    three = sum(bool(case.guilty & {*names[:TOP]}) for case, names in pairs)
    return Way(name, Rate(first, len(pairs)), Rate(three, len(pairs)))


def _trouble(one: VerdictEntry) -> object:
    """Give what verdicts on the same trouble have in common."""
    return one.incident or one.asked or one.rollout


def _case(together: Sequence[VerdictEntry]) -> Case:
    best = next((one for one in together if one.asked and is_about(one.asked, one.onset)), None)
    best = best or next((one._replace(asked=None) for one in together if one.onset), together[0])
    names, by = frozenset(one.rollout for one in together), tuple(one.id for one in together)
    if best.asked is None:
        assert best.onset is not None  # noqa: S101 - for mypy: `cases` has left out the others
        question = Question(at=best.onset, is_onset=True, environment=best.environment)
        return Case(question, names, best.onset + SOON, by)
    return Case(_question(best.asked), names, best.asked.when, by, best.asked.seen)


def _question(asked: Asked) -> Question:
    """Give the question as it was asked: what was known only later, as the onset that a verdict says, does not count."""
    return Question(
        at=asked.at,
        is_onset=asked.is_onset,
        by_check=asked.by_check,
        environment=asked.environment,
        services=asked.services,
        needed=asked.needed,
        needing=asked.needing,
        ill=asked.ill,
        well=asked.well,
        fleet=asked.fleet,
        onsets=dict(asked.onsets),
        symptom=asked.symptom,
    )
