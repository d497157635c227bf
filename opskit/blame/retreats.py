"""What later rollouts took away of earlier ones, and brought again: when a host went back to what ran there before, and came to the same release once more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from opskit.blame.model import Candidate
    from opskit.changelog import HostRecord, RolloutRecord

BRINGS = ("deploy", "rollback")
MOST_COMMITS = 200
"""So many commits of a rollout are written down: of one that has as many, nobody knows which others came with it."""


def with_retreats(
    candidates: Sequence[Candidate],
    records: Sequence[RolloutRecord],
    undo: Callable[[RolloutRecord, Iterable[str]], str],
) -> Iterable[Candidate]:
    """Give candidates with what later rollouts took away of them, of whatever kind those are: hosts that went back to what is older. `undo` gives the command that takes one back on hosts."""
    came = _by_place(candidates, records)
    for candidate, record in zip(candidates, records, strict=True):
        gone = dict(candidate.retreats)
        away: dict[str, Sequence[tuple[datetime, datetime]]] = {}
        for host in candidate.flips if candidate.kind in BRINGS else ():
            if host in candidate.retreats:
                continue
            left, spans = _left(candidate.id, came.get((record.service, host), ()))
            gone |= {host: left} if left else {}
            away |= {host: spans} if spans else {}
        told = replace(candidate, retreats=gone, away=away) if away else candidate
        if len(gone) > len(candidate.retreats):
            left_on = [host for host in candidate.flips if host not in gone]
            told = replace(told, retreats=gone, undo=undo(record, left_on))
        yield told


@dataclass(frozen=True, slots=True)
class _Came:
    """A release came to a host, and another one left: names of releases sort as they were made. `commits` are what came with it."""

    id: str
    at: datetime
    kind: str
    release: str
    revision: str
    before: str
    commits: frozenset[str]


def _by_place(
    candidates: Sequence[Candidate], records: Sequence[RolloutRecord]
) -> Mapping[tuple[str, str], Sequence[_Came]]:
    """Give what came to each host of each service, and was not put back by the same rollout, the oldest first."""
    found: dict[tuple[str, str], list[_Came]] = {}
    for candidate, record in zip(candidates, records, strict=True):
        for host in record.hosts if candidate.kind in BRINGS else ():
            came = _came(candidate, record, host)
            if came and host.name not in candidate.retreats:
                found.setdefault((record.service, host.name), []).append(came)
    for each in found.values():
        each.sort(key=lambda came: came.at)
    return found


def _came(candidate: Candidate, record: RolloutRecord, host: HostRecord) -> _Came | None:
    """Give what a rollout brought to a host, if it did."""
    name = host.to or (host.goal.release if host.goal else "")
    if host.name not in candidate.flips or not name:
        return None
    known = {release.release: release.revision for release in record.after}
    before = host.before.revision if host.before else ""
    return _Came(
        candidate.id,
        candidate.flips[host.name],
        candidate.kind,
        name,
        known.get(name, ""),
        before,
        frozenset(commit.sha for commit in record.commits),
    )


def _left(
    id: str, all_there: Sequence[_Came]
) -> tuple[datetime | None, Sequence[tuple[datetime, datetime]]]:
    """Give when a host went back from what a rollout brought there, None if it has it, and from when to when it had been without that before."""
    place = next((n for n, came in enumerate(all_there) if came.id == id), None)
    if place is None:
        return None, ()
    mine = all_there[place]
    older = {revision for came in all_there[: place + 1] for revision in (came.before, came.revision)}  # fmt: skip
    older -= {mine.revision, ""}
    newer = {mine.revision, *mine.commits}
    left: datetime | None = None
    spans = []
    for came in all_there[place + 1 :]:
        if left and _is_same(came, mine):
            spans.append((left, came.at))
            left = None
        elif not left and _is_back(came, mine, older, newer):
            left = came.at
        elif not left:
            newer |= {came.before, came.revision, *came.commits} - older
    return left, spans


def _is_same(came: _Came, mine: _Came) -> bool:
    return came.release == mine.release or came.revision == mine.revision != ""


def _is_back(came: _Came, mine: _Came, older: set[str], newer: set[str]) -> bool:
    """Tell whether a host goes back by what came from what is mine, by the revisions that are known as older and as newer than that.

    A revision that adds no commit to the one that ran there is older than that one, and than mine if it is none of what came since.
    """
    if _is_same(came, mine):
        return False
    is_undone = came.kind == "rollback" != mine.kind and came.release < mine.release
    is_known = 0 < len(mine.commits) < MOST_COMMITS and not came.commits
    is_behind = is_known and bool(came.revision) and came.before in newer and came.revision not in newer  # fmt: skip
    return is_undone or is_behind or came.revision in older
