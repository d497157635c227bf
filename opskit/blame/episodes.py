"""Which lines of a log are this trouble, where a symptom comes back: those since it was quiet for long. And when a line was written that names no time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from opskit.blame import stamps

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import tzinfo

QUIET, RARELY = 600.0, 10
"""Trouble was over where the symptom stayed away so long (seconds), and so many times as long as it does usually. A choice."""
WRONG = re.compile(
    r"error|exception|traceback|fatal|panic|fail|refused|timed? ?out|critical|denied|cannot|\b5\d\d\b",
    re.IGNORECASE,
)
OWN, BELOW = "own", "below"
"""How a line has its time: it names one, or stands below one that does."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A line that has the symptom: when it was written, and from when on that may have been (the same, if it is known)."""

    line: str
    at: datetime
    earliest: datetime

    @property
    def is_between(self) -> bool:
        """Whether only that is known."""
        return self.earliest < self.at


def hits(told: Iterable[tuple[str, str]], *, now: datetime, zone: tzinfo) -> list[Hit]:
    """Read what a host says of lines, in words and what stands behind them: `own TIMED` or `below TIMED`, perhaps `until TIMED`, and `line TEXT`.

    A line below one that tells of an error is of its time; below another, it is from between that and the next that names a time (or `now`).
    """
    found: list[Hit] = []
    how, timed, until = "", "", ""
    for word, rest in told:
        if word in (OWN, BELOW):
            how, timed, until = word, rest, ""
        elif word == "until":
            until = rest
        elif word == "line" and how:
            first = stamps.find(timed, now=now, zone=zone)
            last = first
            if how == BELOW and not WRONG.search(timed):
                last = (stamps.find(until, now=now, zone=zone) if until else None) or now
            if first and last:
                found.append(Hit(rest, max(first, last).astimezone(UTC), first.astimezone(UTC)))
    return sorted(found, key=lambda hit: hit.at)


def latest(found: Sequence[Hit], until: datetime, *, skipped: int = 0) -> Sequence[Hit]:
    """Give those of the last trouble that had begun by then, of times that are sorted; of the first, if all began later.

    Behind the very first so many were `skipped`: they are taken to have come as often as one may think.
    """
    gaps = [(after.at - before.at).total_seconds() for before, after in pairwise(found)]
    gaps[:1] = [gap / (skipped + 1) for gap in gaps[:1]]
    quiet = max(QUIET, RARELY * median(gaps)) if gaps else QUIET
    starts = [0, *(number + 1 for number, gap in enumerate(gaps) if gap > quiet)]
    start = max((each for each in starts if found[each].at <= until), default=0)
    end = next((each for each in starts if each > start), len(found))
    return found[start:end]
