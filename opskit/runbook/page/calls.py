"""Calls of opskit that stand in what a runbook runs, as far as they can be read without a shell."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.errors import ConfigError
from opskit.runbook.actions import command_words
from opskit.runbook.model import OPSKIT, SH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.runbook.model import Action

PROGRAM = "opskit"
CHANGES = ("deploy", "rollback", "restart", "reboot", "replace", "unlock", "freeze", "thaw")
"""Commands that change something whatever their options are, but for those of `LOOKS`; `exec` and `run` do what they are told."""
LOOKS = ("-n", "--dry-run", "-h", "--help")


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the line of the page, and the words behind `opskit`."""

    line: int
    words: tuple[str, ...]

    def option(self, *names: str) -> str | None:
        """Give the value of an option that has one of these names, None if it is not there or a shell makes it."""
        for word, follows in zip(self.words, [*self.words[1:], ""], strict=True):
            if word == "--":
                return None
            name, sign, value = word.partition("=")
            if name in names:
                return _plain(value if sign else follows)
        return None

    @property
    def argument(self) -> str | None:
        """What stands right behind the command, None if that is an option or a shell makes it."""
        word = self.words[1] if len(self.words) > 1 else ""
        return None if word.startswith("-") else _plain(word)

    @property
    def changes(self) -> bool:
        """Whether it is certain that it changes something."""
        command, *rest = self.words or ("",)
        if set(rest) & {*LOOKS}:
            return False
        by_option = command == "lb" and bool(set(rest) & {"--drain", "--restore"})
        return command in CHANGES or by_option or (command == "resume" and bool(self.argument))


def calls(action: Action) -> Iterator[Call]:
    """Give the calls of an action that are certain: its one line, or the lines of a script that begin with `opskit`."""
    if action.language == OPSKIT:
        try:
            yield Call(action.line + 1, command_words(action.text)[1:])
        except ConfigError:
            return
    elif action.language == SH:
        for number, line in enumerate(action.text.splitlines(), action.line + 1):
            if words := _words(line):
                yield Call(number, words)


def _words(line: str) -> tuple[str, ...]:
    """Give the words of a shell's line up to the first sign that only a shell understands."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    try:
        for word in lexer:
            if not words and word != PROGRAM:
                return ()
            if word and set(word) <= set("();<>|&"):
                break
            words.append(word)
    except ValueError:
        return ()
    return tuple(words[1:])


def _plain(word: str) -> str | None:
    return word if word and not set(word) & set("$`*?{") else None
