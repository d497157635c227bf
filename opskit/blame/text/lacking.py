"""Which candidates' commits are not at hand: the repository is gone, or has not all of them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from opskit.blame.text.cache import Cache
from opskit.blame.text.log import ask
from opskit.rollout.git import HASH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from opskit.blame.model import Candidate, History

WITHIN = 5.0
"""Seconds that git may take for one repository."""
MOST_NAMED = 3


def absent(candidates: Sequence[Candidate], cache: Path | None) -> Mapping[Path, Sequence[str]]:
    """Give the ids of candidates whose commits a repository of this machine has not, by repository; what is in the `cache` is at hand."""
    wanted: dict[Path, dict[str, History]] = {}
    for one in candidates:
        history = one.history
        if history and Cache(cache, history.folder).between(history.old, history.new) is None:
            wanted.setdefault(history.repository, {})[one.id] = history
    found = {repository: _without(repository, each.items()) for repository, each in wanted.items()}
    return {repository: ids for repository, ids in found.items() if ids}


def sentences(absent: Mapping[Path, Sequence[str]]) -> tuple[str, ...]:
    """Say of each repository what is not in it."""
    return tuple(_told(repository, ids) for repository, ids in absent.items())


def _without(repository: Path, wanted: Iterable[tuple[str, History]]) -> Sequence[str]:
    wanted = list(wanted)
    there = _there(repository, {sha for _, each in wanted for sha in (each.old, each.new)})
    return [id_ for id_, each in wanted if not {each.old, each.new} <= there]


def _there(repository: Path, shas: set[str]) -> set[str]:
    """Give those of some commits that a repository has, with what they hold."""
    asked = sorted(sha for sha in shas if HASH.fullmatch(sha))
    lines = "".join(f"{sha}^{{tree}}\n" for sha in asked).encode()
    try:
        said = ask(repository, "cat-file", "--batch-check", given=lines, within=WITHIN)
    except (OSError, subprocess.TimeoutExpired):
        return set()
    told = said.decode("ascii", "replace").splitlines()
    return {sha for sha, line in zip(asked, told, strict=False) if " tree " in line}


def _told(repository: Path, ids: Sequence[str]) -> str:
    more = f" and {len(ids) - MOST_NAMED} more" if len(ids) > MOST_NAMED else ""
    named = ", ".join(ids[:MOST_NAMED])
    return f"what {named}{more} brought is not in {repository}: of that, only what the changelog says was compared, and what others say counts for less"
