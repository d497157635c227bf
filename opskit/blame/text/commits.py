"""What a commit says, counted: its message, and each file's path, functions, and the words of the lines that came and went."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from opskit.blame.text.tokens import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MOST_BODY = 8 * 1024
"""Characters of a message that count."""
MOST_LINE = 400
"""Characters of a line of a diff that count: what is longer was written by a machine."""
MOST_FILES = 300
"""Files of a commit that count."""
MOST_WORDS = 2000
"""Different words of one file that count, the most frequent first."""
HUNK = re.compile(r"@@ -\d+(?:,(\d{1,9}))? \+\d+(?:,(\d{1,9}))? @@ ?(.*)")
NOT_WRITTEN = re.compile(
    r"(^|/)(node_modules|vendor|third_party|bower_components|dist)/|\.min\.(js|css)$|\.(map|lock|svg|po|pot|snap)$"
    r"|(^|/)(package-lock\.json|go\.sum|pnpm-lock\.yaml|npm-shrinkwrap\.json)$"
)
"""Paths of what no person wrote here."""


@dataclass(frozen=True, slots=True)
class FileText:
    """What a commit changed in one file: words with how often; `functions` as hunks name them."""

    path: str
    functions: tuple[str, ...] = ()
    added: Mapping[str, int] = field(default_factory=dict)
    removed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CommitText:
    """What a commit says. `fresh` is how many words came beyond those that went; `read` tells whether its diff is in it."""

    sha: str
    author: str
    subject: str
    body: str = ""
    files: tuple[FileText, ...] = ()
    fresh: int = 0
    read: bool = True


def parse(diff: str) -> tuple[FileText, ...]:
    """Give what a patch (as `git log -p` writes it) changes, file by file; lines in hunks are never taken for headers."""
    return tuple(islice(_files(diff.split("\n")), MOST_FILES))


def fresh(files: Sequence[FileText]) -> int:
    """Count the words that came beyond those that went, in all files: what was only moved is not new."""
    added: Counter[str] = Counter()
    for file in files:
        added.update(file.added)
    for file in files:
        added.subtract(file.removed)
    return sum(times for times in added.values() if times > 0)


def _files(lines: Sequence[str]) -> Iterator[FileText]:
    path, hunks = "", _Hunks()
    rest = iter(lines)
    for line in rest:
        if line.startswith("diff --git "):
            if path:
                yield hunks.text(path)
            path, hunks = _path(line), _Hunks()
        elif path and (hunk := HUNK.match(line)):
            size = sum(1 if n is None else int(n) for n in (hunk[1], hunk[2]))
            said = (
                line for line in rest if not line.startswith("\\")
            )  # "\\ No newline at end of file"
            hunks.take(hunk[3], tuple(islice(said, size)))
    if path:
        yield hunks.text(path)


def _path(header: str) -> str:
    """Give the path of a file's header, which says it twice; git quotes the odd ones, and they stay quoted."""
    if header.endswith('"'):
        return printable(header.rpartition(' "b/')[2][:-1])
    size = (len(header) - len("diff --git a/ b/")) // 2
    return printable(header[len(header) - size :])


def printable(text: str) -> str:
    """Give a text without what would do something to a terminal."""
    return "".join(each if each.isprintable() else "?" for each in text)


class _Hunks:
    """The hunks of one file."""

    def __init__(self) -> None:
        self.functions: dict[str, None] = {}
        self.added: list[str] = []
        self.removed: list[str] = []

    def take(self, function: str, lines: Sequence[str]) -> None:
        if function:
            self.functions[function[:80]] = None
        self.added += [line[1:MOST_LINE] for line in lines if line.startswith("+")]
        self.removed += [line[1:MOST_LINE] for line in lines if line.startswith("-")]

    def text(self, path: str) -> FileText:
        if NOT_WRITTEN.search(path):
            return FileText(path)
        added, removed = (_words(lines) for lines in (self.added, self.removed))
        return FileText(path, tuple(self.functions)[:50], added, removed)


def _words(lines: Sequence[str]) -> Mapping[str, int]:
    counted: Counter[str] = count("\n".join(lines))
    return dict(counted.most_common(MOST_WORDS))
