"""Words of messages, of code and of logs: an identifier counts whole and by its parts, so that `parseURL` meets "parse"."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LONGEST = 64
"""Characters of a word; what is longer is a hash, a key or a blob, and says nothing to anybody."""
WORD = re.compile(r"\w+")
PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\dA-Za-z_]+")
STOP = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "been",
        "but",
        "by",
        "can",
        "did",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "no",
        "not",
        "of",
        "on",
        "or",
        "our",
        "so",
        "such",
        "than",
        "that",
        "the",
        "their",
        "then",
        "there",
        "these",
        "they",
        "this",
        "to",
        "was",
        "we",
        "were",
        "what",
        "when",
        "which",
        "while",
        "will",
        "with",
        "would",
        "you",
        "also",
        "after",
        "before",
        "because",
        "could",
        "may",
        "might",
        "must",
        "should",
        "some",
        "only",
        "other",
        "more",
        "any",
        "all",
        "just",
        "like",
        "via",
        "per",
    ]
)


def count(text: str) -> Counter[str]:
    """Count the words of a text, small and in their basic form; identifiers whole and by their parts."""
    counted: Counter[str] = Counter()
    for written, times in Counter(WORD.findall(text)).items():
        for word in forms(written):
            counted[word] += times
    return counted


def forms(written: str) -> Sequence[str]:
    """Give the words that one written word stands for: itself, and the parts of a snake_case or camelCase identifier."""
    return tuple(spellings(written))


@lru_cache(maxsize=1 << 16)
def spellings(written: str) -> Mapping[str, str]:
    """Give the same words with how each is written there."""
    if not 1 < len(written) <= LONGEST:
        return {}
    parts = [part for part in PART.findall(written) if len(part) > 1]
    found = {basic(said.lower()): said for said in (*parts, written.strip("_"))}
    return {
        word: said for word, said in sorted(found.items()) if len(word) > 1 and word not in STOP
    }


def basic(word: str) -> str:
    """Give a word without its English ending: few rules, the same for code and prose, so that both meet."""
    if len(word) < 5 or not word.isalpha():
        return word
    for ending, instead in (
        ("ies", "y"),
        ("sses", "ss"),
        ("ing", ""),
        ("ed", ""),
        ("es", "e"),
        ("s", ""),
    ):
        if word.endswith(ending) and not word.endswith(("ss", "us", "is")):
            stem = word[: len(word) - len(ending)] + instead
            return stem.rstrip("e") if len(stem) > 3 else word
    return word.rstrip("e")
