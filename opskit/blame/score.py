"""How likely it is that each candidate caused the trouble: bits of evidence, added up, against "nothing in the changelog".

A suspect's bits are log2 of likelihood ratios; with 2 to the power of them, and of what speaks for the outside, shares are made that
add up to 1. `opskit.blame.terms` has the terms, and `terms.weights` every number.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.blame.model import Answer, Suspect, Term
from opskit.blame.terms import lacking, prior, timing, wording
from opskit.blame.terms.asked import Asked, ask
from opskit.blame.terms.clearing import came_later, cleared
from opskit.blame.terms.trace import Trace, trace
from opskit.blame.terms.weighing import Weighed, chance, weigh
from opskit.blame.terms.weights import ALIKE, FAINT, OUTSIDE, PASSED_ON

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opskit.blame.model import Candidate, Cleared, Question, TextEvidence
    from opskit.blame.terms.passed import Pass


def rank(
    question: Question, candidates: Sequence[Candidate], texts: Mapping[str, TextEvidence]
) -> Answer:
    """Give suspects, the likeliest first, what was cleared, and the belief that nothing of it was it; `texts` are by the candidates' ids."""
    asked = ask(question)
    clear: list[Cleared] = []
    left: list[tuple[Candidate, Trace]] = []
    for candidate in candidates:
        path = trace(asked, candidate)
        reason = cleared(asked, candidate, path)
        if reason:
            clear.append(reason)
        else:
            left.append((candidate, path))
    by_chance = chance(asked, _pace(asked, candidates), candidates)
    said = {c.id: _compared(c, path, texts.get(c.id)) for c, path in left}
    weighed = [weigh(asked, by_chance, c, path, said[c.id]) for c, path in left]
    outside = _outside(asked, weighed)
    shares, rest = _shares([w.bits for w in weighed], sum(term.bits for term in outside))
    last = by_chance.passes
    suspects = [
        _suspect(asked, c, path, weighed=w, share=share, text=said[c.id], last=last)
        for (c, path), w, share in zip(left, weighed, shares, strict=True)
    ]
    suspects.sort(key=lambda suspect: (-suspect.share, suspect.candidate.id))
    clear.sort(key=lambda one: (one.candidate.at, one.candidate.id), reverse=True)
    missing = tuple(lacking.sentences(asked, suspects, texts))
    return Answer(question, tuple(suspects), tuple(clear), rest, outside, missing)


def earlier(question: Question, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Give those that did not come after the trouble."""
    asked = ask(question)
    return [one for one in candidates if not came_later(asked, trace(asked, one))]


def _compared(candidate: Candidate, path: Trace, text: TextEvidence | None) -> TextEvidence | None:
    """Give what the symptom's text says for or against a candidate, None for nothing.

    Commits that are live nowhere where it is seen say nothing there; and a page of one service need not have the words of another one that it needs: of both ways, the mean.
    """
    if text is None or (path.gone and text.bits > 0):
        return None
    if candidate.distance <= 0 or not math.isfinite(text.bits):
        return text
    return replace(text, bits=math.log2(1 - PASSED_ON + PASSED_ON * 2**text.bits))


def _pace(asked: Asked, candidates: Sequence[Candidate]) -> float:
    """Give how often (a minute) this fleet was changed until then, with what is rarely to blame or far away counted for less."""
    return timing.pace(
        (
            asked.at - candidate.at.timestamp(),
            2 ** (prior.kind_bits(candidate) + prior.distance_bits(asked, candidate)),
        )
        for candidate in candidates
        if candidate.at.timestamp() <= asked.at + asked.slack
    )


def _outside(asked: Asked, weighed: Sequence[Weighed]) -> tuple[Term, ...]:
    """Say what speaks for it that none of them did it; who is ill never speaks against that by more than ALIKE."""
    words = f"of ten troubles {10 * OUTSIDE:.0f} are no change's doing"
    book = "Site Reliability Engineering (2016), chapter 1"
    prior = Term("prior", math.log2(OUTSIDE / (1 - OUTSIDE)), words, book)
    over = max((one.hosts + one.well for one in weighed), default=0.0) - ALIKE
    if over <= 0:
        return (prior,)
    words = "hosts that have one thing in common, as a change, have others, as a rack"
    return prior, Term("alike", over, words, wording.hosts_from(asked))


def _shares(bits: Sequence[float], outside: float) -> tuple[list[float], float]:
    """Turn bits into parts of the belief that add up to 1; the last is that of the outside."""
    top = max((outside, *bits))
    weights = [2 ** (value - top) for value in bits]
    rest = 2 ** (outside - top)
    whole = math.fsum((*weights, rest))
    return [weight / whole for weight in weights], rest / whole


def _suspect(
    asked: Asked,
    candidate: Candidate,
    path: Trace,
    *,
    weighed: Weighed,
    share: float,
    text: TextEvidence | None,
    last: Mapping[str, Pass],
) -> Suspect:
    return Suspect(
        candidate=candidate,
        share=share,
        terms=_said(asked, candidate, path, weighed=weighed, share=share, text=text, last=last),
        ill=tuple(sorted(asked.ill & path.flips.keys())),
        well=tuple(sorted(asked.well & path.flips.keys())),
        matches=text.matches if text else (),
    )


def _said(
    asked: Asked,
    candidate: Candidate,
    path: Trace,
    *,
    weighed: Weighed,
    share: float,
    text: TextEvidence | None,
    last: Mapping[str, Pass],
) -> tuple[Term, ...]:
    """Put the terms into sentences; of thousands of old changes only into one, with all numbers: nobody reads more of those."""
    if share < FAINT:
        return (wording.faint(candidate, weighed),)
    return tuple(wording.terms(asked, candidate, path, weighed, text, last=last))
