"""Somebody who follows a shipped page at a terminal: does what it shows, and answers what it asks from a list."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.cli.screen import MOST, Screen
from tests.support.cli import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Answer = str | Callable[[], str]

PROMPT = re.compile(r"\n(?P<keys>[^\n]*\? help)\n> $")
TYPED = re.compile(r"to (?:go on|run it), type: (\S+)")
CHOICE = re.compile(r"^ +(\d+) (.*)$", re.MULTILINE)
PLAIN = ("Enter do it", "Enter go on", "Enter it is so", "Enter put it back")
"""How a line begins that asks for no more than Enter."""


@dataclass
class Follower:
    """Follows a page in `folder`; `answers` are pairs of words of a question and what is said to it, each used once.

    Of a decision, what is said is the label of a choice, or, behind a colon, a letter. An answer may be a function: it does something first, and gives what is said.
    Enter, yes and a word that is to be typed out need no answer; a question that has none fails the test.
    """

    folder: Path
    answers: list[tuple[str, Answer]]
    env: Mapping[str, str] = field(default_factory=dict)
    shown: str = ""

    def follow(self, page: str, *options: str, expect: int = 0, **params: str) -> str:
        """Follow a shipped page to its end; gives all that was on the screen."""
        file = REPOSITORY / "runbooks" / f"{page}.md"
        pairs = [word for name, value in params.items() for word in ("-p", f"{name}={value}")]
        return self.answering("run", str(file), *pairs, *options, expect=expect)

    def answering(self, *arguments: str, expect: int = 0, within: float = 90.0) -> str:
        """Run a command of `opskit runbook` to its end, as `follow` does."""
        screen = Screen(self.folder, "runbook", *arguments, width=200, NO_COLOR="1", **self.env)
        try:
            while (asked := _next(screen, within)) is not None:
                self.shown += asked
                screen.type(f"{self._answer(asked)}\n")
            exit_code = screen.end()
        finally:
            screen.close()
            screen.process.kill()
            screen.process.wait()
        self.shown += screen.said
        assert exit_code == expect, self.shown[-MOST:]
        assert not self.answers, f"never asked: {self.answers}"
        return self.shown

    def _answer(self, asked: str) -> str:
        """Give what is typed after all that was shown since the last answer; the question is its last paragraph."""
        keys = asked.rstrip("> \n").rpartition("\n")[2]
        words = " ".join(asked.rpartition("\n\n")[2].split())
        for number, (question, answer) in enumerate(self.answers):
            if question in words:
                del self.answers[number]
                said = answer() if callable(answer) else answer
                return _number(asked, said) if re.match(r"1-\d", keys) else said
        if typed := TYPED.search(asked):
            return typed[1]
        if keys.startswith("y yes"):
            return "y"
        assert keys.startswith(PLAIN), f"nobody knows what to say to this:\n{asked[-MOST:]}"
        return ""


def _next(screen: Screen, within: float) -> str | None:
    """Read up to the next question; gives what was shown, None if the run has ended."""
    shown = screen.until(PROMPT, within=within)
    if shown is None:
        return None
    screen.said = ""
    return shown


def _number(asked: str, label: str) -> str:
    if label.startswith(":"):
        return label[1:]
    choices = {text.partition(" → ")[0].strip(): number for number, text in CHOICE.findall(asked)}
    assert label in choices, f"no {label!r} in {choices}"
    return choices[label]


def run_of(opskit: Any) -> Any:
    """Give the newest run of a runbook as `opskit log --json` has it."""
    entries = opskit("log", "--json").json["data"]["entries"]
    return next(entry for entry in entries if "runbook" in entry)
