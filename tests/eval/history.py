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
from opskit.blame.text.features import FEATURES, LONG, bm25, sheet
from opskit.blame.text.fields import fields
from opskit.blame.text.weights import AGE, WEIGHTS
from tests.eval import measures
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
    """A trouble whose guilty commit is in the window: `rows` are each commit's NAMES, `plain` its BM25 alone."""

    trouble: Trouble
    guilty: int
    rows: Sequence[Sequence[float]]
    plain: Sequence[float]

    def deploys(self, weights: Sequence[float]) -> list[float]:
        """Give how well each deploy fits, the latest first."""
        fits = [math.fsum(w * v for w, v in zip(weights, row, strict=True)) for row in self.rows]
        return [together(part) for part in _parts(fits)]


def cases(repository: Path) -> list[Case]:
    """Read a repository's troubles, with what its commits say; slow: every commit of every window is read."""
    found = [trouble for trouble in troubles(history(repository)) if trouble.guilty is not None]
    said = texts(repository, list(dict.fromkeys(sha for each in found for sha in each.window)))
    return [case for trouble in found if (case := _case(trouble, said))]


def _case(trouble: Trouble, said: Mapping[str, CommitText]) -> Case | None:
    asked = symptoms.read(trouble.text)
    commits = [said[sha] for sha in trouble.window if sha in said]
    if trouble.guilty is None or len(commits) < DEPLOYS * SIZE:
        return None
    rows = [(*row, -place / 100) for place, row in enumerate(sheet(asked, commits).rows)]
    return Case(trouble, trouble.guilty, rows, _plain(asked, commits))


def _plain(asked: Symptom, commits: Sequence[CommitText]) -> list[float]:
    """Give BM25 over message and diff, all words alike."""
    parts = [fields(commit, asked.words.keys()).whole for commit in commits]
    seen = Counter(word for part in parts for word in part.words)
    many = len(parts)
    rarity = {w: math.log(1 + (many - n + 0.5) / (n + 0.5)) for w, n in seen.items()}
    return [math.fsum(words.values()) for words in bm25(rarity, parts, LONG)]


def _parts(values: Sequence[float]) -> Iterator[Sequence[float]]:
    return (values[place : place + SIZE] for place in range(0, len(values), SIZE))


def place(fits: Sequence[float], guilty: int) -> int:
    """Give the guilty deploy's place, from 1; of equals it is the last."""
    return sum(fit >= fits[guilty // SIZE] for fit in fits)


def learned(learning: Sequence[Case], asked: Sequence[Case]) -> list[int]:
    """Give the places in cases after weights were learned from others."""
    weights = fit([case.rows for case in learning], [case.guilty for case in learning])
    return [place(case.deploys(weights), case.guilty) for case in asked]


def crossed(known: Sequence[Case]) -> list[int]:
    """Give the places in cases, each fifth of the history by what the others teach."""
    folds = [range(len(known) * k // FOLDS, len(known) * (k + 1) // FOLDS) for k in range(FOLDS)]
    places: list[int] = []
    for fold in folds:
        others = [case for n, case in enumerate(known) if n not in fold]
        places += learned(others, [known[n] for n in fold])
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
    yield "opskit", ours(known)
    for name in NAMES:
        yield f"  without {name}", ours(known, without=name)


def ours(known: Sequence[Case], without: str = "") -> list[int]:
    """Give the places by blame's weights."""
    weights = [0.0 if name == without else OURS[name] for name in NAMES]
    return [place(case.deploys(weights), case.guilty) for case in known]


def lines(title: str, rows: Iterator[tuple[str, list[int]]]) -> Iterator[str]:
    """Give a table."""
    yield title
    yield f"{'':22} {'first':22} {'first three':22} {'MRR':22} {'n':>4}"
    for name, places in rows:
        cells = (measures.top(places, 1), measures.top(places, 3), measures.reciprocal(places))
        yield f"{name:22} {' '.join(f'{cell!s:22}' for cell in cells)} {len(places):4}"


def worst(known: Sequence[Case], count: int = 3) -> Iterator[str]:
    """Say of the worst misses what was repaired, what was guilty, and what was blamed."""
    weights = [OURS[name] for name in NAMES]
    missed = sorted(zip(ours(known), known, strict=True), key=lambda one: -one[0])
    for found, case in missed[:count]:
        fits = case.deploys(weights)
        blamed = case.trouble.window[fits.index(max(fits)) * SIZE :][:SIZE]
        guilty = case.trouble.window[case.guilty]
        yield f"place {found}: {case.trouble.fix[:12]} {case.trouble.subject!r} repairs {guilty[:12]}"
        yield f"  blamed: the deploy of {blamed[0][:12]}; guilty: deploy {case.guilty // SIZE + 1}"


def main(tune: Path | None, report: Path | None) -> None:
    """Print the tables of the repositories that are at hand; by default those that the environment names."""
    tune = tune or _named("OPSKIT_EVAL_TUNE")
    report = report or _named("OPSKIT_EVAL_REPORT")
    if not tune and not report:
        print(f"history: clone {TUNED_ON} and {REPORTED_ON}, then --tune PATH --report PATH")
    if tune:
        known = cases(tune)
        print(*lines(f"history to learn from: {tune.name}", rankings(known)), sep="\n")
        print(*lines("learned anew, five folds", iter([("opskit", crossed(known))])), sep="\n")
        weights = fit([case.rows for case in known], [case.guilty for case in known])
        print("weights:", {n: round(w, 2) for n, w in zip(NAMES, weights, strict=True)})
    if report:
        known = cases(report)
        print(
            *lines(f"history that nothing was learned from: {report.name}", rankings(known)),
            sep="\n",
        )
        print(*worst(known), sep="\n")


def _named(variable: str) -> Path | None:
    named = os.environ.get(variable)
    return Path(named) if named else None
