"""What is found while a page is read: problems, each with its line, collected so that one reading shows all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.runbook.model import Problem

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.errors import OpskitError


class Findings:
    """The problems of one file, as they are found."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._found: list[Problem] = []

    def add(self, line: int, what: str, *, hint: str = "") -> None:
        """Note what keeps the page from being run; `line` counts from 1."""
        self._found.append(Problem(self.file, line, what, hint))

    def warn(self, line: int, what: str, *, hint: str = "") -> None:
        """Note what is most likely not meant so."""
        self._found.append(Problem(self.file, line, what, hint, fatal=False))

    def error(self, line: int, error: OpskitError, *, about: str = "") -> None:
        """Note what a check has raised `about` a key or word."""
        self.add(line, f"{about}: {error.what}" if about else error.what, hint=error.hint)

    @property
    def fatal(self) -> bool:
        """Whether the page cannot be run."""
        return any(problem.fatal for problem in self._found)

    def all(self) -> tuple[Problem, ...]:
        """Give what was found, from top to bottom, each once."""
        return tuple(sorted(dict.fromkeys(self._found), key=lambda problem: problem.line))
