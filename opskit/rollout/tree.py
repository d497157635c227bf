"""What stands in a folder: every file, folder and link below it, in order, and what files hold, each read once."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COARSE = 2_000_000_000
"""Nanoseconds: no file system tells times worse than to two seconds."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a tree: `name` from its top, `path` to open it, `state` of itself (a link's is its own)."""

    name: str
    path: str
    state: os.stat_result

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return stat.S_ISREG(self.state.st_mode)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return stat.S_ISDIR(self.state.st_mode)

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.state.st_mode)

    @property
    def is_program(self) -> bool:
        """Whether somebody may run it."""
        return bool(self.state.st_mode & 0o111)


def entries(tree: Path) -> list[Entry]:
    """Give all that is below `tree`, sorted; links are given and never followed. Raises OSError."""
    return sorted(_below(str(tree), ""), key=lambda entry: entry.name.split("/"))


def _below(folder: str, inside: str) -> Iterator[Entry]:
    """Give what is in a folder and below it; no Path is made of anything, as that takes longer than reading it."""
    waiting = [(folder, inside)]
    while waiting:
        path, before = waiting.pop()
        with os.scandir(path) as found:
            for item in found:
                entry = Entry(before + item.name, item.path, item.stat(follow_symlinks=False))
                yield entry
                if entry.is_folder:
                    waiting.append((item.path, f"{entry.name}/"))


@dataclass(frozen=True, slots=True)
class Digests:
    """The SHA-256 of files, each read once as long as it stays as it is, so far as its change time tells."""

    _known: dict[tuple[int, ...], str] = field(default_factory=dict)

    def of(self, entry: Entry) -> str:
        """Give the SHA-256 of a regular file in hexadecimal digits. Raises OSError."""
        state = entry.state
        now = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
        if now in self._known:
            return self._known[now]
        began = time.time_ns()
        with open(entry.path, "rb", buffering=0) as stream:  # noqa: PTH123 - see `_below`
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        # of a file that was changed just now, the next change may bear the same time
        if max(state.st_mtime_ns, state.st_ctime_ns) < began - COARSE:
            self._known[now] = digest
        return digest
