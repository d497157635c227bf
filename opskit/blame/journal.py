"""A unit's journal as a log: what journald on a host has of it, the newest `MOST_LINES` entries, in the words of `onsets`.

cut UNIT         of this one, only the end was looked at
nothing UNIT     journald shows us nothing of it since then
nojournal        there is no journald
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.config.systemd import UNIT

if TYPE_CHECKING:
    from datetime import datetime

MOST_LINES = 200_000
SYSTEM, USER = "unit:", "user-unit:"


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal of a unit, of the system or (`user`) of the login user's own systemd; with `sudo`, it is read as root."""

    unit: str
    user: bool = False
    sudo: bool = False

    @property
    def runs_as(self) -> str:
        """As whom it is read by sudo, "" for not by sudo: what a user's own systemd says is the user's to read."""
        return "root" if self.sudo and not self.user else ""


def named(log: str) -> Journal | None:
    """Give the journal that `unit:NAME` or `user-unit:NAME` is, None for anything else; raises ValueError for what is no name of a unit."""
    kind = next((word for word in (SYSTEM, USER) if log.startswith(word)), None)
    if kind is None:
        return None
    unit = log.removeprefix(kind)
    if not re.fullmatch(UNIT, unit) or "@." in unit:
        raise ValueError(unit)
    return Journal(unit, kind == USER)


def script(
    journal: Journal, *, since: datetime, most_bytes: int, most_line: int, most_hits: int
) -> str:
    """Find the first line of a journal since then that has the words `$w` in it; reads only, and no more than `MOST_LINES` entries, or so many bytes.

    The newest are asked for, the last one first: what `--lines` means together with `--since` alone differs between versions of journalctl.
    """
    option = "--user-unit" if journal.user else "--unit"
    asked = f"{option}={shlex.quote(journal.unit)} --since=@{int(since.timestamp())} --reverse --lines={MOST_LINES}"
    limits = f"-v m={most_line} -v b={most_hits} -v bytes={most_bytes} -v lines={MOST_LINES}"
    return "\n".join(
        (
            "command -v journalctl >/dev/null || { echo nojournal; exit 0; }",
            f"journalctl --quiet --no-pager --all --output=short-unix {asked} 2>/dev/null |",
            f"  awk {limits} {shlex.quote(_FIND)}",
        )
    )


_FIND = (
    "{ n += length($0) + 1 }\n"
    "/^[0-9]+[.][0-9]+ / { head = substr($0, 1, m); entries++ }\n"
    'index($0, ENVIRON["w"]) { if (at != head) hits++; at = head; line = substr($0, 1, m)\n'
    "  k[hits] = at; l[hits] = line; if (hits > b) { delete k[hits - 1]; delete l[hits - 1] } }\n"
    "n > bytes { exit }\n"
    'END { if (n > bytes || entries >= lines) print "cut"\n'
    '  for (i in k) told++; if (hits > told) print "skipped " hits - told\n'
    '  for (i in k) { print "own " k[i]; print "line " l[i] }\n'
    '  if (!hits) print entries ? "none" : "nothing" }'
)
"""Going back, the last line that has the words is the first one; it and the newest are told, each with where its entry begins: there stands the time."""
