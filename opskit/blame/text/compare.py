"""From candidates and a symptom to evidence: what they brought is read, weighed, and put into bits."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opskit.blame.model import CommitMatch, TextEvidence
from opskit.blame.text import lacking
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
    from opskit.blame.text.reading import Told

    Key = tuple[str, str, tuple[str, ...]]

MOST_MATCHES = 5
MOST_WORDS = 8


@dataclass(frozen=True, slots=True)
class Compared:
    """What the symptom's text says for candidates, by their ids; `missing` are sentences on commits that could not be compared."""

    texts: Mapping[str, TextEvidence] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Weighed:
    """A commit, the natural logarithm of how well it fits, and what each word that it shares with the symptom adds."""

    commit: CommitText
    fit: float
    words: Mapping[str, float]


def compare(candidates: Sequence[Candidate], symptom: str, *, cache: Path | None) -> Compared:
    """Compare what each candidate brought with the symptom's text; without those that say nothing at all.

    Bits are log2 of how much likelier the text is if the candidate caused the trouble than if nothing of this did.
    What brought no commit may cause what it does not say: nothing is said against it, and it is left out. Commits come from
    the service's repository where it is at hand, else their subjects from the changelog. Where some could not be read, nothing is said against
    these, and less for others; where none could, subjects are compared, and not what runs say of themselves. `cache` is a folder, made where it is missing.
    """
    asked = symptoms.read(symptom)
    if not asked.words:
        return Compared()
    absent = lacking.absent(candidates, cache)
    said = texts(candidates, cache, frozenset(id_ for ids in absent.values() for id_ in ids))
    return Compared(_evidence(asked, said), lacking.sentences(absent))


def _evidence(asked: symptoms.Symptom, said: Mapping[str, Told]) -> Mapping[str, TextEvidence]:
    known = _known(said)
    docs = {
        id_: one.commits if not known else (*one.commits, *one.own) for id_, one in said.items()
    }
    docs = {id_: each for id_, each in docs.items() if each}
    weighed, rest = weigh(asked, docs)
    found: dict[str, TextEvidence] = {}
    for id_, each in weighed.items():
        bits = max(least(len(asked.words)), _bits(each, rest))
        if known:
            bits = _unequal(bits, known, said[id_])
        if bits > 0 or said[id_].commits:
            found[id_] = TextEvidence(bits, tuple(_matches(asked, each, rest)), _own(asked, each))
    return found


def _known(said: Mapping[str, Told]) -> float:
    """Give of how many that brought commits (0..1) these could be read; 1 where nobody brought any."""
    brought = [one for one in said.values() if one.commits or one.lacks]
    return sum(not one.lacks for one in brought) / len(brought) if brought else 1.0


def _unequal(bits: float, known: float, one: Told) -> float:
    """Give what bits count for where not all could be compared: nothing against those that could not, and for the others as little as they
    were compared with."""
    return bits * known if bits > 0 else bits * (not one.lacks)


def weigh(
    asked: symptoms.Symptom, said: Mapping[str, Sequence[CommitText]]
) -> tuple[Mapping[str, Sequence[Weighed]], float]:
    """Weigh all commits beside each other, each once, however many brought it; also gives the fit of what no candidate brought."""
    distinct = {_key(commit): commit for each in said.values() for commit in each}
    told = sheet(asked, list(distinct.values()))
    factors = [WEIGHTS[name] for name in FEATURES]
    fits = [math.fsum(f * v for f, v in zip(factors, row, strict=True)) for row in told.rows]
    one = {
        key: Weighed(commit, fit, words)
        for (key, commit), fit, words in zip(distinct.items(), fits, told.words, strict=True)
    }
    weighed = {id_: [one[_key(commit)] for commit in each] for id_, each in said.items()}
    rest = outside([_fit(each) for each in _brought(weighed)], told.share) if weighed else 0.0
    return weighed, rest


def _key(commit: CommitText) -> Key:
    """Give what tells a commit from others: of two services, each has its own part; and what candidates say of themselves has no hash."""
    return commit.sha, commit.subject, tuple(file.path for file in commit.files)


def _brought(weighed: Mapping[str, Sequence[Weighed]]) -> Iterator[Sequence[Weighed]]:
    """Give the commits that each was the first to bring, so that what is tried again changes nothing; where there are none, what they say."""
    seen: set[Key] = set()
    has_commits = any(one.commit.sha for each in weighed.values() for one in each)
    for each in weighed.values():
        new = [
            one
            for one in each
            if (one.commit.sha or not has_commits) and _key(one.commit) not in seen
        ]
        seen.update(_key(one.commit) for one in new)
        if new:
            yield new


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


def _own(asked: symptoms.Symptom, weighed: Sequence[Weighed]) -> tuple[str, ...]:
    """Give the words that what a candidate says of itself has in common with the symptom."""
    said = (one.words for one in weighed if not one.commit.sha)
    return tuple(_spelled(asked, next(said, {})))


def _spelled(asked: symptoms.Symptom, words: Mapping[str, float]) -> Sequence[str]:
    """Give words as the symptom writes them, the most telling first; no part of an identifier beside the whole."""
    said: list[str] = []
    for word in sorted(words, key=lambda word: (-words[word], -len(word), word)):
        spelled = asked.spelled.get(word, word)
        if not any(spelled in other for other in said):
            said = [*(other for other in said if other not in spelled), spelled]
    return said[:MOST_WORDS]
