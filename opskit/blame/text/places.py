"""Where in a commit the words of a symptom are: files with their functions, or the message."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from opskit.blame.text.tokens import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set

    from opskit.blame.text.commits import CommitText, FileText

MOST = 5
MESSAGE = "message"


def places(commit: CommitText, words: Mapping[str, float]) -> Sequence[str]:
    """Give the files, or "message", where the words are, the most telling first."""
    asked = words.keys()
    told: dict[str, Set[str]] = {MESSAGE: asked & count(f"{commit.subject}\n{commit.body}").keys()}
    told |= {file.path: _said(file, asked) for file in commit.files}
    weights = {place: math.fsum(words[word] for word in said) for place, said in told.items()}
    good = (place for place, weight in weights.items() if weight > 0)
    return sorted(good, key=lambda place: (-weights[place], place))[:MOST]


def _said(file: FileText, asked: Set[str]) -> Set[str]:
    named = count("\n".join((file.path, *file.functions)))
    return asked & (named.keys() | file.added.keys() | file.removed.keys())
