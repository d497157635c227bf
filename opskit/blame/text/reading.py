"""What candidates brought, as texts: from the service's repository where it is at hand, else from what the changelog says of it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.blame.text import log
from opskit.blame.text.cache import Cache
from opskit.blame.text.commits import CommitText
from opskit.blame.text.transport import without

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence, Set
    from pathlib import Path

    from opskit.blame.model import Candidate, History

    Part = tuple[Path, str]

WITHIN = 10.0
"""Seconds that git may take to tell of all commits; what it told until then is kept for the next question."""
MOST_READ = 1000
"""Commits of a repository whose diffs are read, those of the latest candidates first; of others there is what the changelog says."""
TOGETHER = 4
"""Processes of git at a time."""


@dataclass(frozen=True, slots=True)
class Told:
    """What there is of a candidate to compare: the `commits` that it brought, and what it says of itself (`own`). `lacks` tells whether
    some of what it brought could not be read."""

    commits: tuple[CommitText, ...]
    own: tuple[CommitText, ...]
    lacks: bool


def texts(
    candidates: Sequence[Candidate], cache: Path | None, absent: Set[str]
) -> Mapping[str, Told]:
    """Give what there is of each candidate by its id, the first of them first; `absent` are those whose commits no repository has."""
    latest = sorted(candidates, key=lambda one: (one.at, one.id), reverse=True)
    histories = list(dict.fromkeys(one.history for one in latest if one.history))
    until = time.monotonic() + WITHIN
    brought = _brought(histories, cache, until)
    shas: dict[Part, dict[str, None]] = {}
    for history in histories:
        shas.setdefault(_part(history), {}).update(dict.fromkeys(brought[history]))
    read = {part: _read(part, list(each)[:MOST_READ], cache, until) for part, each in shas.items()}
    found = {}
    for one in reversed(latest):
        listed = brought[one.history] if one.history else ()
        known = read[_part(one.history)] if one.history else {}
        commits = tuple(_commits(one, listed, known))
        lacks = one.id in absent or not all(commit.read for commit in commits)
        found[one.id] = Told(commits, tuple(_own(one)), lacks)
    return found


def _part(history: History) -> Part:
    return history.repository, history.folder


def _commits(
    candidate: Candidate, shas: Sequence[str], read: Mapping[str, CommitText]
) -> Iterable[CommitText]:
    told = {c.sha: CommitText(c.sha, c.author, c.subject, read=False) for c in candidate.commits}
    known = told | {sha: read[sha] for sha in shas if sha in read}
    return [known[sha] for sha in (shas or told) if sha in known]


def _own(candidate: Candidate) -> Iterable[CommitText]:
    texts = filter(None, (candidate.why, candidate.reason, candidate.text))
    said = without("\n".join(texts), paths=False)
    return (CommitText("", "", said, read=False),) if said.strip() else ()


def _brought(
    histories: Sequence[History], cache: Path | None, until: float
) -> Mapping[History, Sequence[str]]:
    with ThreadPoolExecutor(TOGETHER) as pool:
        listed = pool.map(lambda one: _between(one, Cache(cache, one.folder), until), histories)
        return dict(zip(histories, listed, strict=True))


def _between(history: History, kept: Cache, until: float) -> Sequence[str]:
    old, new = history.old, history.new
    shas = kept.between(old, new)
    if shas is None:
        shas = log.between(history.repository, old, new, history.folder, within=_left(until))
        if shas and not log.is_shallow(history.repository):
            kept.keep_between(old, new, shas)
    return shas


def _read(
    part: Part, shas: Sequence[str], cache: Path | None, until: float
) -> Mapping[str, CommitText]:
    repository, folder = part
    kept = Cache(cache, folder)
    found = kept.commits(shas)
    new = [sha for sha in shas if sha not in found]
    fresh = log.read(repository, new, folder, within=_left(until))
    kept.keep(fresh.values())
    return {**found, **fresh}


def _left(until: float) -> float:
    return max(0.01, until - time.monotonic())
