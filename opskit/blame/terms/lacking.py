"""What was not known, and so not weighed: said, so that nobody takes it for evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.blame.terms.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opskit.blame.model import Suspect, TextEvidence
    from opskit.blame.terms.asked import Asked


def sentences(
    asked: Asked, suspects: Sequence[Suspect], texts: Mapping[str, TextEvidence]
) -> Iterator[str]:
    """Say for each term that could not be computed what it would have needed."""
    question = asked.question
    if not asked.dated:
        yield "when it began is not known, only when it was seen: time weighs less"
    if not question.services:
        yield "which services are ill is not known: changes of all of them are suspects alike"
    if not asked.ill:
        yield "which hosts show it is not known: hosts were not weighed"
    elif not asked.counted:
        yield "of the other hosts nobody knows whether they are well: it only counts for something that just these were named"
    if len(question.onsets) < 2:
        yield "when each host showed it first is not known: whether it follows a change from host to host was not weighed"
    yield from _words(question.symptom, suspects, texts)


def _words(
    symptom: str, suspects: Sequence[Suspect], texts: Mapping[str, TextEvidence]
) -> Iterator[str]:
    if not symptom:
        yield "there is no text of the symptom: commits were not compared with it"
        return
    mute = sum(suspect.candidate.id not in texts for suspect in suspects)
    if mute:
        yield f"{count(mute, 'suspect')} had no commits or words to compare with the symptom"
