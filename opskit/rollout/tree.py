"""What stands in a folder: every file, folder and link below it, in order."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Entry(NamedTuple):
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
