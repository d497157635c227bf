"""How likely it is that each candidate caused the trouble: bits of evidence, added up, against "nothing in the changelog"."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from opskit.blame.clearing import cleared, onset_of, running_at
from opskit.blame.model import Answer, Suspect, Term
from opskit.blame.weights import HALF_LIFE, OUTSIDE, SHOWS, SHOWS_ANYWAY, SLOWEST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opskit.blame.model import Candidate, Question, TextEvidence


def rank(
    question: Question, candidates: Sequence[Candidate], texts: Mapping[str, TextEvidence]
) -> Answer:
    """Give suspects, the likeliest first, what was cleared, and the belief that nothing of it was it."""
    found = [cleared(question, candidate) for candidate in candidates]
    clear = tuple(reason for reason in found if reason)
    left = [c for c, reason in zip(candidates, found, strict=True) if reason is None]
    suspects = [_suspect(question, candidate, texts.get(candidate.id)) for candidate in left]
    prior = Term(
        "prior",
        math.log2(OUTSIDE / (1 - OUTSIDE)),
        "three outages of ten have no change as their cause",
        "Site Reliability Engineering, chapter 1",
    )
    top = max((0.0, *(s.bits for s in suspects)))
    weights = [2 ** (s.bits - top) for s in suspects]
    outside = 2 ** (prior.bits - top)
    total = sum(weights) + outside
    shared = [
        Suspect(s.candidate, w / total, s.terms, s.ill, s.well, s.matches)
        for s, w in zip(suspects, weights, strict=True)
    ]
    shared.sort(key=lambda s: (-s.share, s.candidate.id))
    return Answer(question, tuple(shared), clear, outside / total, (prior,))


def _suspect(question: Question, candidate: Candidate, text: TextEvidence | None) -> Suspect:
    terms = [_time(question, candidate)]
    ill = tuple(sorted(set(question.ill) & set(candidate.flips)))
    well = tuple(sorted(set(question.well) & set(candidate.flips)))
    if question.ill and candidate.distance <= 0:
        terms.append(_hosts(question, candidate))
    if text is not None:
        terms.append(
            Term("text", text.bits, "its commits and the symptom share words", "--symptom")
        )
    return Suspect(candidate, 0.0, tuple(terms), ill, well, text.matches if text else ())


def _time(question: Question, candidate: Candidate) -> Term:
    onset = onset_of(question)
    running = running_at(candidate, onset)
    lag = max((onset - max((*running.values(), candidate.at))).total_seconds(), 0)
    fast, slow = HALF_LIFE.total_seconds(), SLOWEST.total_seconds()
    bits = math.log2(0.8 * 2 ** (-lag / fast) + 0.2 * 2 ** (-lag / slow) * fast / slow + 1e-12)
    return Term("time", bits, f"live {lag / 60:.0f} min before the onset", _event(candidate))


def _hosts(question: Question, candidate: Candidate) -> Term:
    flips = set(running_at(candidate, onset_of(question)))
    ill, well = set(question.ill), set(question.well)
    bits = sum(math.log2((SHOWS if host in flips else SHOWS_ANYWAY) / 0.5) for host in ill)
    bits += sum(math.log2((1 - (SHOWS if h in flips else SHOWS_ANYWAY)) / 0.5) for h in well)
    words = (
        f"{len(ill & flips)} of {len(ill)} ill hosts had it, {len(well & flips)} of its are well"
    )
    return Term("hosts", bits, words, _event(candidate))


def _event(candidate: Candidate) -> str:
    return f"event {candidate.events[0][:10]}" if candidate.events else "changelog"
