"""Real history, ranked: how often the guilty deploy is found by the words of its fix, beside what anybody would say without weighing.

One repository is for learning, another for the report; nothing is learned from the latter. Both are local clones, or bare ones.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.blame.text import symptom as symptoms
from opskit.blame.text.compare import together
from opskit.blame.text.features import FEATURES, LONG, bm25, rarities, sheet
from opskit.blame.text.fields import fields
from opskit.blame.text.weights import AGE, WEIGHTS, outside
from tests.eval import measures, tables
from tests.eval.fitting import fit
from tests.eval.replay import DEPLOYS, SIZE, history, texts, troubles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opskit.blame.text.commits import CommitText
    from opskit.blame.text.symptom import Symptom
    from tests.eval.replay import Trouble

TUNED_ON = "https://github.com/openvswitch/ovs"
REPORTED_ON = "https://github.com/iproute2/iproute2"
FOLDS = 5
TIME = "time"
NAMES = (*FEATURES, TIME)
OURS = {**WEIGHTS, TIME: AGE}


@dataclass(frozen=True)
class Case:
    """A trouble: `rows` are each commit's NAMES, `plain` its BM25 alone, `share` the part of the text that the best commit says."""

    trouble: Trouble
    rows: Sequence[Sequence[float]]
    plain: Sequence[float]
    share: float

    @property
    def guilty(self) -> int:
        """The guilty commit's place in the window; asked only of cases that have it there."""
        assert self.trouble.guilty is not None
        return self.trouble.guilty

    def deploys(self, weights: Sequence[float]) -> list[float]:
        """Give how well each deploy fits, the latest first."""
        fits = [math.fsum(w * v for w, v in zip(weights, row, strict=True)) for row in self.rows]
        return [together(part) for part in _parts(fits)]

    @property
    def explained(self) -> bool:
        """Whether words alone believe more in the window than in a cause that is not in it."""
        fits = self.deploys([OURS[name] if name != TIME else 0.0 for name in NAMES])
        rest = outside(fits, self.share)
        return math.fsum(math.exp(fit - rest) for fit in fits) > len(fits)


def cases(repository: Path) -> list[Case]:
    """Read a repository's troubles, with what its commits say; slow: every commit of every window is read."""
    found = list(troubles(history(repository)))
    said = texts(repository, list(dict.fromkeys(sha for each in found for sha in each.window)))
    return [case for trouble in found if (case := _case(trouble, said))]


def _case(trouble: Trouble, said: Mapping[str, CommitText]) -> Case | None:
    asked = symptoms.read(trouble.text)
    commits = [said[sha] for sha in trouble.window if sha in said]
    if len(commits) < DEPLOYS * SIZE:
        return None
    told = sheet(asked, commits)
    rows = [(*row, -place / 100) for place, row in enumerate(told.rows)]
    return Case(trouble, rows, _plain(asked, commits), told.share)


def _plain(asked: Symptom, commits: Sequence[CommitText]) -> list[float]:
    """Give BM25 over message and diff, all words alike."""
    parts = [fields(commit, asked.words.keys()).whole for commit in commits]
    seen = Counter(word for part in parts for word in part.words)
    weights = rarities(seen, seen, len(parts))
    usual = sum(part.size for part in parts) / len(parts)
    return [math.fsum(words.values()) for words in bm25(weights, parts, LONG, usual)]


def _parts(values: Sequence[float]) -> Iterator[Sequence[float]]:
    return (values[place : place + SIZE] for place in range(0, len(values), SIZE))


