"""What a command needs and nobody has said: no command runs with nothing in place of a value that its page asks for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from opskit.runbook import asking
from opskit.runbook.model import PYTHON, SH, Ask
from opskit.runbook.names import templates, used
from opskit.runbook.page import shell
from opskit.runbook.parts import WHOLE
from opskit.runbook.values import asked_later, names_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from opskit.runbook.model import Action, Runbook, Step
    from opskit.runbook.walk import Walk

_QUOTED = re.compile(r"""(["'])([A-Za-z_][A-Za-z0-9_]*)\1""")


def complete(walk: Walk, step: Step, which: Action) -> bool:
    """Ask for what a command reads and nobody has given, before anybody agrees to it; tells whether all of it was said. Raises StoppedError."""
    for name in lacking(walk.record.book, which, {*walk.known, *walk.secrets}):
        wanted = Ask(step.line, name, _question(walk.record.book, name))
        if not asking.value(walk, step, WHOLE, wanted, kind="value"):
            return False
    return True


def mend(walk: Walk, step: Step) -> bool:
    """Ask once more for what was asked for before the first step, which is begun anew if any of it is another value now; tells whether there is any."""
    book, before = walk.record.book, dict(walk.known)
    later = asked_later(book)
    plain = [p for p in book.parameters if not p.secret and p.name not in later]
    asked = [p for p in plain if p.ask or (p.required and not p.default)]
    for each in asked:
        wanted = Ask(step.line, each.name, _question(book, each.name))
        if not asking.value(walk, step, WHOLE, wanted, kind="value"):
            return True
    if dict(walk.known) != before and any(key[0] == step.id for key in walk.record.now.parts):
        walk.note(step, WHOLE, "went", to=step.id, how="jump")
    return bool(asked)


def lacking(book: Runbook, which: Action, given: Collection[str]) -> tuple[str, ...]:
    """Give the names of a page's values that a command reads and that are not among those `given`, in the order of the page.

    What it captures itself it brings, whatever else it calls by that name.
    """
    said = {*templates(which.on), *reads(which)} - {which.capture}
    return tuple(name for name in names_of(book) if name in said and name not in given)


def reads(which: Action) -> set[str]:
    """Give the variables that a command may read: rather one too many than one too few."""
    if which.language == SH:
        return shell.needed(which.text)
    if which.language == PYTHON:
        return {found[2] for found in _QUOTED.finditer(which.text)}
    return set(used(which.text))


def _question(book: Runbook, name: str) -> str:
    """Give what the page asks for a value, or that nothing has given it."""
    asks = (p.text for step in book.steps for p in step.parts if isinstance(p, Ask))
    named = (p.name for step in book.steps for p in step.parts if isinstance(p, Ask))
    told = dict(zip(named, asks, strict=True)) | {p.name: p.ask for p in book.parameters if p.ask}
    return told.get(name) or f"nothing has given `{name}` a value yet: which is it?"
