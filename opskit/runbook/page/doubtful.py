"""Markdown that one renderer shows as a heading and another does not: what people see must not depend on where they look.

The specification, the library that reads pages here and the one of GitHub agree on all but a few odd places; these are refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from opskit.runbook.page.blocks import CELL, HEADING, HTML, OTHER, PARAGRAPH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opskit.runbook.page.blocks import Block, Blocks

_EMPTY = " \t>"
_HEADING = re.compile(r"[ >]{0,3}#")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>\s*")
_RULE = re.compile(r"[:| \t>]*-[-:| \t>]*")


def doubtful(blocks: Blocks, lines: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """Give each such place of a page: its line, from 1, what is wrong with it, and a hint."""
    hint = "put an empty line between them"
    for start in _glued(blocks.definitions(), lines):
        yield start + 1, "text right below the definition of a link", hint
    for before, block in zip((None, *blocks.all), blocks.all, strict=False):
        if block.kind == HTML and _open(block.text):
            yield block.line, "this comment has no end", "close it with `-->`"
        elif block.kind in (PARAGRAPH, HEADING) and block.within:
            for line in _tags_outside(block, lines):
                yield line + 1, "HTML right below a list or a quote", hint
        elif block.kind == CELL and _no_row(lines[block.start]):
            yield block.line, "this may be a row of a table, or something else", hint
        elif block.kind == OTHER and block.text and before and _goes_on(before, block):
            yield block.line, "an indented line right below a list or a quote", hint


def _glued(definitions: Sequence[tuple[int, int]], lines: Sequence[str]) -> Iterator[int]:
    """Give the lines of definitions that what stands below them may be a part of."""
    starts = {start for start, _ in definitions}
    for start, end in definitions:
        below = lines[end] if end < len(lines) else ""
        if below.strip(_EMPTY) and end not in starts and not _HEADING.match(below):
            yield start


def _no_row(line: str) -> bool:
    return bool(_RULE.fullmatch(line) or _TAG.fullmatch(line.lstrip(_EMPTY)))


def _goes_on(before: Block, code: Block) -> bool:
    """Whether an indented block stands below a paragraph further in, which it may be a part of."""
    deeper = len(before.within) > len(code.within)
    return before.kind == PARAGRAPH and deeper and before.end == code.start


def _open(html: str) -> bool:
    return "<!--" in html and "-->" not in html.rpartition("<!--")[2]


def _tags_outside(block: Block, lines: Sequence[str]) -> Iterator[int]:
    """Give the lines of a paragraph that are a tag, and stand further left than it: one renderer begins something else there."""
    first = _column(lines[block.start], block.text.split("\n")[0])
    for line in range(block.start + 1, block.end):
        tag = lines[line].lstrip(_EMPTY)
        outside = _column(lines[line], tag) < first or (block.quoted and not _quotes(lines[line]))
        if outside and _TAG.fullmatch(tag):
            yield line


def _quotes(line: str) -> bool:
    return line.lstrip().startswith(">")


def _column(line: str, text: str) -> int:
    return line.expandtabs(4).rfind(text.expandtabs(4))
