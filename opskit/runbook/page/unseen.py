"""HTML that keeps what is run from being shown: what people see of a page must be all that it does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from opskit.runbook.page.blocks import CELL, HEADING, HTML, PARAGRAPH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.runbook.page.blocks import Block, Blocks

HINT = "take the HTML away: what stands in it or below may be shown nowhere"
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_BEGINS = re.compile(r"</?[A-Za-z]")
_WHOLE = re.compile(r"""<[A-Za-z][A-Za-z0-9-]*(?:\s+[A-Za-z_:][\w.:-]*(?:\s*=\s*(?:[^\s"'=<>`]+|'[^']*'|"[^"]*"))?)*\s*/?>|</[A-Za-z][A-Za-z0-9-]*\s*>""", re.ASCII)  # fmt: skip
_RAW = re.compile(r"<(script|style|textarea|title|xmp|iframe|noembed|noframes|noscript|plaintext|template|select|math|svg)\b")  # fmt: skip
"""Elements in which Markdown is no text, or is not shown."""
_HIDDEN = re.compile(r"<[^<>]*(?:\shidden\b|display\s*:\s*none|visibility\s*:\s*hidden)")


def unseen(blocks: Blocks) -> Iterator[tuple[int, str, str]]:
    """Give each such place of a page: its line, from 1, what is wrong with it, and a hint."""
    for block in blocks.all:
        has = block.kind in (HTML, PARAGRAPH, HEADING, CELL) and "<" in block.text
        if what := _swallows(block, blocks) if has else "":
            yield block.line, what, HINT


def _swallows(block: Block, blocks: Blocks) -> str:
    """Say which HTML of a block may keep what stands below it from being shown; "" if none does."""
    if block.kind == HTML:
        html = _COMMENT.sub("", block.text)
        if any(not _WHOLE.match(html, found.start()) for found in _BEGINS.finditer(html)):
            return "a tag of this HTML has no end in it, or is none"
    else:
        pieces = blocks.pieces(block.text)
        html = "".join(piece.text for piece in pieces if piece.kind == "html")
    low = html.lower()
    for found in _RAW.finditer(low):
        if f"</{found[1]}" not in low[found.end() :]:
            return f"<{found[1]}> has no end here"
    return "this HTML is hidden" if _HIDDEN.search(low) else ""
