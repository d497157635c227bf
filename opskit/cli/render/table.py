"""Tables: plain columns, for a person at a terminal with colours and as wide as the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.cli.render import terminal, text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from rich.console import Console

    from opskit.cli.render.text import Cell

REMARKS = ("", "REASON")
LEAST = 8  # characters that a cut column keeps


def show(header: Sequence[str], rows: Sequence[Sequence[Cell]], *, is_whole: bool = False) -> None:
    """Print rows under a header; on a terminal a line has the colour of its `text.Status` cell.

    Where a terminal is too narrow, a last column of remarks follows as lines of its own,
    and cells but the first lose their ends; if all of it `is_whole`, each row is a block of lines there.
    """
    if not terminal.is_terminal():
        for line in text.columns(header, rows):
            text.say(line)
        return
    below: list[tuple[Cell, Cell]] = []
    if _width(text.columns(header, rows)) > terminal.screen_width():
        if is_whole:
            _blocks(header, rows)
            return
        if header[-1] in REMARKS:
            below = [(row[0], row[-1]) for row in rows if row[-1]]
            header, rows = header[:-1], [row[:-1] for row in rows]
        header, rows = _cut(header, rows)
    first, *lines = text.columns(header, rows)
    text.say(first, bold=True)
    for row, line in zip(rows, lines, strict=True):
        text.say(line, colour=_colour(row))
    for name, remark in below:
        text.say(f"{_plain(name)}: {_plain(remark)}")


def listed(rows: Sequence[Sequence[str]]) -> None:
    """Print rows without a header; where a terminal is too narrow for one, all are texts that go on in the next line."""
    lines = text.columns((), rows)
    if terminal.is_terminal() and any(terminal.width_of(line) + 2 > terminal.screen_width() for line in lines):  # fmt: skip
        lines = ["  ".join(_plain(cell) for cell in row if cell) for row in rows]
    for line in lines:
        text.say(f"  {line}", wrap=True)


def _blocks(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Print each row as its first cell, and below it a line for each other cell that has something, with its name."""
    width = max(map(terminal.width_of, header[1:]))
    for row in rows:
        text.say(_plain(row[0]), bold=True)
        for name, cell in zip(header[1:], row[1:], strict=True):
            if cell:
                text.say(f"  {name:<{width}}  {_plain(cell)}", wrap=True)


def _cut(
    header: Sequence[str], rows: Sequence[Sequence[Cell]]
) -> tuple[Sequence[str], Sequence[Sequence[Cell]]]:
    """Shorten the widest column but the first until all fits, or all are short."""
    cells = [[_plain(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(terminal.width_of, column)) for column in zip(*cells, strict=True)]
    while (
        sum(widths) + 2 * (len(widths) - 1) > terminal.screen_width() and max(widths[1:]) > LEAST
    ):
        widths[widths.index(max(widths[1:]), 1)] -= 1
    fit = [
        [
            cell if isinstance(cell, text.Status) else text.cut(_plain(cell), width)
            for cell, width in zip(row, widths, strict=True)
        ]
        for row in rows
    ]
    return header, fit


def _width(lines: Sequence[str]) -> int:
    return max(map(terminal.width_of, lines))


def _plain(cell: Cell) -> str:
    return terminal.visible(cell.text() if isinstance(cell, text.Status) else cell, one_line=True)


def _colour(row: Sequence[Cell]) -> str:
    return next((cell.colour for cell in row if isinstance(cell, text.Status)), "")


def console(stream: TextIO | None = None) -> Console:
    """Give a rich console for a stream (standard output unless another is given) that keeps to what `terminal` says of it."""
    from rich.console import Console

    return Console(
        file=stream,
        color_system="auto" if terminal.has_colour(stream) else None,
        highlight=False,
        emoji=False,
        markup=False,
        width=terminal.screen_width(),
        safe_box=True,
    )
