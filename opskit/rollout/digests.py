"""The digests of files, each read once as long as it stays as it is; kept between runs as git's index keeps them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.rollout.tree import Entry

COARSE = 2_000_000_000
"""Nanoseconds: no file system tells times worse than to two seconds."""

MAGIC = b"opskit digests 1\n"
ROW = struct.Struct(
    "<QQQqq32s"
)  # device, inode, size, change times of content and of all, SHA-256
SEAL = 32  # bytes: the SHA-256 of all rows
MOST = 200_000  # rows that are kept: 15 MB
Stamp = tuple[int, int, int, int, int]


class Digests:
    """The SHA-256 of files, each read once as long as it stays as it is, so far as its change time tells.

    No file can be written without a change of that, but by setting back the clock of the machine.
    """

    def __init__(self, known: dict[Stamp, bytes] | None = None) -> None:
        self._known = known or {}
        self._used: dict[Stamp, bytes] = {}
        self._is_new = False

    def of(self, entry: Entry) -> str:
        """Give the SHA-256 of a regular file in hexadecimal digits. Raises OSError."""
        state = entry.state
        now = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
        digest = self._known.get(now)
        if digest is None:
            digest = self._read(entry, now)
        else:
            self._used[now] = digest
        return digest.hex()

    def _read(self, entry: Entry, now: Stamp) -> bytes:
        began = time.time_ns()
        with open(entry.path, "rb", buffering=0) as stream:  # noqa: PTH123 - see `tree._below`
            digest = hashlib.file_digest(stream, "sha256").digest()
        # of a file that was changed just now, the next change may bear the same time
        if max(now[3], now[4]) < began - COARSE:
            self._known[now] = self._used[now] = digest
            self._is_new = True
        return digest

    def keep(self, file: Path) -> None:
        """Write down what was used, if there is anything new; where that cannot be done, files are read again next time."""
        if not self._is_new or len(self._used) > MOST:
            return
        self._is_new = False
        rows = b"".join(ROW.pack(*stamp, digest) for stamp, digest in self._used.items())
        made = file.with_name(f"{file.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            made.write_bytes(MAGIC + hashlib.sha256(rows).digest() + rows)
            made.chmod(0o600)
            made.replace(file)


def kept(file: Path) -> Digests:
    """Give the digests that an earlier run left in `file`; none if it is not there, not whole, or not only ours to write."""
    try:
        with file.open("rb") as stream:
            state = os.fstat(stream.fileno())
            if state.st_uid != os.geteuid() or state.st_mode & 0o022:
                return Digests()
            said = stream.read(len(MAGIC) + SEAL + MOST * ROW.size)
    except OSError:
        return Digests()
    seal, rows = said[len(MAGIC) : len(MAGIC) + SEAL], said[len(MAGIC) + SEAL :]
    if not said.startswith(MAGIC) or hashlib.sha256(rows).digest() != seal or len(rows) % ROW.size:
        return Digests()
    return Digests({row[:5]: row[5] for row in ROW.iter_unpack(rows)})


def file_of(folder: Path, cache: Path) -> Path:
    """Give the file in which the digests of a folder are kept."""
    name = hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()
    return cache / "digests" / name[:32]
