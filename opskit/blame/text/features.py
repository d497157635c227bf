"""What speaks for each commit, as numbers from 0 to 1: BM25 of the symptom in one part of the commits, beside the best of the window."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.blame.text.fields import fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opskit.blame.text.commits import CommitText
    from opskit.blame.text.fields import Field
    from opskit.blame.text.symptom import Symptom

K1 = 1.2
"""How soon one more occurrence counts no more: the usual value of BM25 (Robertson and Zaragoza, 2009)."""
LONG, SHORT = 0.75, 0.4
"""How much a long text counts less: diffs the usual value, subjects and names less, for they are all short."""
RAREST = 10
FEATURES = (
    "whole", "fresh", "functions", "subject", "rare", "identifiers", "head", "head_paths", "repairs",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sheet:
    """`rows` has a row of FEATURES for each commit; `words` what each word of the symptom adds to `whole`; `share` the best one's part of
    what a commit could have that says every word of the symptom."""

    rows: Sequence[tuple[float, ...]]
    words: Sequence[Mapping[str, float]]
    share: float


def sheet(symptom: Symptom, commits: Sequence[CommitText]) -> Sheet:
    """Compare a symptom with commits; rare words count more, and rare is what few of these commits say."""
    said = [fields(commit, symptom.words.keys()) for commit in commits]
    seen = Counter(word for one in said for word in one.whole.words)
    rarity = {
        w: math.log(1 + (len(said) - seen[w] + 0.5) / (seen[w] + 0.5)) for w in symptom.words
    }
    weights = {word: rarity[word] * often for word, often in symptom.words.items()}
    head = {word: rarity[word] for word in symptom.head}
    named = {word: rarity[word] for word in symptom.identifiers}
    rare = sorted((word for word in seen), key=lambda word: (-rarity[word], word))[:RAREST]
    words = bm25(weights, [one.whole for one in said], LONG)
    whole = [math.fsum(each.values()) for each in words]
    read = [one.read for one in said]
    columns = (
        _beside(whole),
        _known(_beside(_sums(weights, [one.fresh for one in said], LONG)), read),
        _known(_beside(_sums(weights, [one.functions for one in said], SHORT)), read),
        _beside(_sums(weights, [one.subject for one in said], SHORT)),
        _beside([math.fsum(rarity[w] for w in rare if w in one.whole.words) for one in said]),
        _beside(_sums(named, [one.whole for one in said], SHORT)),
        _beside(_sums(head, [one.whole for one in said], LONG)),
        _known(_beside(_sums(head, [one.paths for one in said], SHORT)), read),
        [float(one.repairs) for one in said],
    )
    most = math.fsum(weights.values()) * (K1 + 1)
    best = max(whole, default=0.0)
    return Sheet(list(zip(*columns, strict=True)), words, best / most if most else 0.0)


def bm25(
    weights: Mapping[str, float], parts: Sequence[Field], longer: float
) -> list[Mapping[str, float]]:
    """Give what each weighted word adds, for each text: BM25 with `longer` as its b."""
    usual = sum(part.size for part in parts) / len(parts) if parts else 0.0
    told: list[Mapping[str, float]] = []
    for part in parts:
        slack = K1 * (1 - longer + longer * part.size / (usual or 1.0))
        told.append(
            {
                word: weights[word] * often * (K1 + 1) / (often + slack)
                for word, often in part.words.items()
                if word in weights
            }
        )
    return told


def _sums(weights: Mapping[str, float], parts: Sequence[Field], longer: float) -> list[float]:
    return [math.fsum(each.values()) for each in bm25(weights, parts, longer)]


def _beside(values: Sequence[float]) -> list[float]:
    """Put values beside the largest of them, which is 1."""
    most = max(values, default=0.0)
    return [value / most for value in values] if most > 0 else [0.0] * len(values)


def _known(values: Sequence[float], read: Iterable[bool]) -> list[float]:
    """Give what is not known of a commit whose diff was not read the mean of the others."""
    kept = list(read)
    known = [value for value, is_read in zip(values, kept, strict=True) if is_read]
    usual = math.fsum(known) / len(known) if known else 0.0
    return [value if is_read else usual for value, is_read in zip(values, kept, strict=True)]
