"""How long commits took until they ran: the times of commits, from the repositories of this machine."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

LIMIT = 20  # seconds
SHA = re.compile(r"[0-9a-f]{7,64}")
QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1"}


def committed(repository: Path, shas: Iterable[str]) -> Mapping[str, datetime]:
    """Give when commits were made, by their SHAs as they were given; those that are not in the repository are left out.

    A repository that is not there has none.
    """
    asked = list(dict.fromkeys(sha for sha in shas if SHA.fullmatch(sha)))
    known = _known(repository, asked)
    listing = ("log", "--no-walk=unsorted", "--stdin", "--format=%H %ct")
    times = dict(line.split() for line in _git(repository, listing, set(known.values())))
    return {
        sha: datetime.fromtimestamp(int(times[whole]), UTC)
        for sha, whole in known.items()
        if whole in times
    }


def _known(repository: Path, shas: Iterable[str]) -> Mapping[str, str]:
    """Give the whole names of those that are commits there."""
    asked = list(shas)
    check = ("cat-file", "--batch-check=%(objectname) %(objecttype)")
    told = _git(repository, check, asked)
    pairs = zip(asked, told, strict=False)
    return {sha: said.split()[0] for sha, said in pairs if said.endswith(" commit")}


def _git(repository: Path, words: tuple[str, ...], lines: Iterable[str]) -> list[str]:
    given = "".join(f"{line}\n" for line in lines)
    if not given:
        return []
    try:
        done = subprocess.run(
            ["git", "-C", str(repository), *words],
            input=given,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
            env={**os.environ, **QUIET},
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return []
    return done.stdout.splitlines() if done.returncode == 0 else []
