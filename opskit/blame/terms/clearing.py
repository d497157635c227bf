"""What a candidate is cleared by: it was not there when the trouble was seen first, or not where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.blame.model import Cleared
from opskit.blame.terms import lag, wording
from opskit.blame.terms.trace import MOMENTS

if TYPE_CHECKING:
    from opskit.blame.model import Candidate
    from opskit.blame.terms.asked import Asked
    from opskit.blame.terms.trace import Trace


def cleared(asked: Asked, candidate: Candidate, trace: Trace) -> Cleared | None:
    """Give why it cannot have caused the trouble, None if it may have."""
    if not candidate.flips and candidate.kind not in MOMENTS:
        return Cleared(candidate, "it never went live on a host", wording.event(candidate))
    if came_later(asked, trace):
        return _too_late(asked, candidate, trace)
    if _is_gone(asked, candidate, trace):
        return Cleared(candidate, _gone_back(asked, trace), wording.event(candidate))
    if candidate.flips and _seen_before(asked, trace):
        return _too_late(asked, candidate, trace)
    if _elsewhere(asked, candidate):
        because = f"it was on none of the hosts that show the symptom ({wording.some(sorted(asked.ill))})"
        return Cleared(
            candidate, because, wording.both(wording.event(candidate), wording.hosts_from(asked))
        )
    return None


def came_later(asked: Asked, trace: Trace) -> bool:
    """Tell whether it began after the trouble was seen first, by more than clocks may differ, and is not followed by it from host to host."""
    return trace.began - asked.first > asked.slack and not lag.lags(asked, trace.flips)


def _too_late(asked: Asked, candidate: Candidate, trace: Trace) -> Cleared:
    source = wording.both(wording.event(candidate), wording.onset_from(asked))
    late = wording.span(trace.began - asked.first)
    if asked.onsets:
        seen = [
            h for h in sorted(asked.onsets) if asked.onsets[h] < trace.flips.get(h, trace.began)
        ]
        where = f" on {wording.some(seen)}" if seen else ""
        return Cleared(candidate, f"the symptom was seen{where} before it", source)
    return Cleared(candidate, f"it began {late} after the trouble was there", source)


def _is_gone(asked: Asked, candidate: Candidate, trace: Trace) -> bool:
    """Tell whether hosts had gone back from it before the onset: all that it was on, or all of those that are ill."""
    if not trace.flips:
        return bool(candidate.flips)
    ill = asked.ill & trace.left.keys()
    return bool(ill) and asked.ill.isdisjoint(trace.flips) and _harms_its_own(asked, candidate)


def _gone_back(asked: Asked, trace: Trace) -> str:
    left = asked.ill & trace.left.keys() if trace.flips else trace.left.keys()
    last = max((trace.left[host] for host in left), default=asked.first)
    whose = wording.some(sorted(left)) if trace.flips else "its hosts"
    return f"{whose} had gone back from it {wording.span(asked.first - last)} before the onset"


def _seen_before(asked: Asked, trace: Trace) -> bool:
    """Tell whether all hosts whose onset is known showed the symptom before they had it, and before any host had it."""
    if not asked.onsets or trace.began <= asked.first + asked.slack:
        return False
    common = [host for host in asked.onsets if host in trace.flips]
    after = sum(asked.onsets[host] >= trace.flips[host] - asked.slack for host in common)
    return 3 * after < len(common)


def _elsewhere(asked: Asked, candidate: Candidate) -> bool:
    """Tell whether it could have harmed only hosts that it was on, and was on none that is ill."""
    own = _harms_its_own(asked, candidate)
    return (
        own and bool(asked.ill) and bool(candidate.flips) and asked.ill.isdisjoint(candidate.flips)
    )


def _harms_its_own(asked: Asked, candidate: Candidate) -> bool:
    return candidate.service in asked.question.services or candidate.distance < 0
