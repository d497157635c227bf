"""What somebody says of a trouble, as words that weigh more the more often they are said."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opskit.blame.text.tokens import WORD, count, forms, spellings

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST = 64 * 1024
"""Characters of a symptom that count: of a log, the first."""
MOST_WORDS = 400
"""Different words of a symptom that count, the most frequent first."""
IDENTIFIER = re.compile(
    r"\b(?:[^\W\d]\w*_\w+|[a-z]+[A-Z]\w*|[A-Z][a-z]+[A-Z]\w*|[^\W\d]\w*(?=\(\)))"
)
TRANSPORT = re.compile(
    r"(?:\b[A-Z]{3,7} )?https?://[^/\s'\"]+(/[^\s,:'\"]*)?(?: gave \d{3}\b[^\n,]*|: no answer: [^\n]*)?(?:, expected \d{3})?"
    r"|\bthe health command ended with(?: status)? -?\d+"
)
"""An address, and how opskit says what it answered: of all that, only the path is of the trouble, and not of how it was seen."""


@dataclass(frozen=True, slots=True)
class Symptom:
    """`words` with their weights; `head` are those of its first line, where people put the summary; `identifiers` are names of code;
    `spelled` is how each word is written."""

    words: Mapping[str, float]
    head: frozenset[str]
    identifiers: frozenset[str]
    spelled: Mapping[str, str] = field(default_factory=dict)


def read(text: str) -> Symptom:
    """Give the words of a symptom; none if it says nothing."""
    text = TRANSPORT.sub(lambda found: found[1] or "", text[:MOST]).strip()
    counted = dict(count(text).most_common(MOST_WORDS))
    head = count(text.partition("\n")[0])
    named = {word for written in IDENTIFIER.findall(text) for word in forms(written)}
    whole = {written.strip("_").lower() for written in IDENTIFIER.findall(text)}
    return Symptom(
        {word: 1 + math.log(times) for word, times in counted.items()},
        frozenset(head.keys() & counted.keys()),
        frozenset(named & whole & counted.keys()),
        {
            form: said
            for written in WORD.findall(text)
            for form, said in spellings(written).items()
        },
    )
