"""How well a symptom and commits agree: BM25 over the words of each commit, its message's counting more than its diff's."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.blame.text.tokens import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opskit.blame.text.commits import CommitText

K1 = 1.2
B = 0.6


@dataclass(frozen=True, slots=True)
class Found:
    """One commit's score, and what each word of the symptom adds to it."""

    commit: CommitText
    score: float
    words: Mapping[str, float]


def words_of(commit: CommitText) -> Mapping[str, int]:
    """Give all words of a commit with how often."""
    counted = count(f"{commit.subject}\n{commit.body}")
    for file in commit.files:
        counted.update(count(f"{file.path}\n" + "\n".join(file.functions)))
        counted.update(file.added)
        counted.update(file.removed)
    return counted


def rank(symptom: Mapping[str, int], commits: Sequence[CommitText]) -> tuple[Found, ...]:
    """Score every commit, in their order."""
    texts = [words_of(commit) for commit in commits]
    sizes = [sum(text.values()) for text in texts]
    usual = sum(sizes) / len(sizes) or 1 if sizes else 1
    seen = Counter(word for text in texts for word in text)
    rarity = {w: math.log(1 + (len(texts) - seen[w] + 0.5) / (seen[w] + 0.5)) for w in symptom}
    found = []
    for commit, text, size in zip(commits, texts, sizes, strict=True):
        slack = K1 * (1 - B + B * size / usual)
        words = {
            w: rarity[w] * text[w] * (K1 + 1) / (text[w] + slack) for w in symptom if w in text
        }
        found.append(Found(commit, sum(words.values()), words))
    return tuple(found)
