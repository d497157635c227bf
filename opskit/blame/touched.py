"""When something was changed by hand in what is live on a host, as the host's file system tells it.

at SECONDS     a change time: of `current` itself, or of a file of the live release (of its folder, if it is gone)
now SECONDS    the clock of the host
"""

from __future__ import annotations

import re
import shlex
import time
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from opskit.fleet.command import Command
from opskit.rollout.layout import path_word
from opskit.rollout.memory import changed_by_hand

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opskit.fleet.remote import Remote
    from opskit.rollout.probe import HostState

MOST = 20
TIMEOUT = 10.0
_NUMBER = re.compile(r"(at|now) ([0-9]{9,11})", re.ASCII)


def script(path: str, *, link: bool, files: Iterable[str]) -> str:
    """Print the change times of `current` (if `link`) and of files of the live release, and the host's clock; reads only."""
    names = [*(["current"] if link else []), *(f"current/{name}" for name in files)]
    words = " ".join(map(shlex.quote, names))
    return "\n".join(
        (
            f"p={path_word(path)}",
            # GNU's and busybox's stat, and that of BSD; both look at a link itself
            'at() { stat -c %Z "$1" 2>/dev/null || stat -f %c "$1" 2>/dev/null; }',
            f'for n in {words}; do f="$p/$n"; [ -e "$f" ] || [ -L "$f" ] || f="${{f%/*}}/."',
            '  s=$(at "$f") && echo "at $s"; done; echo "now $(date +%s)"',
        )
    )


def touched(remote: Remote, path: str, state: HostState) -> datetime | None:
    """Give when a host's live release was last changed by hand, by the clock of this machine; None if it was not, or nobody can tell.

    Raises HostError.
    """
    edits = state.edits
    files = [*edits.altered, *edits.missing][:MOST] if edits else []
    link = bool(changed_by_hand(state)) and bool(state.receipt)
    if not (link or files):
        return None
    safe = [name for name in files if ".." not in PurePosixPath(name).parts]
    before = time.time()
    result = remote.execute(
        Command(script(path, link=link, files=safe), timeout=TIMEOUT, twice=True)
    )
    return read(result.text, now=(before + time.time()) / 2)


def read(said: str, *, now: float) -> datetime | None:
    """Read what `script` printed: the newest of the times, set right by the host's clock at `now` of ours (seconds since 1970)."""
    found = [(m[1], int(m[2])) for line in said.split("\n") if (m := _NUMBER.fullmatch(line))]
    theirs = next((seconds for word, seconds in found if word == "now"), None)
    times = [seconds for word, seconds in found if word == "at"]
    if theirs is None or not times:
        return None
    off = theirs - now
    return datetime.fromtimestamp(max(times) - (off if abs(off) > 1 else 0), UTC)
