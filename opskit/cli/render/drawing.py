"""Markdown drawn on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.cli.render import table, terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TextIO

    from markdown_it.token import Token

READ = ("text", "code_inline", "fence", "code_block")
"""What of Markdown is read as it stands there."""


def draw(markdown: str, *, stream: TextIO | None = None, fill: Callable[[str], str] = str) -> None:
    """Draw Markdown on a terminal, standard output unless another stream is given.

    `fill` puts values into what is read of it: what looks like Markdown in a value is shown as it is. Raises OSError.
    """
    from rich.markdown import Markdown

    theme = "ansi_dark" if terminal.has_colour(stream) else "bw"
    drawn = Markdown(terminal.visible(markdown), code_theme=theme, hyperlinks=False)
    for token in _every(drawn.parsed):
        if token.type in READ:
            token.content = terminal.visible(fill(token.content))
    table.console(stream).print(drawn)


def _every(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _every(token.children or ())
