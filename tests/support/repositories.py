"""Small git repositories, made commit by commit."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

QUIET = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
NAMED = (
    "-c",
    "user.name=Ana",
    "-c",
    "user.email=ana@example.org",
    "-c",
    "init.defaultBranch=main",
)


@dataclass(frozen=True)
class Repository:
    """A repository in a folder."""

    folder: Path

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.folder), *NAMED, *arguments]
        ran = subprocess.run(command, check=True, capture_output=True, env=os.environ | QUIET)
        return ran.stdout.decode("utf-8", "surrogateescape").strip()

    def commit(self, message: str, files: Mapping[str, str | bytes | None]) -> str:
        """Write files (None: remove it), commit them, and give the hash."""
        for path, text in files.items():
            file = self.folder / path
            if text is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def load(self, stream: IO[str]) -> None:
        """Take commits as `git fast-import` reads them."""
        command = ["git", "-C", str(self.folder), "fast-import", "--quiet"]
        subprocess.run(command, stdin=stream, check=True, env=os.environ | QUIET)


def repository(folder: Path) -> Repository:
    """Make an empty one."""
    folder.mkdir(parents=True)
    made = Repository(folder)
    made.git("init", "-q")
    return made
