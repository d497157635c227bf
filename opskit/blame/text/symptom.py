"""What somebody says of a trouble, as words that weigh more the more often they are said."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.blame.text.tokens import WORD, count, forms, spellings
from opskit.blame.text.transport import without

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST = 64 * 1024
"""Characters of a symptom that count: of a log, the first."""
MOST_WORDS = 400
"""Different words of a symptom that count, the most frequent first."""
IDENTIFIER = re.compile(
    r"\b(?:[^\W\d]\w*_\w+|[a-z]+[A-Z]\w*|[A-Z][a-z]+[A-Z]\w*|[^\W\d]\w*(?=\(\)))"
)
VALUE = re.compile(r"""(?<!\w)['"`\u2018\u201c](\w+(?:[-.:]\w+)*)['"`\u2019\u201d](?!\w)""")
"""What is one word in quotes, and so a value, hardly a message."""
TRACEBACK = re.compile(r"Traceback \(most recent call last\):$")


@dataclass(frozen=True, slots=True)
class Symptom:
    """`words` with their weights; `head` are those of the line with the summary; `identifiers` are names of code and `values`, which are what
    it has in quotes; `spelled` is how each word is written."""

    words: Mapping[str, float]
    head: frozenset[str]
    identifiers: frozenset[str]
    values: frozenset[str]
    spelled: Mapping[str, str]


def read(text: str) -> Symptom:
    """Give the words of a symptom; none if it says nothing."""
    text = without(text[:MOST], paths=True).strip()
    counted = dict(count(text).most_common(MOST_WORDS))
    values = _values(text)
    return Symptom(
        {word: 1 + math.log(times) for word, times in counted.items()},
        frozenset(count(_summary(text)).keys() & counted.keys()),
        frozenset((_named(text) | values) & counted.keys()),
        frozenset(values & counted.keys()),
        {
            form: said
            for written in WORD.findall(text)
            for form, said in spellings(written).items()
        },
    )


def _named(text: str) -> set[str]:
    """Give the names of code, each whole."""
    written = IDENTIFIER.findall(text)
    whole = {name.strip("_").lower() for name in written}
    return whole.intersection(word for name in written for word in forms(name))


def _values(text: str) -> set[str]:
    """Give the words of values; a number alone is none."""
    written = (word for value in VALUE.findall(text) for word in WORD.findall(value))
    return {form for word in written if not word.isdigit() for form in forms(word)}


def _summary(text: str) -> str:
    """Give the line in which people and programs say it shortly: the first, and of what Python raises the one after its calls."""
    first, _, rest = text.partition("\n")
    if not TRACEBACK.search(first):
        return first
    return next((line for line in rest.split("\n") if line[:1].strip()), first)
