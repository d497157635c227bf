"""What somebody says of the symptom: text, a file of it, or lines of a log with times and names of hosts in them."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.blame import stamps
from opskit.blame.episodes import WRONG
from opskit.blame.model import NOTHING
from opskit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

MOST_READ = 32 * 1024 * 1024
"""Bytes of a file: its first ones."""
MOST_TEXT = 32_000
"""Characters that are compared with commits."""
MOST_LINES = 400
ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])|[^\S\n\t ]|[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)
"""What a terminal would obey, or hide."""
LOG = re.compile(r"\.(?:log|txt|out|err)(?:\.\d+)?$")
PATH = re.compile(rf"(?:~?/|\.\.?/)\S*|[\w./-]+{LOG.pattern}")


@dataclass(frozen=True, slots=True)
class Said:
    """The symptom as text, and since when lines of it say that it is there: on each host, and anywhere (None: they do not say).

    `remark` is a sentence on what of it is not weighed.
    """

    text: str = ""
    onsets: Mapping[str, datetime] = field(default_factory=lambda: NOTHING)
    first: datetime | None = None
    source: str = ""
    remark: str = ""


def read(word: str, *, hosts: Collection[str], now: datetime) -> Said:
    """Give what TEXT, FILE or - (standard input) says; `hosts` are names to be found in it. Raises UsageError."""
    if not word.strip():
        raise UsageError("--symptom says nothing")
    if word == "-":
        return of_lines(
            sys.stdin.buffer.read(MOST_READ).decode("utf-8", "replace"),
            hosts=hosts,
            now=now,
            source="standard input",
        )
    if (file := _file(word)) is None:
        if _is_path(word):
            raise UsageError(
                f"--symptom {word}: there is no such file",
                hint="name a file that is there; or write a text, with blanks in it",
            )
        return Said(clean(word), source="--symptom")
    try:
        with file.open("rb") as stream:
            content = stream.read(MOST_READ)
    except OSError as error:
        raise UsageError(f"--symptom {file}: {(error.strerror or 'unreadable').lower()}") from None
    return of_lines(content.decode("utf-8", "replace"), hosts=hosts, now=now, source=file.name)


def of_lines(content: str, *, hosts: Collection[str], now: datetime, source: str) -> Said:
    """Read lines of a log: those that say that something is wrong, if any do, else all."""
    lines = content.split("\n")
    wrong = [line for line in lines if WRONG.search(line)] or [
        line for line in lines if line.strip()
    ]
    text, stamped = clean("\n".join(wrong[:MOST_LINES])), list(_stamped(lines, wrong, now))
    if late := stamps.in_future((at for at, _ in stamped), now):
        return Said(text, source=source, remark=f"the times of {source} are up to {late}")
    first, onsets = _first(stamped, hosts)
    return Said(text, onsets, first, source)


def clean(text: str) -> str:
    """Give text without what a terminal would obey, and not too much of it."""
    return ESCAPES.sub("", text)[:MOST_TEXT].strip()


def _file(word: str) -> Path | None:
    """Give the file that a word names, if there is one: a text of several lines, or a long one, names none."""
    if "\n" in word or len(word) > 1000 or "\0" in word:
        return None
    file = Path(word).expanduser()
    try:
        return file if file.is_file() else None
    except OSError:
        return None


def _is_path(word: str) -> bool:
    """Tell whether a word can only be meant for a file: a folder of this machine is in it, or it ends as logs do."""
    if not PATH.fullmatch(word):
        return False
    top = Path(word).parts[1:2]
    return not word.startswith("/") or LOG.search(word) is not None or bool(top and Path("/", *top).exists())  # fmt: skip


def _stamped(
    lines: Sequence[str], wanted: Sequence[str], now: datetime
) -> Iterable[tuple[datetime, str]]:
    """Give each of the wanted lines with its time, or with the last one that stood above it."""
    zone = now.tzinfo or UTC
    left, last = set(wanted), None
    for line in lines:
        last = stamps.find(line, now=now, zone=zone) or last
        if last and line in left:
            yield last.astimezone(UTC), line


def _first(
    stamped: Iterable[tuple[datetime, str]], hosts: Collection[str]
) -> tuple[datetime | None, dict[str, datetime]]:
    """Give the first time of all, and of each host that lines name."""
    names = "|".join(re.escape(host) for host in sorted(hosts, key=len, reverse=True))
    named = re.compile(rf"(?<![\w.-])({names})(?![\w-])") if names else None
    first: datetime | None = None
    found: dict[str, datetime] = {}
    for at, line in stamped:
        first = min(at, first) if first else at
        if named and (match := named.search(line)):
            found[match[1]] = min(at, found.get(match[1], at))
    return first, found
