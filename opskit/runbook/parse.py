"""A page from its bytes to a Runbook, or to problems that say file and line; no bytes make it fail otherwise."""

from __future__ import annotations

import hashlib
import re
import stat
from typing import TYPE_CHECKING

from opskit.runbook.model import Page, Prose, Runbook
from opskit.runbook.page import blocks, checking, doubtful, front, outline, steps, unseen
from opskit.runbook.page.findings import Findings

if TYPE_CHECKING:
    from pathlib import Path

LARGEST = 1 << 20
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def read(file: Path) -> Page:
    """Give what a file says; one that cannot be read is a page with that problem."""
    found = Findings(file)
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            found.add(1, "this is not a file")
            return Page(None, found.all())
        with file.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name is none"
        found.add(1, f"cannot be read: {reason}")
        return Page(None, found.all())
    return _decoded(data, file, found)


def parse(text: str, file: Path) -> Page:
    """Give what a text says; `file` is what problems name.

    A page of which anything fatal is found gives no runbook. Lines end with `\\n`, `\\r\\n` or `\\r`; digests are those of the text with `\\n`.
    """
    found = Findings(file)
    text = re.sub(r"\r\n?", "\n", text.removeprefix("\ufeff"))
    if not _fit(text, found):
        return Page(None, found.all())
    lines = text.split("\n")
    head, above = front.read(lines, found)
    runbook = _runbook(text, lines, head, above, found)
    good, draft = (None, runbook) if found.fatal else (runbook, None)
    return Page(good, found.all(), head.places, draft)


def _decoded(data: bytes, file: Path, found: Findings) -> Page:
    try:
        return parse(data.decode("utf-8"), file)
    except UnicodeDecodeError as error:
        line = len(re.findall(rb"\r\n?|\n", data[: error.start])) + 1
        found.add(line, "not UTF-8 text", hint="save the file as UTF-8")
        return Page(None, found.all())


def _fit(text: str, found: Findings) -> bool:
    """Look for what no page holds: it is too large, or has signs that a terminal would obey."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        found.add(text.count("\n", 0, error.start) + 1, "not text: half a character")
        return False
    if size > LARGEST:
        found.add(1, f"larger than {LARGEST >> 20} MiB; this cannot be a runbook")
    if control := _CONTROL.search(text):
        line = text.count("\n", 0, control.start()) + 1
        found.add(line, f"a control character, U+{ord(control[0]):04X}", hint="take it out")
    return not found.fatal


def _runbook(
    text: str, lines: list[str], head: front.Front, above: int, found: Findings
) -> Runbook:
    # The front matter's lines stay as empty ones, so that all others keep their numbers.
    body = blocks.read("\n".join([*[""] * above, *lines[above:]]))
    if body.too_deep is not None:
        found.add(body.too_deep, "lists or quotes are nested too deeply")
    for line, what, hint in (*doubtful.doubtful(body, lines), *unseen.unseen(body)):
        found.add(line, what, hint=hint)
    shape = outline.read(body, len(lines), found)
    read_steps = tuple(
        steps.Reader(section, body, shape, lines, found).step() for section in shape.sections
    )
    runbook = Runbook(
        id=head.id, title=shape.title or head.id, file=found.file, digest=hashlib.sha256(text.encode()).hexdigest(),
        steps=read_steps, intro=_intro(lines, above, shape), owner=head.owner, services=head.services,
        alerts=head.alerts, parameters=head.params, last_reviewed_on=head.last_reviewed_on,
        review_days=head.review_in,
    )  # fmt: skip
    checking.check(runbook, body, shape, head.places, found)
    return runbook


def _intro(lines: list[str], above: int, shape: outline.Outline) -> tuple[Prose, ...]:
    end = shape.sections[0].heading.start if shape.sections else len(lines)
    heads = [b for b in shape.intro if b.kind == blocks.HEADING and b.level == 1 and not b.within]
    return tuple(steps.prose(lines, above, end, heads[:1], shape.intro))
