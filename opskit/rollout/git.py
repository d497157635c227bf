"""What we ask of git: a commit, its tree as an archive, the commits between two; never the work tree's files."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.errors import OpskitError, SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MOST_COMMITS = 200
HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# what git gives to hooks, so that a deploy from a hook is of the repository that opskit.toml names
OF_ANOTHER = frozenset(
    {
        "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_SHALLOW_FILE",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit: full hash, first line of its message, author's name."""

    sha: str
    subject: str
    author: str


def resolve(repository: Path, revision: str) -> str:
    """Give the full hash of the commit that `revision` names; raises SourceError."""
    found = _git(
        repository,
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        f"{revision}^{{commit}}",
    )
    sha = found.stdout.decode().strip()
    if found.returncode or not HASH.fullmatch(sha):
        _require_repository(repository)
        raise SourceError(
            f"{repository}: no revision {revision!r}",
            hint="is it fetched? see `git branch --all` and `git tag`, or run `git fetch --tags`",
        )
    return sha


def branch(repository: Path) -> str:
    """Give the branch that is checked out, "" if it is a commit."""
    name = _git(repository, "rev-parse", "--abbrev-ref", "HEAD").stdout.decode().strip()
    return "" if name == "HEAD" else name


def archive(repository: Path, sha: str, *, folder: str, to: Path) -> None:
    """Write the tree of a commit (or one folder of it) as a tar file; raises SourceError."""
    tree = f"{sha}:{folder.strip('/')}" if folder.strip("/") not in ("", ".") else sha
    made = _git(repository, "archive", "--format=tar", f"--output={to}", tree)
    if not made.returncode:
        return
    if _git(repository, "cat-file", "-t", tree).stdout.strip() not in (b"tree", b"commit"):
        raise SourceError(f"{repository}: revision {sha[:8]} has no folder {folder!r}")
    said = made.stderr.decode("utf-8", "replace").strip().splitlines()
    raise OpskitError(
        f"{repository}: revision {sha[:8]} cannot be exported: {said[-1] if said else 'git failed'}",
        hint="is there room in the temporary folder? TMPDIR names another",
    )


def commits(repository: Path, old: str, new: str) -> tuple[Commit, ...]:
    """Give what `new` has and `old` has not, newest first, at most 200; nothing if `old` is unknown here."""
    listed = _git(
        repository, "log", f"--max-count={MOST_COMMITS}", "--encoding=UTF-8", "--format=%H%x00%s%x00%an",
        "--end-of-options", f"{old}..{new}", "--",
    )  # fmt: skip
    if listed.returncode:
        return ()
    rows = (line.split("\0") for line in listed.stdout.decode("utf-8", "replace").split("\n"))
    return tuple(Commit(*row) for row in rows if len(row) == 3)


def trailers(repository: Path, old: str, new: str, *, key: str) -> tuple[str, ...]:
    """Give the values of a trailer of commit messages that `new` has and `old` has not, the newest first, with the commit.

    Nothing if `old` is unknown here.
    """
    listed = _git(
        repository, "log", "--regexp-ignore-case", f"--grep=^{key}:", "--encoding=UTF-8",
        f"--format=%h%x00%(trailers:key={key},valueonly,unfold,separator=%x2C%x20)%x00",
        "--end-of-options", f"{old}..{new}", "--",
    )  # fmt: skip
    if listed.returncode:
        return ()
    words = [word.strip() for word in listed.stdout.decode("utf-8", "replace").split("\0")]
    return tuple(
        f"{said} ({sha})" for sha, said in zip(words[::2], words[1::2], strict=False) if said
    )


def changed_files(repository: Path) -> int:
    """Give how many files of the work tree differ from its commit; 0 for a bare repository."""
    status = _git(repository, "status", "--porcelain", "-z")
    return 0 if status.returncode else status.stdout.count(b"\0")


def committed(folder: Path) -> Mapping[str, tuple[int, int]]:
    """Give when files were first and last committed, in seconds, by their paths below the folder; without those that have changed since.

    Nothing where git cannot tell, or not within ten seconds.
    """
    inside = ("--relative", "-z", "--name-only")
    try:
        listed = _git(folder, "log", *inside, "--format=%x01%ct", "--", ".", within=10)
        changed = _git(folder, "diff", *inside, "HEAD", "--", ".", within=10)
    except SourceError:
        return {}
    if listed.returncode or changed.returncode:
        return {}
    found: dict[str, tuple[int, int]] = {}
    at = 0
    for word in os.fsdecode(listed.stdout).split("\0"):
        if word.startswith("\1"):
            at = int(word[1:])
        elif name := word.removeprefix("\n"):
            found[name] = (at, found.get(name, (at, at))[1])
    return {n: at for n, at in found.items() if n not in os.fsdecode(changed.stdout).split("\0")}


def has_submodules(repository: Path, sha: str) -> bool:
    """Tell whether the commit has submodules, which an archive leaves out."""
    return _git(repository, "cat-file", "-e", f"{sha}:.gitmodules").returncode == 0


def _require_repository(repository: Path) -> None:
    said = _git(repository, "rev-parse", "--git-dir")
    if said.returncode:
        reason = said.stderr.decode("utf-8", "replace").strip().splitlines()
        raise SourceError(
            f"{repository}: {reason[0] if reason else 'not a git repository'}",
            hint="the service's `source.git` in opskit.toml names the repository",
        )


def _git(
    repository: Path, *arguments: str, within: float = 600
) -> subprocess.CompletedProcess[bytes]:
    env = {name: value for name, value in os.environ.items() if name not in OF_ANOTHER}
    try:
        return subprocess.run(
            ["git", "--no-optional-locks", "-C", str(repository), *arguments], env=env,
            stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=within,
            process_group=0,  # a Ctrl-C on the terminal is opskit's: it stops where it may
        )  # fmt: skip
    except FileNotFoundError:
        raise SourceError(
            "git is not installed", hint="install git, or use a folder or artifact"
        ) from None
    except subprocess.TimeoutExpired:
        raise SourceError(
            f"{repository}: git {arguments[0]} took longer than {within:g} seconds"
        ) from None
