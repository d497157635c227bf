"""What speaks for each commit, as numbers from 0 to 1: BM25 of the symptom in one part of the commits, beside the best of the window."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.blame.text.fields import fields
from opskit.blame.text.weights import SOLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opskit.blame.text.commits import CommitText
    from opskit.blame.text.fields import Field, Fields
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
    """Compare a symptom with commits, and with what candidates say of themselves; what is rare or long is told by commits alone, where there are any."""
    return beside(symptom, [fields(commit, symptom.words.keys()) for commit in commits])


def beside(symptom: Symptom, said: Sequence[Fields]) -> Sheet:
    """Put texts beside each other, of which what each says of a symptom is known."""
    table = _Table(said)
    rarity = _rarity(symptom, table.usual)
    weights = {word: rarity[word] * often for word, often in symptom.words.items()}
    head = {word: rarity[word] for word in symptom.head}
    named = {word: rarity[word] for word in symptom.identifiers}
    seen = {word for one in said for word in one.whole.words}
    rare = sorted(seen, key=lambda word: (-rarity[word], word))[:RAREST]
    words = table.bm25(weights, "whole", LONG)
    whole = [math.fsum(each.values()) for each in words]
    read = [one.read for one in said]
    columns = (
        _beside(whole),
        _known(table.column(weights, "fresh", LONG), read),
        _known(table.column(weights, "functions", SHORT), read),
        table.column(weights, "subject", SHORT),
        _beside([math.fsum(rarity[w] for w in rare if w in one.whole.words) for one in said]),
        table.column(named, "whole", SHORT),
        table.column(head, "whole", LONG),
        _known(table.column(head, "paths", SHORT), read),
        [float(one.repairs) for one in said],
    )
    most = math.fsum(weights.values()) * (K1 + 1)
    best = max(whole, default=0.0)
    return Sheet(list(zip(*columns, strict=True)), words, best / most if most else 0.0)


def _rarity(symptom: Symptom, usual: Sequence[Fields]) -> Mapping[str, float]:
    """Give how much each word of a symptom tells: rare is what few commits say, rarest a value that just one adds."""
    seen = Counter(word for one in usual for word in one.whole.words)
    added = Counter(word for one in usual for word in one.fresh.words if word in symptom.values)
    plain = rarities(symptom.words, seen, len(usual))
    return {word: rare * SOLE if added[word] == 1 else rare for word, rare in plain.items()}


def rarities(words: Iterable[str], seen: Mapping[str, int], many: int) -> Mapping[str, float]:
    """Give BM25's weight of each word, of which so `many` texts there are, and so many that say it."""
    often = {word: seen.get(word, 0) for word in words}
    return {word: math.log(1 + (many - n + 0.5) / (n + 0.5)) for word, n in often.items()}


class _Table:
    """Texts beside each other; `usual` are those that tell what is rare and what is long."""

    def __init__(self, said: Sequence[Fields]) -> None:
        self.said = said
        self.usual = [one for one in said if one.is_commit] or said

    def column(self, weights: Mapping[str, float], part: str, longer: float) -> list[float]:
        """Give how well each text's part says the weighted words, beside the best."""
        return _beside([math.fsum(each.values()) for each in self.bm25(weights, part, longer)])

    def bm25(
        self, weights: Mapping[str, float], part: str, longer: float
    ) -> list[Mapping[str, float]]:
        """Give what each weighted word adds in each text's part."""
        parts, sizes = ([getattr(one, part) for one in some] for some in (self.said, self.usual))
        return bm25(weights, parts, longer, _mean([each.size for each in sizes]))


def bm25(
    weights: Mapping[str, float], parts: Sequence[Field], longer: float, usual: float
) -> list[Mapping[str, float]]:
    """Give what each weighted word adds, for each text: BM25 with `longer` as its b, beside texts of a `usual` size."""
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


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0


def _beside(values: Sequence[float]) -> list[float]:
    """Put values beside the largest of them, which is 1."""
    most = max(values, default=0.0)
    return [value / most for value in values] if most > 0 else [0.0] * len(values)


def _known(values: Sequence[float], read: Iterable[bool]) -> list[float]:
    """Give what is not known of a commit whose diff was not read the mean of the others."""
    kept = list(read)
    known = [value for value, is_read in zip(values, kept, strict=True) if is_read]
    usual = _mean(known)
    return [value if is_read else usual for value, is_read in zip(values, kept, strict=True)]
