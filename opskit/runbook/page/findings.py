"""What is found while a page is read: problems, each with its line, collected so that one reading shows all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.runbook.model import Problem

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.errors import OpskitError


MOST = 100
"""Problems of one page that are told of: whoever mends these sees the next ones."""


class Findings:
    """The problems of one file, as they are found; `fatal` as soon as one keeps it from being run."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.fatal = False
        self._found: dict[Problem, None] = {}
        self._more: Problem | None = None

    @property
    def full(self) -> bool:
        """Whether there is no need to look any further."""
        return self._more is not None

    def add(self, line: int, what: str, *, hint: str = "") -> None:
        """Note what keeps the page from being run; `line` counts from 1."""
        self.fatal = True
        self._note(Problem(self.file, line, what, hint))

    def warn(self, line: int, what: str, *, hint: str = "") -> None:
        """Note what is most likely not meant so."""
        self._note(Problem(self.file, line, what, hint, fatal=False))

    def error(self, line: int, error: OpskitError, *, about: str = "") -> None:
        """Note what a check has raised `about` a key or word."""
        self.add(line, f"{about}: {error.what}" if about else error.what, hint=error.hint)

    def tells(self, line: int) -> bool:
        """Whether anything of that line keeps the page from being run."""
        return any(one.line == line and one.fatal for one in self._found)

    def says(self, line: int, word: str) -> bool:
        """Whether a problem of that line is told of that names `word`."""
        return any(one.line == line and word in one.what for one in self._found)

    def all(self) -> tuple[Problem, ...]:
        """Give what was found, from top to bottom, each once."""
        more = [replace(self._more, fatal=self.fatal)] if self._more else []
        return (*sorted(self._found, key=lambda problem: problem.line), *more)

    def _note(self, problem: Problem) -> None:
        if len(self._found) < MOST:
            self._found[problem] = None
        elif problem not in self._found:
            what = f"more is wrong than these {MOST}"
            self._more = self._more or Problem(self.file, problem.line, what)
