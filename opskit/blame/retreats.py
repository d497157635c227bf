"""What later rollouts took away of earlier ones: when a host went back to what ran there before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from opskit.blame.model import Candidate
    from opskit.changelog import HostRecord, RolloutRecord

BRINGS = ("deploy", "rollback")


def with_retreats(
    candidates: Sequence[Candidate],
    records: Sequence[RolloutRecord],
    undo: Callable[[RolloutRecord, Iterable[str]], str],
) -> Iterable[Candidate]:
    """Give candidates with what later rollouts took away of them: hosts that went back to what ran there before. `undo` gives the command that takes one back on hosts."""
    later: dict[tuple[str, str], list[_Came]] = {}
    for candidate, record in zip(candidates, records, strict=True):
        for host in record.hosts if candidate.kind in BRINGS else ():
            came = _came(candidate, record, host)
            if came and host.name not in candidate.retreats:
                later.setdefault((record.service, host.name), []).append(came)
    for candidate, record in zip(candidates, records, strict=True):
        gone = dict(candidate.retreats)
        for host in record.hosts if candidate.kind in BRINGS else ():
            if (mine := _came(candidate, record, host)) and host.name not in gone:
                all_after = later.get((record.service, host.name), ())
                back = [each.at for each in all_after if each.at > mine.at and each.leaves(mine)]
                gone |= {host.name: min(back)} if back else {}
        if len(gone) > len(candidate.retreats):
            left = [host for host in candidate.flips if host not in gone]
            yield replace(candidate, retreats=gone, undo=undo(record, left))
        else:
            yield candidate


@dataclass(frozen=True, slots=True)
class _Came:
    """A release came to a host, and another one left: their names, which sort as they were made, and their revisions."""

    at: datetime
    kind: str
    release: str
    revision: str
    before: str

    def leaves(self, other: _Came) -> bool:
        """Tell whether a host goes back from what another one brought by this."""
        if self.release == other.release:
            return False
        is_undone = self.kind == "rollback" != other.kind and self.release < other.release
        return is_undone or (bool(self.revision) and self.revision == other.before)


def _came(candidate: Candidate, record: RolloutRecord, host: HostRecord) -> _Came | None:
    """Give what a rollout brought to a host, if it did."""
    name = host.to or (host.goal.release if host.goal else "")
    if host.name not in candidate.flips or not name:
        return None
    known = {release.release: release.revision for release in record.after}
    before = host.before.revision if host.before else ""
    return _Came(candidate.flips[host.name], candidate.kind, name, known.get(name, ""), before)
