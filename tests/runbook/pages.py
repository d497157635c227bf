"""Pages to try, and what came of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from opskit.runbook import parse

if TYPE_CHECKING:
    from opskit.runbook.model import Action, Page, Problem, Runbook, Step

FILE = Path("page.md")
FRONT = "---\nopskit: 1\nid: page\n---\n# Page\n"


def page(body: str) -> Page:
    """Read a page whose front matter and title take lines 1 to 5."""
    return parse.parse(FRONT + body, FILE)


def book(body: str) -> Runbook:
    read = page(body)
    assert read.runbook, read.problems
    return read.runbook


def step(body: str) -> Step:
    (one,) = book(f"## 1. Do it\n{body}").steps
    return one


def problem(body: str, *, fatal: bool = True) -> Problem:
    read = page(body)
    (one,) = read.problems
    assert one.fatal is fatal
    assert (read.runbook is None) is fatal
    return one


def action(comment: str, fence: str = "```sh\ntrue\n```") -> Action:
    """Give the one action that a comment and the fence below it make."""
    (one,) = step(f"<!-- opskit: {comment} -->\n{fence}\n").actions
    return one


def told(body: str) -> list[str]:
    """Give what is wrong with a page, each as `line: what`, with a `?` behind the line of what is only a warning."""
    return [f"{p.line}{'' if p.fatal else '?'}: {p.what}" for p in page(body).problems]
