"""Plain text: lines, columns, status words, durations; for pipes and terminals alike, without rich."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from opskit.cli.render import terminal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import TextIO

    from opskit.errors import OpskitError

SHOWN_OUTPUT_LINES = 10
COMMAND = r" *[`'\"(]?(?<![\w./-])opskit [a-z].*$"
MINUTE, HOUR, DAY = 60, 3600, 86400

STYLES = {
    "done": ("✓", "green"),
    "ok": ("✓", "green"),
    "failed": ("✗", "red"),
    "unreachable": ("✗", "red"),
    "drifted": ("✗", "red"),
    "refused": ("✗", "red"),
    "partial": ("!", "yellow"),
    "attested": ("✓", "green"),
    "unattested": ("?", "yellow"),
    "revoked": ("✗", "red"),
    "forked": ("✗", "red"),
    "reverted": ("↺", "yellow"),
    "unknown": ("?", "yellow"),
    "unrecorded": ("?", "yellow"),
    "doubtful": ("?", "yellow"),
    "unfinished": ("?", "yellow"),
    "interrupted": ("!", "yellow"),
    "abandoned": ("!", "yellow"),
    "aborted": ("!", "yellow"),
    "suspended": ("!", "yellow"),
    "undone": ("↺", "yellow"),
    "begun": ("→", ""),
    "marked": ("✓", "green"),
    "recovered": ("?", "yellow"),
    "warning": ("!", "yellow"),
    "fresh": ("✓", ""),
    "new": ("?", "cyan"),
    "expired": ("!", "yellow"),
    "broken": ("✗", "red"),
    "running": ("→", "cyan"),
    "skipped": ("·", "bright_black"),
    "empty": ("·", "bright_black"),
    "not reached": ("·", "bright_black"),
}


@dataclass(frozen=True, slots=True)
class Status:
    """A status word as a cell of a table: on a terminal with a sign and a colour, else the word alone."""

    word: str

    @property
    def colour(self) -> str:
        """The colour of the word, or nothing for a word that has none."""
        return STYLES.get(self.word, ("", ""))[1]

    def text(self, stream: TextIO | None = None) -> str:
        """Give the word, after its sign if a person is looking."""
        sign = STYLES.get(self.word, ("", ""))[0]
        if not sign or not terminal.is_terminal(stream):
            return self.word
        return f"{terminal.signs(sign, stream)} {self.word}"


Cell = str | Status


def say(line: str = "", *, colour: str = "", bold: bool = False, wrap: bool = False) -> None:
    """Print text to standard output; it is what the command was asked for. See `wrapped` for `wrap`.

    Raises BrokenPipeError when nobody reads any more.
    """
    _print(line, colour, bold=bold, wrap=wrap, stream=sys.stdout)


def mention(line: str = "", *, colour: str = "", bold: bool = False, wrap: bool = False) -> None:
    """Print text to standard error: progress, warnings. A stream that is gone or full is no error."""
    try:
        _print(line, colour, bold=bold, wrap=wrap, stream=sys.stderr)
    except OSError:
        terminal.silence()


def say_on(line: str = "", *, colour: str = "", bold: bool = False, wrap: bool = False) -> None:
    """Print as `say` does, in the midst of work that must go on though nobody reads any more."""
    try:
        _print(line, colour, bold=bold, wrap=wrap, stream=sys.stdout)
    except OSError:
        terminal.silence()


def _print(line: str, colour: str, *, bold: bool, wrap: bool, stream: TextIO | None) -> None:
    if stream is None:
        return
    line = terminal.signs(terminal.visible(line), stream)
    if wrap and terminal.is_terminal(stream):
        line = "\n".join(wrapped(line, terminal.screen_width()))
    if terminal.has_colour(stream) and (colour or bold):
        line = click.style(line, fg=colour or None, bold=bold or None)
    stream.write(line + "\n")
    stream.flush()


def complain(error: OpskitError) -> None:
    """Print an error: one line of what and where, the last lines a host said, what to do next."""
    mention(f"opskit: {terminal.visible(str(error), one_line=True)}", colour="red", bold=True)
    for line in error.output.splitlines()[-SHOWN_OUTPUT_LINES:]:
        mention(f"  | {line}")
    for line in error.hint.splitlines():
        mention(f"  {line}")


def wrapped(line: str, width: int) -> list[str]:
    """Give a line in pieces that fit on a screen, broken between words, the later ones further in.

    A command of opskit is one word: whoever copies it gets all of it.
    """
    found = re.search(COMMAND, line)
    end = found.start() if found else len(line)
    words = [*re.findall(r" *[^ ]+", line[:end]), *([found[0]] if found else [])]
    further = " " * (len(line) - len(line.lstrip(" ")) + 2)
    pieces = [""]
    for word in words:
        if pieces[-1].strip() and terminal.width_of(pieces[-1] + word) > width:
            pieces.append(further + word.lstrip(" "))
        else:
            pieces[-1] += word
    return pieces


def columns(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[str]:
    """Give rows as aligned lines, two spaces between columns; an empty header is left out."""
    table = [[_cell(cell) for cell in row] for row in ([header] if header else []) + list(rows)]
    widths = [max(map(terminal.width_of, column)) for column in zip(*table, strict=True)]
    return ["  ".join(map(_pad, row, widths)).rstrip() for row in table]


def _cell(cell: Cell) -> str:
    return terminal.visible(cell.text() if isinstance(cell, Status) else cell, one_line=True)


def _pad(text: str, width: int) -> str:
    return text + " " * (width - terminal.width_of(text))


def cut(cell: str, width: int) -> str:
    """Give as much of a text as fits, with a sign that something is missing."""
    if terminal.width_of(cell) <= width:
        return cell
    while terminal.width_of(cell) > width - 1:
        cell = cell[:-1]
    return f"{cell}…"


def folded(hosts: Sequence[str]) -> str:
    """Give hosts in short: `web[01-03],db1`."""
    if len(hosts) < 2:
        return "".join(hosts)
    from opskit.fleet.selectors import fold

    return fold(hosts)


def duration(seconds: float) -> str:
    """Give a length of time: `0.3 s`, `42 s`, `3 min 4 s`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return _two(whole, MINUTE, "min", 1, "s")
    return (
        _two(whole, HOUR, "h", MINUTE, "min") if whole < DAY else _two(whole, DAY, "d", HOUR, "h")
    )


def _two(whole: int, big: int, of_big: str, small: int, of_small: str) -> str:
    rest = whole % big // small
    return f"{whole // big} {of_big}" + (f" {rest} {of_small}" if rest else "")


def ago(then: datetime, now: datetime) -> str:
    """Give how long ago `then` was, roughly; a time to come (a skewed clock) is given in full."""
    seconds = (now - then).total_seconds()
    if seconds < -MINUTE or seconds >= 7 * DAY:
        return f"{then.astimezone():%Y-%m-%d %H:%M}"
    if seconds < MINUTE:
        return "just now"
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    raise AssertionError


def plural(count: int, noun: str) -> str:
    """Give `1 host`, `2 hosts`; nouns that take an s only."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
