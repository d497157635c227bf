"""The file of an upstream on this machine, or in a folder of another that is mounted here."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections import deque
from typing import TYPE_CHECKING

from opskit.changelog.files import sync_folder
from opskit.changelog.upstream import frames
from opskit.changelog.upstream.locking import locked
from opskit.changelog.upstream.place import (
    DENIED,
    FIXED,
    FULL,
    IS_IT_RIGHT,
    MISSING,
    MOST_CLAIMS,
    ODD,
    UNFIX,
    Claim,
    Claims,
    Look,
)
from opskit.changelog.upstream.rights import rights
from opskit.errors import UpstreamError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opskit.changelog.upstream.place import Made, Order

CHUNK = 4 * 2**20
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LINE = 512  # more than what a claim is read from

_CLAIM = re.compile(
    rb'@[0-9]{13}\+([0-9]{15})\+([0-9]{15}) [0-9]+ [0-9a-f]{16} \{"event":"([0-9a-f]{64})","seq":([0-9]{1,18}),'
)


class LocalPlace:
    """See `Place`. Its clock is not given: it is the pusher's own, or nobody knows whose."""

    chunk = CHUNK

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = f"file://{path}"

    def look(self, *ranges: tuple[int, int]) -> Look:
        """See Place."""
        with self._opened(os.O_RDONLY) as file:
            with locked(self.path, file, self.name, share=True):
                size = os.fstat(file).st_size
            parts = [_read(file, start, min(end, size)) for start, end in ranges]
            return Look(size, 0, parts)

    def claims(self, writer: bytes, first: int) -> Claims:
        """See Place."""
        with self._opened(os.O_RDONLY) as file:
            with locked(self.path, file, self.name, share=True):
                size = os.fstat(file).st_size
            return _claims(file, writer, first, 0, size)

    def append(self, order: Order, data: bytes) -> int | None:
        """See Place."""
        with self._opened(os.O_RDWR | os.O_APPEND) as file, locked(self.path, file, self.name):
            start = os.fstat(file).st_size
            self._demand_same(file, order.log)
            if _claims(file, order.writer, order.first, order.since, start).found:
                return None
            self._write(file, frames.stamped(data, start=start, now_ms=_clock(file)), start)
            return start

    def bodies(self, event: bytes) -> list[tuple[int, int]]:
        """See Place."""
        needle = b'{"of":"%s"' % event.hex().encode()
        with self._opened(os.O_RDONLY) as file:
            size = os.fstat(file).st_size
            return [_line(file, at, size) for at in _found(file, needle, 0, size)]

    def overwrite(self, start: int, data: bytes) -> None:
        """See Place."""
        with self._changing(), self._opened(os.O_RDWR) as file, locked(self.path, file, self.name):
            there = _read(file, start, start + len(data))
            filled = frames.FILLER * len(data)
            if there not in (data, filled):  # somebody else may have been quicker
                raise UpstreamError(f"{self.name} was changed meanwhile")
            _write_all(file, filled, start)
            os.fsync(file)

    def create(self, data: bytes) -> Made:
        """See Place."""
        with self._in_words():
            if not self.path.parent.is_dir():
                self.path.parent.mkdir(mode=0o700, exist_ok=True)
                sync_folder(self.path.parent.parent)
                return "folder" if self._make(data) else ""
            if self.path.exists() and self.path.stat().st_size > 0:
                return ""
            # one that is empty was prepared by an administrator, with the owner and rights of their choice
            is_new = self._begin(data) if self.path.exists() else self._make(data)
            return "file" if is_new else ""

    def _make(self, data: bytes) -> bool:
        """Make the file whole, under another name first; False if somebody else was quicker."""
        group = self.path.parent.stat().st_mode & 0o060
        new = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.fchmod(file, 0o600 | group)
            _write_all(file, data, 0)
            os.fsync(file)
            self._name(new)
        except FileExistsError:
            return False
        finally:
            os.close(file)
            new.unlink(missing_ok=True)
        sync_folder(self.path.parent)
        return True

    def _name(self, new: Path) -> None:
        """Give the new file its name, if nobody has it; raises FileExistsError."""
        try:
            self.path.hardlink_to(new)
        except FileExistsError:
            raise
        except OSError:  # a disk without hard links
            if self.path.exists():
                raise FileExistsError from None
            new.rename(self.path)

    def _begin(self, data: bytes) -> bool:
        with self._opened(os.O_RDWR | os.O_APPEND) as file, locked(self.path, file, self.name):
            if os.fstat(file).st_size > 0:
                return False
            self._write(file, data, 0)
            return True

    def _write(self, file: int, data: bytes, start: int) -> None:
        """Append all of `data` or, if that fails, take back what came there; the lock is held."""
        try:
            _write_all(file, data, None)
            os.fsync(file)
        except OSError:
            with contextlib.suppress(OSError):  # a torn end harms nobody
                os.ftruncate(file, start)
            raise
        if os.fstat(file).st_size != start + len(data):
            raise UpstreamError(f"{self.name}: something writes there without taking the lock")

    def _demand_same(self, file: int, log: str) -> None:
        """Refuse to write to what is not, or no longer, that log under that name."""
        try:
            there = os.path.samestat(os.fstat(file), self.path.stat())
        except FileNotFoundError:
            there = False
        expected = frames.first(log)
        if not there or _read(file, 0, len(expected)) != expected:
            raise UpstreamError(f"{self.name} was replaced meanwhile", hint="try again")

    @contextlib.contextmanager
    def _opened(self, flags: int) -> Iterator[int]:
        with self._in_words():
            file = os.open(self.path, flags | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    raise UpstreamError(f"{self.name} {ODD}", hint=IS_IT_RIGHT)
                yield file
            finally:
                os.close(file)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Name the file that its administrator has made append-only."""
        try:
            yield
        except UpstreamError as error:
            if isinstance(error.__context__, OSError) and error.__context__.errno == errno.EPERM:
                raise UpstreamError(f"{self.name} {FIXED}", hint=UNFIX) from None
            raise

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise UpstreamError(f"{self.name} is not there", hint=MISSING) from None
        except PermissionError as error:
            what = f"{self.name}: {error.strerror}{rights(self.path)}"
            raise UpstreamError(what, hint=DENIED) from None
        except OSError as error:
            hint = FULL if error.errno in _FULL else ""
            raise UpstreamError(f"{self.name}: {error.strerror}", hint=hint) from None


def _claims(file: int, writer: bytes, first: int, since: int, size: int) -> Claims:
    """Find the lines of a writer between two offsets."""
    needle = b'"writer":"%s"' % writer.hex().encode()
    found: deque[Claim] = deque(maxlen=MOST_CLAIMS)
    for at in _found(file, needle, since, size):
        begin = max(0, at - LINE)
        before = _read(file, begin, at)
        match = _CLAIM.fullmatch(before, before.rfind(b"\n") + 1)
        if match is None:
            continue
        seq = int(match[4])
        if seq >= first:
            start = int(match[1]) + int(match[2])
            found.append(Claim(seq, bytes.fromhex(match[3].decode()), start))
    return Claims(size, found, len(found) == MOST_CLAIMS)


def _found(file: int, needle: bytes, since: int, size: int) -> Iterator[int]:
    """Give every offset between two at which `needle` stands."""
    rest, offset = b"", since
    while offset < size:
        data = rest + _read(file, offset, min(offset + CHUNK, size))
        begin = offset - len(rest)
        at = data.find(needle)
        while at >= 0:
            yield begin + at
            at = data.find(needle, at + 1)
        offset = begin + len(data)
        if offset == begin + len(rest):
            return
        rest = data[len(data) - len(needle) + 1 :]


def _line(file: int, at: int, size: int) -> tuple[int, int]:
    """Give where the line around an offset begins and ends."""
    begin = max(0, at - LINE)
    start = begin + _read(file, begin, at).rfind(b"\n") + 1
    end = next(_found(file, b"\n", at, size), size)
    return start, end


def _read(file: int, start: int, end: int) -> bytes:
    """Give the bytes between two offsets, as far as there are."""
    data = bytearray()
    while start + len(data) < end:
        piece = os.pread(file, end - start - len(data), start + len(data))
        if not piece:
            break
        data += piece
    return bytes(data)


def _write_all(file: int, data: bytes, offset: int | None) -> None:
    """Write at an offset; None is the end, wherever that is."""
    view = memoryview(data)
    while view:
        done = os.write(file, view) if offset is None else os.pwrite(file, view, offset)
        view, offset = view[done:], None if offset is None else offset + done


def _clock(file: int) -> int:
    """Give the clock of the machine that holds the file, in milliseconds: a mounted folder's server sets the time itself."""
    os.utime(file)
    return os.fstat(file).st_mtime_ns // 1_000_000
