"""The SQL files of this package, read once."""

from __future__ import annotations

import functools
import re
import sqlite3
from pathlib import Path


@functools.cache
def statement(name: str, file: str = "statements.sql") -> str:
    """Give one statement of a file of named ones."""
    return _named(file)[name]


@functools.cache
def script(file: str) -> tuple[str, ...]:
    """Give the statements of a whole file, in order; unlike `executescript`, to be run in one transaction."""
    pieces, piece = [], ""
    for line in (Path(__file__).parent / file).read_text("utf-8").splitlines():
        piece += line + "\n"
        if sqlite3.complete_statement(piece):
            pieces.append(piece)
            piece = ""
    return tuple(pieces)


def text(file: str) -> str:
    """Give a whole file as it stands."""
    return (Path(__file__).parent / file).read_text("utf-8")


@functools.cache
def _named(file: str) -> dict[str, str]:
    text = (Path(__file__).parent / file).read_text("utf-8")
    return dict(
        re.findall(r"^-- name: (\w+)\n(.*?)(?=\n-- name:|\Z)", text, re.DOTALL | re.MULTILINE)
    )
