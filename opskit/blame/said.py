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
"""What can only be meant for a file: a page of a site is named by --url."""


@dataclass(frozen=True, slots=True)
class Said:
    """The symptom as text, and since when lines of it say that it is there: on each host, and anywhere (None: they do not say).

    `hosts` are named by lines whose time is none, as of the 30th of February: they show it, and nobody knows since when. `remark` is a sentence on what of it is not weighed.
    """

    text: str = ""
    onsets: Mapping[str, datetime] = field(default_factory=lambda: NOTHING)
    first: datetime | None = None
    source: str = ""
    hosts: tuple[str, ...] = ()
    remark: str = ""


def read(word: str, *, hosts: Collection[str], now: datetime) -> Said:
    """Give what TEXT, FILE or - (standard input) says; `hosts` are names to be found in it. Raises UsageError."""
    if not word.strip():
        raise UsageError("--symptom says nothing")
    if word == "-":
        piped = sys.stdin.buffer.read(MOST_READ) if sys.stdin else b""
        return of_lines(piped.decode("utf-8", "replace"), hosts=hosts, now=now, source="standard input")  # fmt: skip
    if (file := _file(word)) is None:
        if PATH.fullmatch(word):
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
    """Read lines of a log: those that say that something is wrong, if any do, else all. Raises UsageError where there are none."""
    lines = content.split("\n")
    if not content.strip():
        raise UsageError(f"--symptom says nothing: {source} is empty")
    wrong = [line for line in lines if WRONG.search(line)] or [
        line for line in lines if line.strip()
    ]
    text, stamped = clean("\n".join(wrong[:MOST_LINES])), list(_stamped(lines, wrong, now))
    odd = [line for line in wrong if stamps.is_impossible(line, now=now)]
    shown, remark = _named(odd, hosts), _unread(odd, source)
    if late := stamps.in_future((at for at, _ in stamped), now):
        remark = "; ".join(filter(None, (f"the times of {source} are up to {late}", remark)))
        return Said(text, source=source, hosts=shown, remark=remark)
    first, onsets = _first(stamped, hosts)
    return Said(text, onsets, first, source, shown, remark)


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


def _stamped(
    lines: Sequence[str], wanted: Sequence[str], now: datetime
) -> Iterable[tuple[datetime, str]]:
    """Give each of the wanted lines with its time, or with the last one that stood above it; without those whose time is none."""
    zone = now.tzinfo or UTC
    left, last = set(wanted), None
    for line in lines:
        at = stamps.find(line, now=now, zone=zone)
        last = at or last
        if last and line in left and (at or not stamps.is_impossible(line, now=now)):
            yield last.astimezone(UTC), line


def _first(
    stamped: Iterable[tuple[datetime, str]], hosts: Collection[str]
) -> tuple[datetime | None, dict[str, datetime]]:
    """Give the first time of all, and of each host that lines name."""
    named = _any_of(hosts)
    first: datetime | None = None
    found: dict[str, datetime] = {}
    for at, line in stamped:
        first = min(at, first) if first else at
        if match := named.search(line):
            found[match[1]] = min(at, found.get(match[1], at))
    return first, found


def _named(lines: Iterable[str], hosts: Collection[str]) -> tuple[str, ...]:
    """Give the hosts that lines name."""
    found = map(_any_of(hosts).search, lines)
    return tuple(dict.fromkeys(match[1] for match in found if match))


def _any_of(hosts: Collection[str]) -> re.Pattern[str]:
    """Give what finds the name of one of these hosts in a line; of none, nothing."""
    names = "|".join(re.escape(host) for host in sorted(hosts, key=len, reverse=True))
    return re.compile(rf"(?<![\w.-])({names})(?![\w-])" if names else r"(?!)")


def _unread(odd: Sequence[str], source: str) -> str:
    """Say how many lines have a time that is none, with the beginning of one; "" if none has."""
    lines = "line" if len(odd) == 1 else "lines"
    said = f"{len(odd)} {lines} of {source} with a time that cannot be: {clean(odd[0])[:40]!r}" if odd else ""  # fmt: skip
    return said and f"{said}; since when is not known from there"
