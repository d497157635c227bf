"""Where runbooks stand: in the folder `runbooks` beside opskit.toml, each a file; found by its id, its name, or its path.

A page there that does not begin with opskit's front matter is none: a README, say.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.errors import ConfigError, UnknownNameError

if TYPE_CHECKING:
    from opskit.runbook.model import Page, Problem, Runbook

FOLDER = "runbooks"
HEAD = 64 * 1024
_FRONT = re.compile(
    rb"(?:\xef\xbb\xbf)?---[ \t]*\r?\n(?:(?!---).*\r?\n)*?['\"]?opskit['\"]?[ \t]*:"
)


def files(root: Path) -> tuple[Path, ...]:
    """Give the files of all runbooks of a fleet, by name; `root` is the folder of opskit.toml."""
    return tuple(file for file in sorted((root / FOLDER).rglob("*.md")) if _is_book(file))


def pages(root: Path) -> tuple[Page, ...]:
    """Give all runbooks of a fleet as they were read, by the names of their files."""
    from opskit.runbook.parse import read

    return tuple(map(read, files(root)))


def find(root: Path, name: str) -> Path:
    """Give the file of the runbook that is called so: a path, a file's name without `.md`, or an id. Raises UnknownNameError."""
    from opskit.config.lookup import did_you_mean
    from opskit.runbook.parse import read

    given = Path(name)
    if name.endswith(".md") or given.is_absolute() or len(given.parts) > 1:
        if given.is_file():
            return given.resolve()
        raise UnknownNameError(f"no file {name}", hint="see: opskit runbook list")
    known = {file.stem: file for file in files(root)}
    if name in known:
        return known[name]
    for file in known.values():
        book = read(file).runbook
        if book is not None and book.id == name:
            return file
    hint = did_you_mean(name, known) or f"runbooks are the files {FOLDER}/*.md beside opskit.toml"
    raise UnknownNameError(f"no runbook {name!r}", hint=hint)


def open_book(file: Path) -> Runbook:
    """Read a runbook that is to be followed; raises ConfigError with file and line if it is not fit for that."""
    from opskit.runbook.parse import read

    page = read(file)
    if page.runbook is None:
        fatal = [problem for problem in page.problems if problem.fatal]
        raise ConfigError(_said(file, fatal), hint=f"see all of it: opskit runbook lint {file}")
    return page.runbook


def _is_book(file: Path) -> bool:
    try:
        if not file.is_file():
            return False  # a pipe would be waited for
        with file.open("rb") as stream:
            return bool(_FRONT.match(stream.read(HEAD)))
    except OSError:
        return False


def _said(file: Path, fatal: list[Problem]) -> str:
    if not fatal:
        return f"{file} is no runbook"
    more = f"; and {len(fatal) - 1} more" if len(fatal) > 1 else ""
    return f"{fatal[0]}{more}"
