"""Where a command runs, as far as what somebody else says can name it: what a command printed names hosts, and no more of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from opskit.errors import UsageError
from opskit.runbook.actions import command_words
from opskit.runbook.model import OPSKIT
from opskit.runbook.names import templates, used

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opskit.runbook.model import Action, Runbook

_PLAIN = re.compile(
    r"[A-Za-z0-9_][A-Za-z0-9_.:-]*(\s*,\s*[A-Za-z0-9_][A-Za-z0-9_.:-]*)*", re.ASCII
)
HOSTS = ("-H", "--hosts")


def demand_plain(book: Runbook, which: Action, values: Mapping[str, str]) -> None:
    """Raise UsageError where what was captured would name more than hosts: a group, all of them, all but one."""
    asked = {each.name for each in book.parameters if each.pattern}
    captured = {each.capture for step in book.steps for each in step.actions} - asked
    for name in _names(which):
        value = values.get(name, "")
        if name in captured and value and not _PLAIN.fullmatch(value):
            line = " ".join(value.split())[:60]
            hint = f"a parameter {name} with a pattern can allow it"
            raise UsageError(f"{name} was captured, and names no hosts alone: {line!r}", hint=hint)


def _names(which: Action) -> Iterator[str]:
    """Give the values that name where a command runs."""
    yield from templates(which.on)
    words = command_words(which.text) if which.language == OPSKIT else ()
    for before, word in zip(("", *words), words, strict=False):
        if before in HOSTS or word.startswith(HOSTS):
            yield from used(word)
