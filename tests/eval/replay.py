"""Real history as troubles: fixes that name the commit they repair, and the 40 deploys of 5 commits before each.

A trouble's text is the fix's message without its trailers, hashes, and the guilty commit's subject. Nothing else of the fix is used:
not its diff, author, date or later history. The window is the 200 first-parent commits before the fix, cut backwards from it, wherever the
guilty one lies; a fix counts if it has one `Fixes:` line, and that names one commit of the window.
"""

from __future__ import annotations

import bisect
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.blame.text import log

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from opskit.blame.text.commits import CommitText

DEPLOYS, SIZE = 40, 5
WINDOW = DEPLOYS * SIZE
WITHIN = 3600.0
NAMES = re.compile(r"^fixes:", re.IGNORECASE | re.MULTILINE)
NAMED = re.compile(r"^fixes:\s*(?:commit\s+)?([0-9a-f]{7,40})\b", re.IGNORECASE | re.MULTILINE)
HASHES = re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{7,40}\b")
TRAILER = re.compile(
    r"^\s*(fixes|cc|link|closes|bug|bugzilla|issue|feature|ref|see-also|change-id|[a-z]+(-[a-z]+)*-(by|at|to|bz|id)):\s", re.IGNORECASE
)  # fmt: skip


@dataclass(frozen=True)
class Told:
    """A commit's hash and message."""

    sha: str
    subject: str
    body: str


@dataclass(frozen=True)
class Trouble:
    """`window` are the hashes of the commits before the fix, the newest first; `guilty` is the place of the one it repairs, None if it is older."""

    fix: str
    subject: str
    text: str
    window: Sequence[str]
    guilty: int | None


def history(repository: Path) -> list[Told]:
    """Read the messages of a repository's first-parent history, the newest first."""
    layout = "--format=%x00%x00%H%x00%s%x00%b"
    command = ["git", "-C", str(repository), "log", "--first-parent", "--encoding=UTF-8", layout]
    ran = subprocess.run(command, capture_output=True, check=True)
    records = ran.stdout.decode("utf-8", "replace").split("\0\0")[1:]
    return [Told(*record.rstrip("\n").split("\0")) for record in records]


def troubles(told: Sequence[Told]) -> Iterator[Trouble]:
    """Give the fixes that name one commit that was there before them, and that have a whole window."""
    places = {one.sha: place for place, one in enumerate(told)}
    ordered = sorted(places)
    for place, fix in enumerate(told[: -WINDOW - 1]):
        named = NAMED.search(fix.body)
        if len(NAMES.findall(fix.body)) != 1 or not named:
            continue
        prefix = named[1].lower()
        first = bisect.bisect_left(ordered, prefix)
        found = [sha for sha in ordered[first : first + 2] if sha.startswith(prefix)]
        if len(found) == 1 and (back := places[found[0]] - place - 1) >= 0:
            window = [one.sha for one in told[place + 1 : place + 1 + WINDOW]]
            text = symptom(fix, told[places[found[0]]])
            yield Trouble(fix.sha, fix.subject, text, window, back if back < WINDOW else None)


def symptom(fix: Told, guilty: Told) -> str:
    """Give what the fix says of the trouble, without what gives the guilty commit away."""
    lines = (line for line in fix.body.split("\n") if not TRAILER.match(line))
    text = "\n".join((fix.subject, *lines))
    title = r"\s+".join(re.escape(word) for word in guilty.subject.rstrip(".").split())
    return HASHES.sub(" ", re.sub(title + r"\.?", " ", text, flags=re.IGNORECASE))


def texts(repository: Path, shas: Sequence[str]) -> Mapping[str, CommitText]:
    """Read the commits with their diffs, as blame does."""
    return log.read(repository, shas, "", within=WITHIN)
