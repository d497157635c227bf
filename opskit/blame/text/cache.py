"""What was read of commits, kept between two questions: a file a commit, which never changes, for a commit never does.

Nothing here is trusted: what cannot be read, is of another version or fails its checksum is as if it were not there. Files
are renamed when whole, so that processes do not meet halves; the oldest go when there are too many.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import zlib
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

from opskit.blame.text.commits import CommitText, FileText

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

VERSION = "4"
"""Goes up with every change of what a CommitText holds or how words are made."""
MOST_FILES = 20_000
MOST_KEPT = 200 * 1024 * 1024
"""Bytes of all of them."""
MOST_BYTES = 4 * 1024 * 1024
"""Of one file, before and after it is unpacked."""


@dataclass(frozen=True, slots=True)
class Cache:
    """Commits of one part of one repository in a folder; no folder, no cache."""

    folder: Path | None
    part: str = ""

    def commits(self, shas: Iterable[str]) -> Mapping[str, CommitText]:
        """Give what is kept of these commits."""
        found: dict[str, CommitText] = {}
        for sha in shas:
            with contextlib.suppress(TypeError, ValueError):
                kept = _commit(self._load(f"commit {sha}"))
                if kept.sha == sha:
                    found[sha] = kept
        return found

    def keep(self, commits: Iterable[CommitText]) -> None:
        """Keep what was read of commits; where that cannot be, it is read again the next time."""
        for commit in commits:
            self._store(f"commit {commit.sha}", astuple(commit))
        if self.folder:
            _shrink(self.folder)

    def between(self, old: str, new: str) -> tuple[str, ...] | None:
        """Give the hashes that are kept as what `new` has and `old` has not."""
        kept = self._load(f"between {old} {new}")
        if isinstance(kept, list) and all(isinstance(sha, str) for sha in kept):
            return tuple(kept)
        return None

    def keep_between(self, old: str, new: str, shas: tuple[str, ...]) -> None:
        """Keep that."""
        self._store(f"between {old} {new}", shas)

    def _file(self, name: str) -> Path | None:
        if self.folder is None:
            return None
        key = hashlib.sha256(f"{VERSION}\0{self.part}\0{name}".encode()).hexdigest()
        return self.folder / key[:2] / key[2:40]

    def _load(self, name: str) -> Any:
        if not (file := self._file(name)):
            return None
        try:
            with file.open("rb") as opened:
                held = opened.read(MOST_BYTES)
            digest, packed = held[:32], held[32:]
            if hashlib.sha256(packed).digest() != digest:
                return None
            return json.loads(zlib.decompressobj().decompress(packed, MOST_BYTES))
        except (OSError, ValueError, zlib.error, RecursionError):
            return None

    def _store(self, name: str, value: Any) -> None:
        if not (file := self._file(name)):
            return
        packed = zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 1)
        with contextlib.suppress(OSError):
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, half = tempfile.mkstemp(dir=file.parent, prefix=".")
            with os.fdopen(handle, "wb") as opened:
                opened.write(hashlib.sha256(packed).digest() + packed)
            os.replace(half, file)  # noqa: PTH105 -- both are on one filesystem


def _shrink(folder: Path) -> None:
    """Remove the files that were written first, where there are too many, or too many bytes."""
    with contextlib.suppress(OSError):
        found = [one for part in os.scandir(folder) for one in os.scandir(part) if one.is_file()]
        sizes = {one.path: (one.stat().st_mtime_ns, one.stat().st_size) for one in found}
        count, size = len(sizes), sum(each for _, each in sizes.values())
        if count <= MOST_FILES and size <= MOST_KEPT:
            return
        for path in sorted(sizes, key=lambda path: sizes[path]):
            if count <= MOST_FILES * 9 // 10 and size <= MOST_KEPT * 9 // 10:
                return
            os.unlink(path)  # noqa: PTH108 -- os.scandir's entries are no Paths
            count, size = count - 1, size - sizes[path][1]


def _commit(kept: Any) -> CommitText:
    sha, author, subject, body, files, fresh, read = kept
    return CommitText(
        sha, author, subject, body, tuple(_file_text(file) for file in files), fresh, read
    )


def _file_text(kept: Any) -> FileText:
    path, functions, added, removed = kept
    return FileText(path, tuple(functions), added, removed)
