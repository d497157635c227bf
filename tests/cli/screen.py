"""opskit on a real terminal: what is typed, what is drawn, what stands on the screen in the end."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from typing import TYPE_CHECKING

from tests.support.cli import command

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MOST = 3000  # characters of a screen that a failed test shows
TOKEN = re.compile(r"\x1b\[(?P<args>[?\d;]*)(?P<end>[A-Za-z])|(?P<char>[\s\S])")


class Screen:
    """A terminal with opskit, or a `program` that is much like it, running on it as its foreground process."""

    def __init__(
        self,
        cwd: Path,
        *arguments: str,
        width: int = 100,
        program: Sequence[str] = (),
        **environment: str,
    ) -> None:
        self.said = ""
        self.drawing = Drawing(width)
        # A block may end amid a character.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._ours, theirs = pty.openpty()
        self._size(theirs, width)
        kept = {n: v for n, v in os.environ.items() if n not in ("COLUMNS", "NO_COLOR", "LINES")}
        self.process = subprocess.Popen(
            [*(program or command()), *arguments], cwd=cwd, start_new_session=True,
            env={**kept, "TERM": "xterm", "LC_ALL": "C.UTF-8", **environment},
            stdin=theirs, stdout=theirs, stderr=theirs,
            preexec_fn=take_over,  # noqa: PLW1509 - one ioctl, or Ctrl-C would reach nobody
        )  # fmt: skip
        os.close(theirs)

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def resize(self, width: int) -> None:
        """Make the terminal as wide; the kernel tells the foreground process by SIGWINCH."""
        self._size(self._ours, width)
        self.drawing.width = width

    def wait_for(self, text: str, *, within: float = 60.0) -> None:
        """Read until `text` has been written."""
        deadline = time.monotonic() + within
        while text not in self.said:
            assert time.monotonic() < deadline, f"no {text!r} in:\n{self.said[-MOST:]}"
            if not self._read(0.05) and text not in self.said:
                raise AssertionError(f"ended without {text!r}:\n{self.said[-MOST:]}")

    def until(self, pattern: re.Pattern[str], *, within: float = 60.0) -> str | None:
        """Read until `pattern` stands at the end; gives all of it without carriage returns, None if nothing more comes."""
        deadline = time.monotonic() + within
        while not pattern.search(said := self.said.replace("\r", "")):
            assert time.monotonic() < deadline, f"nothing is asked:\n{said[-MOST:]}"
            if not self._read(0.05):
                return None
        return said

    def end(self, *, within: float = 60.0) -> int:
        """Read to the end, and give the exit code."""
        deadline = time.monotonic() + within
        while self._read(0.05):
            assert time.monotonic() < deadline, f"does not end:\n{self.said[-MOST:]}"
        self.close()
        return self.process.wait(within)

    def close(self) -> None:
        """Close the terminal, as closing its window does."""
        if self._ours >= 0:
            os.close(self._ours)
            self._ours = -1

    def _read(self, seconds: float) -> bool:
        """Take in what was written; False once nobody holds the terminal, which Linux tells by EIO."""
        if not select.select([self._ours], [], [], seconds)[0]:
            return True
        try:
            block = os.read(self._ours, 65536)
        except OSError:
            return False
        piece = self._decoder.decode(block)
        self.said += piece
        self.drawing.feed(piece)
        return bool(block)

    def _size(self, terminal: int, width: int) -> None:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))


class Drawing:
    """What stands on a screen that knows no more than line feeds, moves up, erased lines, and wrapping."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.cursor_hidden = False
        self._rows: list[str] = [""]
        self._row = self._column = 0
        self._rest = ""

    @property
    def text(self) -> str:
        return "\n".join(row.rstrip() for row in self._rows)

    def feed(self, written: str) -> None:
        written = self._rest + written
        cut = re.search(r"\x1b(\[[?\d;]*)?$", written)
        self._rest = cut[0] if cut else ""
        for token in TOKEN.finditer(written.removesuffix(self._rest)):
            self._control(token["args"], token["end"]) if token["end"] else self._put(
                token["char"]
            )

    def _control(self, args: str, end: str) -> None:
        if end == "A":
            self._row = max(0, self._row - int(args or 1))
        elif end == "K":
            self._rows[self._row] = ""
        elif args == "?25":
            self.cursor_hidden = end == "l"
        elif args != "?2004":  # how a shell asks for what is pasted
            assert end == "m", f"the screen does not know {args}{end}"

    def _put(self, char: str) -> None:
        if char == "\r":
            self._column = 0
        elif char == "\n":
            self._down()
        elif char.isprintable():
            if self._column >= self.width:
                self._column = 0
                self._down()
            row = self._rows[self._row].ljust(self._column)
            self._rows[self._row] = row[: self._column] + char + row[self._column + 1 :]
            self._column += 1

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self._rows):
            self._rows.append("")


def take_over() -> None:
    """Make standard input the terminal whose Ctrl-C this session hears."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