def place(fits: Sequence[float], guilty: int) -> int:
    """Give the guilty deploy's place, from 1; of equals it is the last."""
    return sum(fit >= fits[guilty // SIZE] for fit in fits)


def learn(known: Sequence[Case]) -> list[float]:
    """Give the weights under which what is known to be guilty is likeliest."""
    return fit([case.rows for case in known], [case.guilty for case in known])


def crossed(known: Sequence[Case]) -> list[int]:
    """Give the places in cases, each fifth of the history by what the others teach."""
    places: list[int] = []
    for k in range(FOLDS):
        fold = range(len(known) * k // FOLDS, len(known) * (k + 1) // FOLDS)
        weights = learn([case for n, case in enumerate(known) if n not in fold])
        places += [place(known[n].deploys(weights), known[n].guilty) for n in fold]
    return places


def rankings(known: Sequence[Case]) -> Iterator[tuple[str, list[int]]]:
    """Give each ranker's places: the two that do not weigh, ours, and ours without each of its parts."""
    latest = [float(-deploy) for deploy in range(DEPLOYS)]
    yield "latest deploy", [place(latest, case.guilty) for case in known]
    plain = [[max(part) for part in _parts(case.plain)] for case in known]
    yield (
        "BM25, best commit",
        [place(fits, c.guilty) for fits, c in zip(plain, known, strict=True)],
    )
    yield "opskit blame", ours(known)
    for name in NAMES:
        yield f"  without {name}", ours(known, without=name)


def ours(known: Sequence[Case], without: str = "") -> list[int]:
    """Give the places by blame's weights."""
    weights = [0.0 if name == without else OURS[name] for name in NAMES]
    return [place(case.deploys(weights), case.guilty) for case in known]


def lines(tune: Path | None, report: Path | None) -> Iterator[str]:
    """Give the tables of the repositories that are at hand; by default those that the environment names."""
    tune, report = tune or _named("OPSKIT_EVAL_TUNE"), report or _named("OPSKIT_EVAL_REPORT")
    if not tune:
        yield f"Real history to learn from: git clone {TUNED_ON}, then --tune PATH"
    else:
        found = cases(tune)
        known = [case for case in found if case.trouble.guilty is not None]
        yield from table("Real history that the weights were learned from", found)
        yield tables.row("learned, five folds", *_cells(crossed(known)))
        weights = zip(NAMES, learn(known), strict=True)
        yield f"  weights: {', '.join(f'{name} {weight:.2f}' for name, weight in weights)}\n"
    if not report:
        yield f"Real history to report on: git clone {REPORTED_ON}, then --report PATH"
    else:
        found = cases(report)
        yield from table("Real history that nothing was learned from", found)
        yield from worst([case for case in found if case.trouble.guilty is not None])


def table(title: str, found: Sequence[Case]) -> Iterator[str]:
    """Give the table of one repository."""
    known = [case for case in found if case.trouble.guilty is not None]
    older = [case for case in found if case.trouble.guilty is None]
    yield f"{title}: {len(known)} fixes, the {DEPLOYS} deploys of {SIZE} commits before each"
    yield tables.row("", "top-1", "top-3", "MRR")
    yield from (tables.row(name, *_cells(places)) for name, places in rankings(known))
    right = measures.rate(sum(not case.explained for case in older), len(older))
    wrong = measures.rate(sum(not case.explained for case in known), len(known))
    yield f'  "nothing here" by words alone, rightly: {right} of {right.n} fixes of what is older than the window'
    yield f'  "nothing here" by words alone, wrongly: {wrong} of {wrong.n}'


def _cells(places: Sequence[int]) -> Sequence[str]:
    return [
        str(measures.top(places, 1)),
        str(measures.top(places, 3)),
        str(measures.reciprocal(places)),
    ]


def worst(known: Sequence[Case], count: int = 3) -> Iterator[str]:
    """Say of the worst misses what was repaired, what was guilty, and what was blamed."""
    weights = [OURS[name] for name in NAMES]
    missed = sorted(zip(ours(known), known, strict=True), key=lambda one: -one[0])
    for found, case in missed[:count]:
        fits = case.deploys(weights)
        blamed = case.trouble.window[fits.index(max(fits)) * SIZE :][:SIZE]
        guilty = case.trouble.window[case.guilty]
        yield f"  place {found}: {case.trouble.fix[:12]} {case.trouble.subject!r} repairs {guilty[:12]}"
        yield f"    guilty: the deploy {case.guilty // SIZE + 1} back; blamed: the one that ends with {blamed[0][:12]}"


def _named(variable: str) -> Path | None:
    named = os.environ.get(variable)
    return Path(named) if named else None
