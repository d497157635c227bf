"""From a question and candidates to an answer: what the symptom says is compared with what came before it, then all is weighed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.blame.score import earlier, rank
from opskit.blame.text import compare

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from opskit.blame.model import Answer, Candidate, Question


def answer(
    question: Question, candidates: Sequence[Candidate], *, cache: Path | None = None
) -> Answer:
    """Give the answer; `cache` is a folder that keeps what was read of commits.

    What came after the trouble is cleared, and moves no word of what came before it: the same question has the same answer later.
    """
    compared = compare(earlier(question, candidates), question.symptom, cache=cache)
    found = rank(question, candidates, compared.texts)
    return replace(found, missing=(*found.missing, *compared.missing))
