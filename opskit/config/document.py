"""The text of opskit.toml as data, and errors that say the line they are about."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opskit.errors import ConfigError

KeyPath = tuple[str, ...]

_BARE = r"[A-Za-z0-9_-]+"
_SYNTAX = r"(?P<what>.*?) \(at (?:line (?P<line>\d+), column \d+|(?P<end>end of document))\)"
_SEARCH_BUDGET = 1 << 22


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed TOML text; `file` is shown in errors."""

    file: Path
    text: str = field(repr=False)
    data: dict[str, Any] = field(repr=False)

    @classmethod
    def parse(cls, file: Path, text: str) -> Document:
        """Parse `text`; raises ConfigError with the line of a syntax error."""
        try:
            return cls(file, text, tomllib.loads(text))
        except RecursionError:
            raise ConfigError(f"{_shown(file)}: nested too deeply") from None
        except ValueError as error:
            raise _syntax_error(file, text, str(error)) from None

    def error(self, path: KeyPath, what: str, *, hint: str = "") -> ConfigError:
        """Give a ConfigError that says file, line (when it is sure) and key path before `what`."""
        line = line_of(self.text, path)
        place = f"{_shown(self.file)}:{line}" if line else _shown(self.file)
        return ConfigError(
            f"{place}: {dotted(path)}: {what}" if path else f"{place}: {what}", hint=hint
        )


def dotted(path: KeyPath) -> str:
    """Give a key path as it would stand in TOML, each key cut to 80 characters: `hosts."db.example.com".port`."""
    return ".".join(
        key if re.fullmatch(_BARE, key) else _quoted(key) for key in (k[:80] for k in path)
    )


def _quoted(key: str) -> str:
    return json.dumps(key, ensure_ascii=not key.isprintable())


def line_of(text: str, path: KeyPath) -> int | None:
    """Give the 1-based line where the statement begins that first defines `path`; None when it would take long to be sure.

    tomllib keeps no lines. But the first n lines of a TOML text are a TOML text unless line n is inside a statement, and once a
    key is there it stays: so the line is found by bisection with tomllib itself, not by a second, subtly different parser.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    without, having, budget = 0, len(lines), _SEARCH_BUDGET
    while path and budget > 0:
        middle, seen = None, None
        for candidate in _outwards(without, having):
            prefix = "\n".join(lines[:candidate])
            budget -= len(prefix) + 1
            seen = _defines(prefix, path)
            if seen is not None or budget <= 0:
                middle = candidate
                break
        if middle is None:
            return without + 1
        without, having = (without, middle) if seen else (middle, having)
    return None


def _outwards(low: int, high: int) -> list[int]:
    """Give the numbers strictly between, from the middle to both sides."""
    middle = (low + high) // 2
    return sorted(range(low + 1, high), key=lambda number: abs(number - middle))


def _defines(text: str, path: KeyPath) -> bool | None:
    """Whether `path` is in this TOML text; None if the text ends inside a statement."""
    try:
        value: Any = tomllib.loads(text)
    except (ValueError, RecursionError):
        return None
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    return True


def _syntax_error(file: Path, text: str, message: str) -> ConfigError:
    found = re.fullmatch(_SYNTAX, message)
    what = (found["what"] if found else message)[:200]
    line = found["line"] if found else None
    if found and found["end"]:
        line = str(len(text.rstrip().split("\n")))
    return ConfigError(
        f"{_shown(file)}:{line}: {what}" if line else f"{_shown(file)}: {what}",
        hint="opskit.toml is TOML: texts stand in quotes, lists in [ ], names before `=`",
    )


def _shown(file: Path) -> str:
    try:
        return str(file.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(file)
