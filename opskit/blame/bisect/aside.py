"""What bisections only tried, and put back: no suspect, and nothing that took another rollout away."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.blame.bisect.record import tries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from opskit.blame.bisect.holding import Holding
    from opskit.blame.model import Candidate
    from opskit.blame.window import Found
    from opskit.changelog import Changelog


def aside(changelog: Changelog, found: Found, held: Iterable[Holding] = ()) -> Found:
    """Give what was found without what bisections tried, but for hosts that one has just now. Raises ChangelogError."""
    tried = tries(changelog, found.since)
    if not tried:
        return found
    hosts = {each.host for each in held}
    left = (
        record
        for record in found.rollouts
        if record.id not in tried or any(host.name in hosts for host in record.hosts)
    )
    return replace(found, rollouts=tuple(left))


def ended_by(
    changelog: Changelog, candidates: Iterable[Candidate], held: Iterable[Holding]
) -> Iterator[Candidate]:
    """Give candidates, those that a bisection tries on a host that it has with what ends it: nothing else may be brought there meanwhile. Raises ChangelogError."""
    stops = {each.host: each.stop for each in held}
    tried = tries(changelog) if stops else {}
    for candidate in candidates:
        stop = next((stops[host] for host in candidate.flips if host in stops), "")
        yield replace(candidate, undo=stop) if stop and candidate.id in tried else candidate
