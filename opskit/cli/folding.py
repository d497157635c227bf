"""A list of the changelog in which a bisection takes two lines, and not three for each commit that it tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.changelog import OtherEntry, RolloutRecord
from opskit.changelog.event import BISECT_RESUMED, BISECT_STEP

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from opskit.changelog import Changelog, Entry, Filter

ROUNDS = 4
MORE = 4  # times as many are looked at in each round
INSIDE = (BISECT_STEP, BISECT_RESUMED)
OPEN = ("running", "unfinished", "interrupted")


def newest(changelog: Changelog, wanted: Filter) -> tuple[Sequence[Entry], bool]:
    """Give the newest entries that are wanted without what bisections tried, and whether anything was left out so.

    What is asked for by host, kind, outcome, words or incident is given whole: the beginning of a bisection, which stands for all of it, would not be among that.
    """
    asked = wanted.limit
    found = changelog.entries(wanted)
    if any((wanted.hosts, wanted.action, wanted.outcome, wanted.grep, wanted.incident)):
        return found, False
    kept: Sequence[Entry] = found
    for _ in range(ROUNDS):
        kept = _without_tries(changelog, found)
        if len(kept) >= wanted.limit or len(found) < asked:
            break
        asked *= MORE
        found = changelog.entries(wanted._replace(limit=asked))
    return kept[: wanted.limit], len(kept) < len(found)


def _without_tries(changelog: Changelog, found: Sequence[Entry]) -> Sequence[Entry]:
    if not any(map(_may_be_inside, found)):
        return found
    from opskit.blame.bisect.record import tries

    tried = tries(changelog)
    return [entry for entry in found if not _is_inside(entry, tried)]


def _may_be_inside(entry: Entry) -> bool:
    if isinstance(entry, RolloutRecord):
        return entry.why.startswith("bisection ")
    return isinstance(entry, OtherEntry) and entry.event.header.kind in INSIDE


def _is_inside(entry: Entry, tried: Collection[str]) -> bool:
    """Tell whether an entry is a step of a bisection; a rollout of one that is not over is shown."""
    if isinstance(entry, RolloutRecord):
        return entry.id in tried and entry.outcome not in OPEN
    return isinstance(entry, OtherEntry) and entry.event.header.kind in INSIDE
