"""OpenSSH client configuration files as a flat list of blocks: lines to words, Include expanded.

The rules are those of OpenSSH's readconf.c and misc.c (`strdelim`, `argv_split`), ssh_config(5).
"""

from __future__ import annotations

import glob
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

MAX_DEPTH = 16
MAX_BYTES = 16 * 1024 * 1024

# A word, perhaps with a quoted part, and what parts it from the next: blanks and at most one `=`.
_DELIMITED = re.compile(r'([^ \t\r\n"=]*)(?:"([^"]*)"[ \t\r\n]*|(?:=|[ \t\r\n]+=?)[ \t\r\n]*|\Z)')
_BLANKS = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Line:
    """One setting: its keyword in lower case, the rest as written and as words, and file:line."""

    keyword: str
    rest: str
    words: tuple[str, ...]
    where: str

    @property
    def value(self) -> str:
        """The first word; raises ConfigError if it is empty."""
        if not self.words or not self.words[0]:
            raise ConfigError(f"{self.where}: {self.keyword} has no value")
        return self.words[0]


@dataclass(frozen=True, slots=True)
class Block:
    """Settings that hold together: where `parent` (an index, -1 for none) and `head` hold.

    `head` is a `Host` or `Match` line; None if the block holds wherever its parent does.
    """

    parent: int
    head: Line | None
    settings: list[Line] = field(default_factory=list)


@dataclass(slots=True)
class Reader:
    """Reads files into `blocks`, in the order in which OpenSSH would come across them.

    `home` is the folder that relative includes start from; `tilde` allows includes in `~`.
    Settings other than `keywords` are dropped: they are not ours to judge.
    """

    keywords: Collection[str]
    home: Path
    tilde: bool = True
    blocks: list[Block] = field(default_factory=list)

    def read(self, path: Path, *, guard: bool, parent: int = -1, depth: int = 0) -> None:
        """Add a file's blocks; `guard` refuses a file that others can write. Raises ConfigError."""
        if depth > MAX_DEPTH:
            raise ConfigError(f"{path}: includes are more than {MAX_DEPTH} deep")
        current = self._open(parent, None)
        for line in _lines(path, _text(path, guard=guard)):
            if line.keyword in ("host", "match"):
                current = self._open(parent, line)
            elif line.keyword == "include":
                self._include(line, current, depth)
                current = self._open(current, None)
            elif line.keyword in self.keywords:
                self.blocks[current].settings.append(line)

    def _open(self, parent: int, head: Line | None) -> int:
        self.blocks.append(Block(parent, head))
        return len(self.blocks) - 1

    def _include(self, line: Line, parent: int, depth: int) -> None:
        for pattern in line.words:
            if not pattern or (pattern.startswith("~") and not self.tilde):
                raise ConfigError(f"{line.where}: bad include path {pattern!r}")
            anchored = os.path.join(self.home, os.path.expanduser(pattern))  # noqa: PTH118, PTH111 (glob)
            for found in sorted(glob.glob(anchored)):  # noqa: PTH207 (absolute patterns)
                self.read(Path(found), guard=True, parent=parent, depth=depth + 1)


def parse_line(text: str, where: str) -> Line | None:
    """Give the setting that a line of the file makes, None for a comment or an empty line."""
    found = delimited(text.strip(_BLANKS + "\f"), where)
    keyword, rest = next(found, ("", ""))
    if not keyword or keyword.startswith("#"):
        return None
    if not rest:
        raise ConfigError(f"{where}: {keyword} has no value")
    return Line(keyword.lower(), rest, tuple(_words(rest, where)), where)


def delimited(text: str, where: str) -> Iterator[tuple[str, str]]:
    """Give each word as OpenSSH's `strdelim` does, with the rest of the text after it."""
    position = 0
    while position < len(text):
        found = _DELIMITED.match(text, position)
        if not found or found.end() == position:
            raise ConfigError(f"{where}: a quote is not closed")
        position = found.end()
        yield found[1] + (found[2] or ""), text[position:]


def _words(text: str, where: str) -> Iterator[str]:
    """Give each word as OpenSSH's `argv_split` does: quotes, escapes, a comment at the end."""
    position = 0
    while True:
        while position < len(text) and text[position] in " \t":
            position += 1
        if position == len(text) or text[position] == "#":
            return
        word, position = _word(text, position, where)
        yield word


def _word(text: str, position: int, where: str) -> tuple[str, int]:
    word, quote = "", ""
    while position < len(text):
        sign, after = text[position], text[position + 1 : position + 2]
        if sign == "\\" and after and (after in "'\"\\" or (after == " " and not quote)):
            word += after
            position += 1
        elif not quote and sign in " \t":
            break
        elif sign == quote:
            quote = ""
        elif not quote and sign in "'\"":
            quote = sign
        else:
            word += sign
        position += 1
    if quote:
        raise ConfigError(f"{where}: a quote is not closed")
    return word, position


def _lines(path: Path, text: str) -> Iterator[Line]:
    for number, raw in enumerate(text.split("\n"), 1):
        line = parse_line(raw, f"{path}:{number}")
        if line:
            yield line


def _text(path: Path, *, guard: bool) -> str:
    try:
        with path.open("rb") as file:
            facts = os.fstat(file.fileno())
            if guard and (facts.st_uid not in (0, os.getuid()) or facts.st_mode & 0o022):
                raise ConfigError(
                    f"{path} can be written by others, so ssh and we do not trust it",
                    hint=f"chmod {stat.S_IMODE(facts.st_mode) & ~0o022:o} {path}",
                )
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path} is too large to be an ssh configuration")
    return data.decode("utf-8", "surrogateescape")
