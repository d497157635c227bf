"""What the reader's terminal can show: colour, width, signs, and nothing that it would obey."""

from __future__ import annotations

import errno
import io
import os
import re
import sys
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

DANGEROUS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and line feed: ESC, CR, CSI
    "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # invisible ones, and text direction
    "\ud800-\udfff\U000e0000-\U000e007f]"  # bytes that were not text, and tags
)
OUTPUT_ERRORS = frozenset({errno.ENOSPC, errno.EIO, errno.EPIPE, errno.EBADF, errno.EDQUOT})
SIGNS_IN_ASCII = str.maketrans({"✓": "+", "✗": "x", "…": "~", "→": ">", "·": "-", "↺": "<"})


def visible(text: str, *, one_line: bool = False) -> str:
    r"""Show characters that a terminal would obey or hide as escapes like `\x1b`.

    Line feeds and tabs stay, unless `one_line` asks for text that cannot break a line or a column.
    """
    text = DANGEROUS.sub(_escape, text.replace("\r\n", "\n"))
    return text.replace("\n", "\\n").replace("\t", " ") if one_line else text


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def width_of(text: str) -> int:
    """Give the columns that `text` takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def screen_width() -> int:
    """Give the columns of the screen: COLUMNS, or what the terminal says, or 80."""
    import shutil

    return max(shutil.get_terminal_size((80, 24)).columns, 20)


def is_terminal(stream: TextIO | None = None) -> bool:
    """Say whether a person looks at the stream (standard output unless another is given)."""
    stream = stream or sys.stdout
    try:
        return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"
    except ValueError:  # closed
        return False


def is_answerable() -> bool:
    """Say whether a person can be asked on standard error, and answer on standard input."""
    try:
        return sys.stderr is not None and sys.stdin is not None and sys.stdin.isatty()
    except ValueError:  # closed
        return False


def has_colour(stream: TextIO | None = None) -> bool:
    """Say whether colour is welcome: a terminal, and NO_COLOR is not set."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def can_show(sign: str, stream: TextIO | None = None) -> bool:
    """Say whether the stream's encoding has the sign."""
    encoding = getattr(stream or sys.stdout, "encoding", None) or "ascii"
    try:
        sign.encode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True


def signs(text: str, stream: TextIO | None = None) -> str:
    """Give our own signs in ASCII where the stream cannot show them."""
    return text if can_show(text, stream) else text.translate(SIGNS_IN_ASCII)


def make_streams_safe() -> None:
    """Let no character end a run: what the encoding lacks is written as an escape; a stream that is closed takes all and keeps nothing."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def is_output_error(error: OSError) -> bool:
    """Say whether the error is one of writing to a stream: full, gone, closed."""
    return error.filename is None and error.errno in OUTPUT_ERRORS


def flush() -> None:
    """Write out what is buffered, so that a full disk or a closed pipe is noticed in time."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()


def silence() -> None:
    """Send what is still buffered nowhere: the reader has gone, and the interpreter must not complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            _point_elsewhere(stream, nowhere)
    os.close(nowhere)


def _point_elsewhere(stream: TextIO | None, nowhere: int) -> None:
    try:
        if stream is not None:
            os.dup2(nowhere, stream.fileno())
    except (OSError, ValueError):
        return
