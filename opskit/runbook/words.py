"""The words of a fence that is no script: an opskit command, a task with its options; and the command line of what runs here.

`$NAME` and `${NAME}` in them stand for values of the run, each inside of its word: no value becomes a second word, or an option. A secret
never stands in a command line: it reaches commands as environment alone.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.config.secret import Secret
from opskit.errors import UsageError
from opskit.runbook.actions import command_words
from opskit.runbook.model import OPSKIT, PYTHON
from opskit.runbook.names import USED

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping

    from opskit.runbook.model import Action

    Env = Mapping[str, str | Secret]


def argv(action: Action, env: Env) -> list[str]:
    """Give the command line of a fence that runs on this machine; raises UsageError."""
    if action.language == PYTHON:
        return [sys.executable, "-c", action.text]
    if action.language == OPSKIT:
        name, *rest = split(action.text, env)
        if name != "opskit":
            raise UsageError(f"an opskit fence holds a command of opskit, not {name!r}")
        return [sys.executable, "-m", "opskit", *rest]
    return ["/bin/sh", "-c", action.text]


def path(before: str) -> str:
    """Give a PATH on which scripts find this very opskit if they find no other one."""
    here = str(Path(sys.executable).parent)
    return f"{before}:{here}" if before else here


def task(action: Action, env: Env) -> tuple[str, dict[str, object]]:
    """Give the name of a task and its arguments: `NAME --option value --flag`; raises UsageError."""
    name, *rest = split(action.text, env)
    arguments: dict[str, object] = {}
    while rest:
        word = rest.pop(0)
        if not word.startswith("--") or len(word) < 3:
            raise UsageError(f"task {name}: {word!r} is no --option")
        option, equals, value = word[2:].partition("=")
        if equals:
            arguments[option] = value
        elif rest and not rest[0].startswith("--"):
            arguments[option] = rest.pop(0)
        else:
            arguments[option.removeprefix("no-")] = not option.startswith("no-")
    return name, arguments


def split(text: str, env: Env) -> list[str]:
    """Give the words of the one line of a fence, its values filled in; raises UsageError."""
    return [_filled(word, env) for word in command_words(text)]


def _filled(word: str, env: Env) -> str:
    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name not in env:
            raise UsageError(f"${name} has no value in this run")
        told = env[name]
        if isinstance(told, Secret):
            raise UsageError(f"${name} is a secret: it cannot stand in a command line")
        return told

    filled = USED.sub(value, word)
    if filled != word and filled.startswith("-") and not word.startswith("-"):
        raise UsageError(f"{word} would become the option {filled!r}")
    return filled
