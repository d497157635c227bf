"""From candidates and a symptom to evidence: what they brought is read, weighed, and put into bits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.blame.model import CommitMatch, TextEvidence
from opskit.blame.text import symptom as symptoms
from opskit.blame.text.features import FEATURES, sheet
from opskit.blame.text.places import places
from opskit.blame.text.reading import texts
from opskit.blame.text.weights import MANY, WEIGHTS, least, outside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from opskit.blame.model import Candidate
    from opskit.blame.text.commits import CommitText

MOST_MATCHES = 5
MOST_WORDS = 8


@dataclass(frozen=True, slots=True)
class Weighed:
    """A commit, the natural logarithm of how well it fits, and what each word that it shares with the symptom adds."""

    commit: CommitText
    fit: float
    words: Mapping[str, float]


def compare(
    candidates: Sequence[Candidate], symptom: str, *, cache: Path | None
) -> Mapping[str, TextEvidence]:
    """Compare what each candidate brought with the symptom's text; by candidates' ids, without those that say nothing at all.

    Bits are log2 of how much likelier the text is if the candidate caused the trouble than if nothing of this did.
    What brought no commit may cause what it does not say: nothing is said against it, and it is left out. Commits come from
    the service's repository where it is at hand, else their subjects from the changelog. `cache` is a folder, made where it is missing.
    """
    asked = symptoms.read(symptom)
    if not asked.words:
        return {}
    said = texts(candidates, cache)
    weighed, rest = weigh(asked, said)
    fewest = least(len(asked.words))
    bits = {id_: max(fewest, _bits(weighed[id_], rest)) for id_ in said}
    return {
        id_: TextEvidence(bits[id_], tuple(_matches(asked, weighed[id_], rest)))
        for id_ in said
        if bits[id_] > 0 or any(one.commit.sha for one in weighed[id_])
    }


def weigh(
    asked: symptoms.Symptom, said: Mapping[str, Sequence[CommitText]]
) -> tuple[Mapping[str, Sequence[Weighed]], float]:
    """Weigh all commits beside each other; also gives the fit of what no candidate brought."""
    commits = [commit for each in said.values() for commit in each]
    told = sheet(asked, commits)
    factors = [WEIGHTS[name] for name in FEATURES]
    fits = [math.fsum(f * v for f, v in zip(factors, row, strict=True)) for row in told.rows]
    all_of = iter([Weighed(*one) for one in zip(commits, fits, told.words, strict=True)])
    weighed = {id_: [next(all_of) for _ in each] for id_, each in said.items()}
    rest = outside([_fit(each) for each in weighed.values()], told.share) if weighed else 0.0
    return weighed, rest


def together(fits: Sequence[float]) -> float:
    """Give the fit of several commits that came together: their mean, more for more of them."""
    most = max(fits)
    mean = math.fsum(math.exp(fit - most) for fit in fits) / len(fits)
    return most + math.log(mean) + MANY * math.log(len(fits))


def _fit(weighed: Sequence[Weighed]) -> float:
    return together([one.fit for one in weighed])


def _bits(weighed: Sequence[Weighed], rest: float) -> float:
    return (_fit(weighed) - rest) / math.log(2)


def _matches(
    asked: symptoms.Symptom, weighed: Sequence[Weighed], rest: float
) -> Iterator[CommitMatch]:
    good = [one for one in weighed if one.words and one.commit.sha]
    for one in sorted(good, key=lambda one: -one.fit)[:MOST_MATCHES]:
        commit, bits = one.commit, (one.fit - rest) / math.log(2)
        words, where = tuple(_spelled(asked, one.words)), tuple(places(commit, one.words))
        yield CommitMatch(commit.sha, commit.subject, commit.author, bits, words, where)


def _spelled(asked: symptoms.Symptom, words: Mapping[str, float]) -> Sequence[str]:
    """Give words as the symptom writes them, the most telling first; no part of an identifier beside the whole."""
    said: list[str] = []
    for word in sorted(words, key=lambda word: (-words[word], -len(word), word)):
        spelled = asked.spelled.get(word, word)
        if not any(spelled in other for other in said):
            said = [*(other for other in said if other not in spelled), spelled]
    return said[:MOST_WORDS]
