"""The lock of an upstream's file: `flock` on the file itself; a link beside it where hosts have no `flock` program."""

from __future__ import annotations

import contextlib
import fcntl
import secrets
import shutil
import time
from typing import TYPE_CHECKING

from opskit.changelog.upstream.place import WAIT
from opskit.errors import UpstreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HOLD = 60
"""Seconds after which a link is taken for one that was left behind."""
LONGEST = 3600


@contextlib.contextmanager
def locked(path: Path, file: int, name: str, *, share: bool = False) -> Iterator[None]:
    """Hold the lock for the block; with `share`, have nobody write in it, as far as the disk can promise that.

    Raises UpstreamError if it is not free in time, OSError if this disk knows no locks.
    """
    deadline = time.monotonic() + WAIT
    try:
        _wait(lambda: _flock(file, share=share), deadline, name)
    except OSError:
        if not share:
            raise
    # The scripts on hosts decide by the same rule, so both sides of one machine take the same lock.
    with contextlib.nullcontext() if shutil.which("flock") else _linked(path, name, share=share):
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_UN)


@contextlib.contextmanager
def _linked(path: Path, name: str, *, share: bool) -> Iterator[None]:
    link, me = path.with_name(f"{path.name}.lock"), secrets.token_hex(8)
    deadline = time.monotonic() + WAIT
    if share:
        _wait(lambda: not link.is_symlink() or _left_behind(link), deadline, name)
        yield
        return
    _wait(lambda: _take(link, me), deadline, name)
    try:
        yield
    finally:
        if _said(link).startswith(f"{me}:"):
            link.unlink()


def _take(link: Path, me: str) -> bool:
    """Take the lock if it is free; what was left behind is taken away for the next try."""
    try:
        link.symlink_to(f"{me}:{int(time.time()) + HOLD}")
    except FileExistsError:
        found = _said(link)
        if _is_old(found):
            _set_aside(link, link.with_name(f"{link.name}.{me}"), found)
        return False
    return True


def _set_aside(link: Path, aside: Path, found: str) -> None:
    """Take an old lock away; one that somebody has taken in this very moment is put back."""
    with contextlib.suppress(FileNotFoundError, FileExistsError):
        link.rename(aside)
        there = _said(aside)
        aside.unlink()
        if there != found:
            link.symlink_to(there)


def _left_behind(link: Path) -> bool:
    return _is_old(_said(link))


def _is_old(said: str) -> bool:
    """Tell whether a lock that says this has run out, or claims to hold for too long."""
    until = said.rpartition(":")[2]
    if not (until.isascii() and until.isdigit()):
        return bool(said)
    return not time.time() <= int(until) <= time.time() + LONGEST


def _said(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _flock(file: int, *, share: bool) -> bool:
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if share else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(free: Callable[[], bool], deadline: float, name: str) -> None:
    pause = 0.001
    while not free():
        if time.monotonic() > deadline:
            raise UpstreamError(f"{name} is locked by somebody else for {WAIT} s")
        time.sleep(pause)
        pause = min(0.05, pause * 1.5)
