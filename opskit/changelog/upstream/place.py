"""Where an upstream's file lies: on this machine, or on a host that runs our scripts."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
from typing import TYPE_CHECKING, Protocol

from opskit.changelog.files import sync_folder
from opskit.changelog.upstream import scripts
from opskit.changelog.upstream.frames import FILLER
from opskit.errors import UpstreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Run = Callable[[str, bytes], tuple[int, bytes, str]]

PREPARE = "make it with: opskit changelog init"
CHUNK = 768 * 1024
LOCAL_CHUNK = 8 * 2**20


class Place(Protocol):
    """A file that only grows. Every method raises UpstreamError."""

    name: str
    chunk: int
    """Bytes that are read at once."""

    def size(self) -> tuple[int, int]:
        """Give the file's length in bytes, and the clock of its machine in milliseconds."""

    def read(self, offset: int, limit: int) -> bytes:
        """Give at most `limit` bytes from `offset` on; fewer only at the end."""

    def append(self, expected: int, data: bytes) -> int | None:
        """Append to a file that is still `expected` long; gives its new length, None if others came before."""

    def overwrite(self, start: int, data: bytes) -> bool:
        """Fill the place where `data` stands; False if something else stands there."""

    def create(self, data: bytes) -> bool:
        """Make the file with `data` in it; False if it is there already."""


class LocalPlace:
    """A file on this machine or in a folder that is mounted here."""

    def __init__(self, path: Path) -> None:
        self.chunk = LOCAL_CHUNK
        self.path = path
        self.name = f"file://{path}"

    def size(self) -> tuple[int, int]:
        """See Place."""
        with self._in_words():
            return self.path.stat().st_size, time.time_ns() // 1_000_000

    def read(self, offset: int, limit: int) -> bytes:
        """See Place."""
        with self._in_words(), self.path.open("rb") as file:
            file.seek(offset)
            return file.read(limit)

    def append(self, expected: int, data: bytes) -> int | None:
        """See Place."""
        whole = b"\n@%d\n%s" % (time.time(), data)
        with self._in_words(), self._locked(), self.path.open("r+b", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            if size != expected:
                return None
            try:
                _write_all(file.fileno(), whole)
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)
                raise
            return size + len(whole)

    def overwrite(self, start: int, data: bytes) -> bool:
        """See Place."""
        with self._in_words(), self._locked(), self.path.open("r+b", buffering=0) as file:
            file.seek(start)
            if file.read(len(data)) != data:
                return False
            os.pwrite(file.fileno(), FILLER * len(data), start)
            os.fsync(file.fileno())
            return True

    def create(self, data: bytes) -> bool:
        """See Place."""
        with self._in_words():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._locked():
                if self.path.exists():
                    return False
                new = self.path.with_name(f"{self.path.name}.new")
                with new.open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                new.rename(self.path)
                sync_folder(self.path.parent)
                return True

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with self.path.with_name(f"{self.path.name}.lock").open("ab") as lock:
            deadline = time.monotonic() + scripts.WAIT
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise UpstreamError(f"{self.name} is locked by another") from None
                    time.sleep(0.005)
            yield

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise UpstreamError(f"{self.name} is not there", hint=PREPARE) from None
        except OSError as error:
            raise UpstreamError(f"{self.name}: {error.strerror}") from None


class RemotePlace:
    """A file on a host. `run` takes a script and its standard input, and gives exit status, output and the end of its errors."""

    def __init__(self, host: str, path: str, run: Run) -> None:
        self.chunk = CHUNK
        self.name = f"ssh://{host}{path}"
        self._path = path.removeprefix("/") if path.startswith("/~/") else path
        self._run = run

    def size(self) -> tuple[int, int]:
        """See Place."""
        size, seconds = self._words(scripts.size(self._path), 2)
        return _number(size), _number(seconds) * 1000

    def read(self, offset: int, limit: int) -> bytes:
        """See Place."""
        return self._ask(scripts.read(self._path, offset=offset, limit=limit))

    def append(self, expected: int, data: bytes) -> int | None:
        """See Place."""
        script = scripts.append(self._path, expected=expected, length=len(data))
        word, size = self._words(script, 2, data)
        return _number(size) if word == "ok" else None

    def overwrite(self, start: int, data: bytes) -> bool:
        """See Place."""
        total = hashlib.sha256(data).hexdigest()
        script = scripts.overwrite(self._path, start=start, length=len(data), total=total)
        return self._words(script, 1) == ["ok"]

    def create(self, data: bytes) -> bool:
        """See Place."""
        return self._words(scripts.create(self._path, length=len(data)), 1, data) == ["made"]

    def _words(self, script: str, count: int, data: bytes = b"") -> list[str]:
        words = self._ask(script, data).decode("utf-8", "replace").split()
        if len(words) != count:
            raise UpstreamError(f"{self.name}: the host did not answer as a POSIX sh would")
        return words

    def _ask(self, script: str, data: bytes = b"") -> bytes:
        status, out, said = self._run(script, data)
        if status == scripts.MISSING:
            raise UpstreamError(f"{self.name} is not there", hint=PREPARE)
        if status == scripts.BUSY:
            raise UpstreamError(f"{self.name} is locked by another")
        if status == scripts.FULL:
            raise UpstreamError(f"{self.name} cannot grow", hint="is the disk there full?")
        if status != 0:
            last = said.strip().splitlines()[-1:] or [f"status {status}"]
            raise UpstreamError(f"{self.name}: {last[0]}")
        return out


def _number(word: str) -> int:
    if not (word.isascii() and word.isdigit() and len(word) < 18):
        raise UpstreamError(f"the host gave {word[:40]!r} instead of a number")
    return int(word)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    os.lseek(descriptor, 0, os.SEEK_END)
    while view:
        view = view[os.write(descriptor, view) :]
