"""Tests write in memory where it has room: a command of opskit waits for the disk a dozen times, and so does each host.

That opskit waits for it is what `test_power_loss` shows, by the system calls themselves. OPSKIT_HEAVY=1 writes to the disk.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tests.support.cli import HEAVY

MEMORY = Path("/dev/shm")
ROOM = 2 << 30  # bytes; the whole suite takes less than half of it


def write_in_memory() -> None:
    """Let all that asks for a temporary folder get one in memory, unless whoever runs the tests has said where."""
    if not HEAVY and "TMPDIR" not in os.environ and _has_room():
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def short() -> str:
    """Give where temporary folders have short paths and may be entered by others, as servers' sockets want it."""
    return str(MEMORY) if tempfile.gettempdir() == str(MEMORY) else "/tmp"


def _has_room() -> bool:
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK):
        return False
    found = os.statvfs(MEMORY)
    return found.f_bavail * found.f_frsize >= ROOM and not found.f_flag & os.ST_NOEXEC
