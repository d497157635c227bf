"""A command on a terminal of its own, as wide as a test wants it."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def on_terminal(argv: list[str], *, cwd: Path, width: int = 80, **environment: str) -> str:
    """Run a command with its streams on a pseudo-terminal; give what it wrote there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    kept = {
        name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")
    }
    env = {**kept, "TERM": "xterm", **environment}
    process = subprocess.Popen(
        argv, cwd=cwd, env=env, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True
    )
    os.close(theirs)
    said = all_of(ours)
    os.close(ours)
    process.wait(60)
    return said.decode().replace("\r\n", "\n")


def all_of(terminal: int) -> bytes:
    """Read until the last process has let go of the terminal; Linux tells that by EIO."""
    said = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            return said
        if not piece:
            return said
        said += piece
