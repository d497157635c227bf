"""Commits with their diffs, read from a git repository of this machine by one process; what they hold is data, and bounded."""

from __future__ import annotations

import os
import secrets
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING

from opskit.blame.text.commits import MOST_BODY, CommitText, fresh, parse, printable
from opskit.rollout.git import HASH, OF_ANOTHER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MOST_COMMITS = 200
"""Commits of one candidate that are compared, the newest."""
MOST_BYTES = 400_000
"""Bytes of one commit's diff that are read."""
CHUNK = 1 << 16
FUNCTIONS = Path(__file__).with_name("attributes.txt")
"""Which languages git knows, for the names of functions in hunks."""
CALM = (
    "-c", f"core.attributesFile={FUNCTIONS}", "-c", "protocol.allow=never", "-c", "core.bigFileThreshold=2m", "-c", "log.showSignature=false", "-c", "core.quotePath=false",
    "-c", "core.fsmonitor=false",
)  # fmt: skip
"""A partial clone does not go out for what it lacks, a blob of megabytes is no text, and no setting of the repository runs a program."""
PATCH = (
    "--unified=0", "--no-color", "--no-ext-diff", "--no-textconv", "--no-show-signature", "--no-notes", "--no-renames",
    "--src-prefix=a/", "--dst-prefix=b/", "--submodule=short", "--ignore-submodules=all",
)  # fmt: skip


def between(
    repository: Path, old: str, new: str, folder: str, *, within: float
) -> tuple[str, ...]:
    """Give the hashes of the commits that `new` has and `old` has not, newest first; nothing where git cannot tell.

    Merges are left out, for they bring commits that are there; where there are too many, what each merge brought is one commit.
    """
    if not HASH.fullmatch(old) or not HASH.fullmatch(new):
        return ()
    span, paths = f"{old}..{new}", _inside(folder)
    found = _list(repository, "--no-merges", span, *paths, within=within)
    if 0 < len(found) <= MOST_COMMITS:
        return found
    return _list(repository, "--first-parent", span, *paths, within=within)[:MOST_COMMITS]


def _list(repository: Path, way: str, span: str, *paths: str, within: float) -> tuple[str, ...]:
    command = ["log", way, f"--max-count={MOST_COMMITS + 1}", "--format=%H", span, "--", *paths]
    try:
        said = ask(repository, *command, within=within)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(said.decode("ascii", "replace").split())


def ask(repository: Path, *command: str, given: bytes = b"", within: float) -> bytes:
    """Give what git answers, nothing if it fails; raises OSError, and TimeoutExpired after `within` seconds."""
    ran = subprocess.run(
        _git(repository, *command), env=_environment(), input=given, capture_output=True,
        check=False, timeout=within, process_group=0,
    )  # fmt: skip
    return ran.stdout if not ran.returncode else b""


def is_shallow(repository: Path) -> bool:
    """Tell whether a repository lacks what is older: what is between two commits may change then."""
    return any((repository / name).exists() for name in (".git/shallow", "shallow"))


def read(
    repository: Path, shas: Sequence[str], folder: str, *, within: float
) -> Mapping[str, CommitText]:
    """Read commits with their diffs (a merge's against its first parent); what git cannot give, or not within the time, is not in it."""
    if not shas:
        return {}
    mark = secrets.token_hex(16)
    layout = f"--format=%x00{mark}%H%x00%aN%x00%s%x00%b%x00"
    command = [
        "log",
        "--no-walk=unsorted",
        "--stdin",
        "--patch",
        "--diff-merges=first-parent",
        *PATCH,
        "--encoding=UTF-8",
        layout,
    ]
    inside = ["--", *_inside(folder)] if _inside(folder) else []
    with tempfile.TemporaryFile() as wanted:
        wanted.write("".join(f"{sha}\n" for sha in shas).encode())
        wanted.seek(0)
        try:
            process = subprocess.Popen(
                _git(repository, *command, *inside), env=_environment(), stdin=wanted, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, process_group=0,
            )  # fmt: skip
        except OSError:
            return {}
    with process:
        timer = threading.Timer(within, process.kill)
        timer.start()
        try:
            found = [_commit(record) for record in _records(process.stdout, f"\0{mark}".encode())]
            if process.wait():
                found = found[:-1]  # git ended in the middle of it
        finally:
            timer.cancel()
            process.kill()
    return {commit.sha: commit for commit in found if commit}


def _records(pipe: IO[bytes] | None, mark: bytes) -> Iterator[bytes]:
    """Cut what git writes into commits, each with no more than its bytes."""
    rest = b""
    skipping = False
    while chunk := pipe.read(CHUNK) if pipe else b"":
        first, *others = (rest + chunk).split(mark)
        for record in others:
            if not skipping and first:
                yield first
            first, skipping = record, False
        if len(first) > MOST_BYTES:
            if not skipping:
                yield first[:MOST_BYTES]
            skipping = True
            first = first[-len(mark) :]
        rest = first
    if rest and not skipping:
        yield rest


def _commit(record: bytes) -> CommitText | None:
    parts = record.decode("utf-8", "replace").split("\0", 4)
    if len(parts) < 5 or not HASH.fullmatch(parts[0]):
        return None
    sha, author, subject, body, diff = parts
    files = parse(diff.rpartition("\n")[0])
    author, subject = printable(author[:200]), printable(subject[:500])
    return CommitText(sha, author, subject, body[:MOST_BODY], files, fresh(files))


def _inside(folder: str) -> list[str]:
    within = folder.strip("/")
    return [] if within in ("", ".") else [within]


def _git(repository: Path, *arguments: str) -> list[str]:
    return [
        "git",
        "--no-optional-locks",
        "--literal-pathspecs",
        "-C",
        str(repository),
        *CALM,
        *arguments,
    ]


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in OF_ANOTHER}
    return {**kept, "GIT_NO_LAZY_FETCH": "1", "GIT_NO_REPLACE_OBJECTS": "1", "LC_ALL": "C"}
