"""A page on the disk: written whole or not at all, and never over a file that is something else."""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import TYPE_CHECKING

from opskit.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

MARK = '<meta name="generator" content="%s">'
HEAD = 1000  # bytes within which a page of ours names itself


def save(page: str, file: Path, *, by: str = "opskit log --web") -> int:
    """Write a page, in place of an earlier one if there is one; give its size in bytes.

    `by` is what makes such pages, as they say themselves. Raises RefusedError if `file` is something else, UsageError if it cannot be written.
    """
    data = page.encode()
    try:
        target = file.resolve()
        _spare_others(target, file, by)
        _put(data, target)
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from error
    return len(data)


def _spare_others(target: Path, file: Path, by: str) -> None:
    """Raise RefusedError if there is a file that `by` has not made."""
    if not target.exists():
        return
    ours = False
    if target.is_file():
        with target.open("rb") as there:
            ours = (MARK % by).encode() in there.read(HEAD)
    if not ours:
        raise RefusedError(
            f"{file} is there already, and `{by}` did not make it",
            hint="give the page another name",
        )


def _put(data: bytes, target: Path) -> None:
    """Write beside the target, then take its name: whoever opens it finds the old page or the new one."""
    beside = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        beside.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
