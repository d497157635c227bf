"""The README's picture: what `opskit demo` really draws on a terminal, drawn once more by rich."""

from __future__ import annotations

import io
import itertools
import re
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.cli.screen import Drawing, Screen

PICTURE = Path(__file__).parents[2] / ".assets" / "session.svg"
COLUMNS = 112
PARTS = ("$ opskit deploy shop v3", "$ opskit blame", "$ opskit rollback shop")


class Painting(Drawing):
    """What stands on a screen, with its colours."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self._style = ""
        self._styles: dict[tuple[int, int], str] = {}

    def lines(self) -> list[Text]:
        """Give the screen's lines, each as wide as what stands on it."""
        return [self._line(number, row.rstrip()) for number, row in enumerate(self._rows)]

    def _line(self, number: int, row: str) -> Text:
        runs = itertools.groupby(
            enumerate(row), lambda cell: self._styles.get((number, cell[0]), "")
        )
        return Text.from_ansi(
            "".join(f"\x1b[0m{style}{''.join(char for _, char in run)}" for style, run in runs)
        )

    def _control(self, args: str, end: str) -> None:
        if end != "m":
            super()._control(args, end)
        elif args in ("", "0"):
            self._style = ""
        else:
            self._style += f"\x1b[{args}m"

    def _put(self, char: str) -> None:
        super()._put(char)
        if char.isprintable():
            self._styles[self._row, self._column - 1] = self._style


def draw() -> None:
    """Run the demo on a terminal and write the picture of a part of what stands there in the end."""
    screen = Screen(PICTURE.parents[1], "demo", width=COLUMNS)
    assert screen.end(within=300) == 0, screen.said
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(drawn(parts_of(painted(screen.said))), encoding="utf-8")


def painted(said: str) -> list[Text]:
    """Give the lines that stand on a terminal which was told this."""
    painting = Painting(COLUMNS)
    painting.feed(said)
    return painting.lines()


def parts_of(lines: list[Text]) -> list[Text]:
    """Give the parts of the story that tell it best, in their order, each once."""
    begins = [number for number, line in enumerate(lines) if is_told(lines, number)]
    parts = [lines[a:b] for a, b in itertools.pairwise([*begins, len(lines)])]
    return [line for wanted in PARTS for line in next(p for p in parts if has_call(p, wanted))]


def is_told(lines: list[Text], number: int) -> bool:
    """Say whether a part of the story begins here: its comment, after a line that is none."""
    before = lines[number - 1].plain if number else ""
    return lines[number].plain.startswith("# ") and not before.startswith("# ")


def has_call(part: list[Text], call: str) -> bool:
    """Say whether a part shows this command, with or without words of its own behind it."""
    return any(
        line.plain == call or (line.plain.startswith(f"{call} ") and "log" not in call)
        for line in part
    )


def drawn(lines: list[Text]) -> str:
    """Give lines of a terminal as SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), highlight=False)
    for line in lines:
        console.print(line)
    svg = console.export_svg(title="a part of: opskit demo", unique_id="session")
    return re.sub(r"\s*@font-face \{.*?\}\n", "", svg, flags=re.DOTALL)  # fonts from the network
