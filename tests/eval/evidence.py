"""Whether the answer is in what somebody knows: said by plain rules on the facts, without asking the ranker.

A guilty change can be found if what was told does not speak against it, something speaks for it, and something tells each
other change from it: that rule was written before any figure of the ranker was seen. That nothing is to be found can be said if something
speaks against every change: what speaks against one was made stricter after figures on tuning seeds were seen, for of the cases that the
first rule called clear, a change had caused every second (151 of 301).
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from opskit.blame.model import Candidate
    from tests.eval.knowing import Known

MINUTE, HOUR = 60.0, 3600.0
CLOCKS = 2 * MINUTE
ENOUGH_BITS = 3.0


@dataclass(frozen=True)
class Facts:
    """What what is known says of one candidate."""

    runs: int
    """How many of its hosts ran it when the trouble was seen."""
    before: float
    """Seconds from its last change of a host (of an ill one, if there is one) until the trouble was seen."""
    uncovered: float
    """What part of the ill hosts had it not."""
    missed: int
    spared: float
    """What part of its hosts that were looked at are well."""
    fine: int
    lags: float | None
    """How far apart (in seconds) the times from change to onset lie; None if fewer than three are known."""
    text: float


def contains(known: Known, culprit: str) -> bool:
    """Tell whether the answer (`culprit`, or "" for nothing of it) is in what is known."""
    facts = {c.id: _facts(known, c) for c in known.candidates}
    scattered = _apart([at.timestamp() for at in known.question.onsets.values()])
    if not culprit:
        return all(_speaks_against(known, f, c, scattered) for f, c in _each(known, facts))
    if culprit not in facts:
        return False
    it = facts[culprit]
    guilty = next(c for c in known.candidates if c.id == culprit)
    if _speaks_against(known, it, guilty, scattered) or not _speaks_for(known, it, guilty):
        return False
    return all(_told_apart(known, it, f, c) for f, c in _each(known, facts) if c.id != culprit)


def _each(known: Known, facts: dict[str, Facts]) -> list[tuple[Facts, Candidate]]:
    return [(facts[c.id], c) for c in known.candidates]


def _seen(known: Known) -> datetime:
    """Give when the trouble was seen first: of onsets the second, if there are many, since one may be of something else."""
    onsets = sorted(known.question.onsets.values())
    return onsets[min(1, len(onsets) - 1)] if onsets else known.question.at


def _dated(known: Known) -> bool:
    return known.question.is_onset or bool(known.question.onsets)


def _facts(known: Known, candidate: Candidate) -> Facts:
    question, seen = known.question, _seen(known).timestamp()
    flips = {h: at.timestamp() for h, at in candidate.flips.items()} or {
        "": candidate.at.timestamp()
    }
    back = {h: at.timestamp() for h, at in candidate.retreats.items()}
    asked = question.at.timestamp()
    runs = {h for h, at in flips.items() if at <= seen + CLOCKS and back.get(h, asked) >= seen}
    late = {h for h, at in flips.items() if at <= asked + CLOCKS and back.get(h, asked) >= asked}
    late |= runs
    missed = [h for h in question.ill if h not in late]
    looked = [h for h in question.well if h in late]
    both = [h for h in question.ill if h in late]
    last = max((flips[h] for h in (set(both) & runs or runs)), default=candidate.at.timestamp())
    lags = [question.onsets[h].timestamp() - flips[h] for h in both if h in question.onsets]
    return Facts(
        runs=len(runs),
        before=max(seen - last, 0),
        uncovered=len(missed) / len(question.ill) if question.ill else 0,
        missed=len(missed),
        spared=len(looked) / (len(looked) + len(both)) if looked else 0,
        fine=len(looked),
        lags=_apart(lags),
        text=known.texts[candidate.id].bits if candidate.id in known.texts else 0,
    )


def _apart(times: list[float]) -> float | None:
    if len(times) < 3:
        return None
    middle = median(times)
    return median(abs(time - middle) for time in times)


def _elsewhere(known: Known, facts: Facts, candidate: Candidate) -> bool:
    """Tell whether hosts that are ill have it not, though it could only have harmed its own."""
    own = bool(candidate.flips) and candidate.distance <= 0 and bool(known.question.services)
    few = len(known.question.ill) <= 3
    return own and facts.missed > 0 and (few or facts.uncovered >= 0.2)


def _speaks_against(
    known: Known, facts: Facts, candidate: Candidate, scattered: float | None
) -> bool:
    if not facts.runs or _elsewhere(known, facts, candidate):
        return True
    spared = facts.fine >= 8 and facts.spared >= 0.9 and facts.before >= HOUR
    if candidate.distance <= 0 and spared:
        return True
    if facts.before > (12 if _dated(known) else 24) * HOUR:
        return True
    return (
        scattered is not None
        and candidate.distance <= 0
        and facts.lags is not None
        and facts.lags >= 3 * MINUTE
        and facts.lags >= 4 * scattered
    )


def _speaks_for(known: Known, facts: Facts, candidate: Candidate) -> bool:
    soon = facts.before <= (HOUR / 2 if _dated(known) else HOUR)
    told = candidate.distance <= 0 and facts.missed == 0 and bool(known.question.ill)
    tells = told and any(h not in candidate.flips for h in known.question.well)
    return soon or tells or facts.text >= ENOUGH_BITS


def _told_apart(known: Known, guilty: Facts, other: Facts, rival: Candidate) -> bool:
    """Tell whether anything tells this rival from the guilty one."""
    if not other.runs or (_elsewhere(known, other, rival) and guilty.uncovered < other.uncovered):
        return True
    if other.fine >= 2 and other.spared >= 0.5 and 2 * guilty.spared <= other.spared:
        return True
    staggered = other.lags is not None and other.lags >= 3 * MINUTE
    if staggered and guilty.lags is not None and 4 * guilty.lags <= (other.lags or 0):
        return True
    if guilty.text - other.text >= ENOUGH_BITS:
        return True
    return _dated(known) and other.before >= HOUR / 2 and 8 * guilty.before <= other.before
