"""How the columns of `opskit log` fit on a screen: fewer words first, then less of a column, then fewer columns.

At 80 columns all of them are there, and WHY, what people ask the log for, has room for the beginning of a sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.cli.render import terminal, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HEADER = ("ID", "WHEN", "WHO", "WHAT", "RELEASE", "WHERE", "OUTCOME", "WHY")
ID, WHEN, WHO, WHAT, RELEASE, WHERE, OUTCOME, WHY = range(len(HEADER))
SHORTENED = (WHO, WHEN, RELEASE, WHERE, WHY)  # what can be said in fewer words, in this order
SENTENCE = 32  # characters of WHY for which other columns are said in fewer words
GENTLY = (
    *((WHY, SENTENCE), (WHERE, 12), (WHAT, 16), (WHY, 26), (WHERE, 8), (WHO, 8), (WHAT, 11)),
    (WHY, 20),
)
HARD = ((WHO, 5), (RELEASE, 10), (WHY, 15), (WHAT, 8), (WHO, 4))
# The gap between columns, and what is cut in which order: a column, and how much of it stays. What
# fits in none of these ways is tried again without some columns; the last resort is the line's end.
WAYS = ((2, GENTLY), (1, GENTLY), (1, (*GENTLY, *HARD)))
LEFT_OUT = ((), (WHERE,), (WHERE, WHO), (WHERE, WHO, RELEASE))


def wider(widths: Sequence[int], table: Iterable[Sequence[str]]) -> list[int]:
    """Give the widths that the columns of a table want, at least these."""
    wanted = ([terminal.width_of(cell) for cell in row] for row in table)
    return [max(column) for column in zip(widths, *wanted, strict=True)]


def has_room(widths: Sequence[int], room: int) -> bool:
    """Tell whether all columns fit whole, but for WHY, of which the beginning of a sentence is enough."""
    return not _excess([*widths[:WHY], min(widths[WHY], SENTENCE)], 2, room)


def fitted(widths: Sequence[int], room: int) -> tuple[list[int], int]:
    """Give column widths and the gap that fit into `room`, as far as that can be; 0 leaves a column out."""
    fitting, gap = list(widths), 2
    for left_out, (gap, cuts) in ((left_out, way) for left_out in LEFT_OUT for way in WAYS):
        fitting = [0 if column in left_out else width for column, width in enumerate(widths)]
        for column, least in cuts:
            excess = _excess(fitting, gap, room)
            fitting[column] -= min(excess, max(fitting[column] - least, 0))
        if not _excess(fitting, gap, room):
            break
    return fitting, gap


def _excess(widths: Sequence[int], gap: int, room: int) -> int:
    return max(0, sum(widths) + gap * (len(widths) - widths.count(0) - 1) - room)


def padded(cell: str, width: int) -> str:
    """Give a cell as wide as its column; too long a one loses its end."""
    cell = text.cut(cell, width)
    return cell + " " * (width - terminal.width_of(cell))
