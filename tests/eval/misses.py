"""The cases in which blame was surest of what is wrong, though the answer was in the evidence: to learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.blame.score import rank
from tests.eval.cases import case

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opskit.blame.model import Suspect
    from tests.eval.simulated import Outcome


def lines(found: Sequence[Outcome], count: int) -> Iterator[str]:
    """Tell of the worst ones, by how little it believed in what is true."""
    wrong = sorted((one for one in found if one.contains and not one.right), key=_worst)
    yield f"The {count} worst misses of {len(wrong)}, where the answer was in the evidence"
    for one in wrong[:count]:
        yield from _told(one)
    yield ""


def _worst(one: Outcome) -> tuple[float, int]:
    return one.truth, one.seed


def _told(one: Outcome) -> Iterator[str]:
    made = case(one.seed, innocent=not one.guilty)
    if made is None:
        return
    known = made.known
    question = known.question
    answer = rank(question, known.candidates, known.texts)
    yield f"  seed {one.seed}: {one.level} known, trouble {one.how}, {len(known.candidates)} candidates; the truth is {made.culprit or 'nothing here'}, believed {one.truth:.4f}"
    yield f"    {len(question.ill)} ill, {len(question.well)} well, {len(question.onsets)} onsets, outside {answer.outside:.3f}"
    for suspect in answer.suspects:
        if suspect is answer.suspects[0] or suspect.candidate.id == made.culprit:
            yield from _evidence(suspect)
    for clear in answer.cleared:
        if clear.candidate.id == made.culprit:
            yield f"    cleared: {clear.candidate.id}: {clear.because}"


def _evidence(suspect: Suspect) -> Iterator[str]:
    what = suspect.candidate
    yield f"    {what.id} ({what.kind}, {what.outcome}, {len(what.flips)} hosts): {suspect.share:.3f}"
    for term in suspect.terms:
        yield f"      {term.bits:+6.2f} {term.name}: {term.because}"
