"""What blame could have known at an earlier time: the candidates of a trouble, as the changelog told of them then."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.blame.bisect.aside import aside
from opskit.blame.gather import BESIDE, gather
from opskit.blame.inquiry import on
from opskit.blame.model import DRIFT, Candidate
from opskit.blame.window import Found, look
from opskit.changelog.earlier import rollout_at, run_at

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from opskit.blame.gather import Place
    from opskit.blame.grade import Case
    from opskit.changelog import Changelog
    from opskit.changelog.ruling import Seen


def recalled(case: Case, place: Place, changelog: Changelog) -> Sequence[Candidate]:
    """Give the candidates of a case, made of what had been written by then; `place` is what opskit.toml says now. Raises ChangelogError.

    What hosts said of themselves then, as that they had drifted, is to be had only where the verdict keeps it.
    """
    asked = case.question
    place = replace(place, ill=asked.services or on(place, asked.ill))
    near = [name for name, far in place.distances().items() if far >= 0] if place.ill else []
    found = look(
        changelog,
        environment=place.environment,
        at=asked.at,
        services=near,
        hosts=place.hosts_of(near),
    )
    gathered = gather(aside(changelog, _as_known(found, case.known)), place)
    known = {each.id for each in gathered}
    return (*gathered, *(_drifted(each, place) for each in case.seen if each.id not in known))


def _drifted(seen: Seen, place: Place) -> Candidate:
    """Give what hosts told of a change as a candidate."""
    return Candidate(
        id=seen.id,
        kind=DRIFT,
        at=seen.at,
        service=seen.service,
        environment=seen.environment,
        actor=seen.actor,
        reason=seen.reason,
        flips=dict(seen.flips),
        sources=("what hosts told when blame was asked",),
        distance=place.distances().get(seen.service, BESIDE),
        text=seen.reason,
    )


def _as_known(found: Found, at: datetime) -> Found:
    """Give what was found without what was written later."""
    rollouts = [was for record in found.rollouts if (was := rollout_at(record, at))]
    runs = [run for record in found.runs if (run := run_at(record, at))]
    return replace(
        found,
        rollouts=tuple(rollouts),
        runs=tuple(runs),
        notes=tuple(each for each in found.notes if each.at <= at),
        thaws=tuple(each for each in found.thaws if each.at <= at),
    )
