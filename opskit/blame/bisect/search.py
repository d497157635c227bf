"""Which commit to try next: git's own arithmetic, read-only; the work tree, refs and git's own bisection stay as they are."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from opskit.errors import RefusedError, SourceError
from opskit.rollout import git

if TYPE_CHECKING:
    from pathlib import Path

GOOD, BAD, SKIP = "good", "bad", "skip"
WORDS = (GOOD, BAD, SKIP)
LIMIT = 600  # seconds
MOST_ARGUMENTS = 1000  # good commits that git is told: the newest; older ones are behind those
_GOLDEN = 0.618034
_VARIABLE = re.compile(r"^(bisect_\w+)='?([^'\n]*)'?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Range:
    """What is searched: the history of a repository, or only what changed its `folder`; along first parents if so wanted."""

    repository: Path
    folder: str = ""
    first_parent: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What is known so far: the oldest commit that is bad, those that are good, and those that cannot be tested."""

    bad: str
    good: tuple[str, ...]
    skipped: frozenset[str] = frozenset()

    def learned(self, sha: str, word: str) -> Known:
        """Give what is known once a commit turned out to be good, bad, or impossible to test."""
        if word == BAD:
            return replace(self, bad=sha)
        if word == GOOD:
            return replace(self, good=(*self.good, sha))
        return replace(self, skipped=self.skipped | {sha})


@dataclass(frozen=True, slots=True)
class Next:
    """What to do next: `try_` that commit, or, if it is "", the search is over and the first bad one is among `suspects`.

    `left` is how many commits are left, `steps` how often something will have to be tried yet, roughly.
    """

    try_: str
    left: int
    steps: int
    suspects: tuple[str, ...] = ()


def ends(where: Range, good: str, bad: str) -> tuple[str, str]:
    """Give the two ends of a search as full hashes, the bad one as the last commit that changed what is searched.

    Raises SourceError for what is no commit here, RefusedError where no search is possible.
    """
    first, last = git.resolve(where.repository, good), git.resolve(where.repository, bad)
    if first == last:
        raise RefusedError(f"good and bad are the same commit: {first[:10]}")
    if _is_ancestor(where.repository, last, first):
        hint = f"the other way round? --good {last[:10]} --bad {first[:10]}"
        raise RefusedError(f"good {first[:10]} came after bad {last[:10]}", hint=hint)
    if not _is_ancestor(where.repository, first, last):
        base = _lines(where.repository, "merge-base", first, last)[:1]
        hint = f"a good one that is: --good {base[0][:10]}" if base else "they have no history in common"  # fmt: skip
        raise RefusedError(f"good {first[:10]} is no ancestor of bad {last[:10]}", hint=hint)
    found = _list(where, Known(last, (first,)), "--max-count=1")
    if not found:
        what = f"changed {where.folder}" if where.folder else "came"
        raise RefusedError(f"nothing {what} between good {first[:10]} and bad {last[:10]}")
    return first, found[0]


def next_of(where: Range, known: Known) -> Next:
    """Give what to try next; the same for everybody who knows the same. Raises SourceError."""
    told = dict(_VARIABLE.findall("\n".join(_list(where, known, "--bisect-vars"))))
    left, steps = int(told.get("bisect_all", 0)), int(told.get("bisect_steps", 0))
    middle = told.get("bisect_rev", "")
    if not middle or middle == known.bad:
        return Next("", left, 0, (known.bad,))
    if middle not in known.skipped:
        return Next(middle, left, max(steps, 1))
    ordered = [line.split()[0] for line in _list(where, known, "--bisect-all")]
    open_ = [sha for sha in ordered if sha not in known.skipped and sha != known.bad]
    if not open_:
        skipped = [sha for sha in ordered if sha in known.skipped]
        return Next("", left, 0, (known.bad, *skipped))
    tries = len(known.skipped)
    away = int(
        len(open_) / 2 * (tries * _GOLDEN % 1)
    )  # not beside what cannot be tested, again and again
    return Next(open_[away], left, max(steps, 1))


def about(repository: Path, sha: str) -> tuple[str, str]:
    """Give the subject and the author of a commit, whom to ask; "" each if it is not here."""
    told = _run(repository, "log", "-1", "--encoding=UTF-8", "--format=%s%x00%an <%ae>", sha, "--")
    subject, _, author = told.stdout.strip().partition("\0")
    return subject, author


def _list(where: Range, known: Known, *options: str) -> list[str]:
    first = ("--first-parent",) if where.first_parent else ()
    paths = ("--", where.folder) if where.folder.strip("/.") else ("--",)
    good = (f"^{sha}" for sha in known.good[-MOST_ARGUMENTS:])
    return _lines(where.repository, "rev-list", *options, *first, known.bad, *good, *paths)


def _is_ancestor(repository: Path, old: str, new: str) -> bool:
    return not _run(repository, "merge-base", "--is-ancestor", old, new).returncode


def _lines(repository: Path, *words: str) -> list[str]:
    done = _run(repository, *words)
    if done.returncode and words[0] != "merge-base":
        said = done.stderr.strip().splitlines()
        raise SourceError(
            f"{repository}: git {words[0]} failed: {said[-1] if said else 'no word'}"
        )
    return done.stdout.splitlines()


def _run(repository: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name not in git.OF_ANOTHER}
    line = ["git", "--no-optional-locks", "-C", str(repository), *words]
    try:
        return subprocess.run(
            line, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            timeout=LIMIT, process_group=0,
        )  # fmt: skip
    except FileNotFoundError:
        raise SourceError("git is not installed", hint="install git") from None
    except subprocess.TimeoutExpired:
        raise SourceError(f"{repository}: git {words[0]} took longer than {LIMIT} s") from None
