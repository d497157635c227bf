"""What anybody would say without weighing: the latest rollout, and the latest on a host that is ill."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.blame.model import Candidate, Question


def latest(question: Question, candidates: Sequence[Candidate]) -> list[str]:
    """Give the ids of what began before the time that is asked about, the latest first."""
    seen = min((question.at, *question.onsets.values()))
    before = [c for c in candidates if c.at <= seen and c.outcome != "refused"]
    return [c.id for c in sorted(before, key=lambda c: (c.at, c.id), reverse=True)]


def latest_there(question: Question, candidates: Sequence[Candidate]) -> list[str]:
    """Give those on an ill host by their last change of one, the latest first; then the others. Without ill hosts it is `latest`."""
    ill = set(question.ill)
    seen = min((question.at, *question.onsets.values()))
    there: dict[str, float] = {}
    for candidate in candidates:
        flips = [at for host, at in candidate.flips.items() if host in ill and at <= seen]
        if flips:
            there[candidate.id] = max(flips).timestamp()
    order = sorted(there, key=lambda name: (there[name], name), reverse=True)
    return [*order, *(name for name in latest(question, candidates) if name not in there)]
