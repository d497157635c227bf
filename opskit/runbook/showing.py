"""A runbook as it is read: its front matter taken away, and what its comments tell opskit said in words above each command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.runbook.model import LOCAL
from opskit.runbook.page import blocks, comments
from opskit.runbook.page.blocks import FENCE, HTML
from opskit.runbook.page.findings import Findings
from opskit.runbook.page.front import read as read_front
from opskit.runbook.quoting import inline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.runbook.model import Action, Runbook
    from opskit.runbook.page.blocks import Block

UNITS = ((3600, "h"), (60, "min"), (1, "s"))


def shown(text: str, book: Runbook) -> str:
    """Give a page, whose text this is, as Markdown that is only read."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    above = read_front(lines, Findings(book.file))[1]
    body = ["" for _ in lines[:above]] + lines[above:]
    told = _words(book)
    comment: Block | None = None
    for block in blocks.read("\n".join(body)).all:
        if comment is not None and block.kind == FENCE and block.line in told:
            indent = body[comment.start][: -len(body[comment.start].lstrip()) or None]
            body[comment.start : comment.end] = [f"{indent}*{told[block.line]}*"] + [""] * (comment.end - comment.start - 1)  # fmt: skip
        comment = block if block.kind == HTML and comments.words(block) is not None else None
    return "\n".join(body).strip("\n") + "\n"


def action(one: Action, book: Runbook) -> str:
    """Say of a command where it is run, for how long, what it does and what undoes it, as Markdown."""
    where = "on this machine" if one.on == LOCAL else f"on {inline(one.on)}"
    batch = f"{one.batch} at a time" if one.batch else ""
    by = f"by sudo as {inline(one.sudo)}" if one.sudo else ""
    does = "changes something" if one.mutates else "changes nothing"
    number = next((n for n, s in enumerate(book.steps, 1) if s.id == one.rollback), 0)
    back = f"undone by step {number}" if one.rollback else ""
    keeps = f"what it prints is {inline('$' + one.capture)}" if one.capture else ""
    said = (where, batch, by, f"at most {span(one.timeout)}", does, back, keeps)
    return ", ".join(filter(None, said))


def span(seconds: float) -> str:
    """Give a time limit in words: `30 s`, `10 min`."""
    for size, unit in UNITS:
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def _words(book: Runbook) -> Mapping[int, str]:
    """Give what is said above a fence, by the line on which that stands."""
    found: dict[int, str] = {}
    for one in (one for step in book.steps for one in step.actions):
        found[one.line] = action(one, book)
        if one.expect:
            kinds = {
                "exact": "it must print just this",
                "contains": "what it prints must contain this",
            }
            found[one.expect.line] = kinds.get(one.expect.kind, "what it prints must match this")
    return found
