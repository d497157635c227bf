"""How good blame's answers were, as a table and as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.blame.grade import ENOUGH
from opskit.cli.render import table, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.blame.grade import Grade, Rate

SAID = {
    "blame": "opskit blame",
    "latest": "the latest change",
    "latest there": "the latest on a host that shows it",
}
SHOWN_MISSES = 5


def show(found: Grade) -> None:
    """Print how often each way was right; of too few cases only how many there are."""
    beside = f"; and {text.plural(found.innocent, 'innocent verdict')}" if found.innocent else ""
    text.say(f"{text.plural(found.n, 'trouble')} whose culprit a verdict names{beside}")
    if found.unasked:
        said = "verdict says" if found.unasked == 1 else "verdicts say"
        text.say(f"{found.unasked} guilty {said} neither --onset nor what blame was asked: not graded")  # fmt: skip
    if not found.is_enough:
        text.say(f"that is too few to say how good the answers are: {ENOUGH} are needed")
        return
    rows = [(SAID[way.name], _told(way.first), _told(way.three)) for way in found.ways]
    table.show(("ANSWER", "FIRST RIGHT", "ONE OF THREE RIGHT"), rows)
    text.say(f"n = {found.n}, with 95 % intervals (Wilson's)")
    for miss in found.misses[:SHOWN_MISSES]:
        guilty = ", ".join(sorted(miss.case.guilty))
        said = miss.said or "nothing in the changelog"
        text.say(f"  missed {guilty} of {miss.case.question.at.astimezone():%Y-%m-%d %H:%M}: it said {said}")  # fmt: skip


def as_data(found: Grade) -> Mapping[str, object]:
    """Give it as plain values; `enough` tells whether `n` is enough to claim anything, `ways` is empty if not."""
    ways = found.ways if found.is_enough else ()
    return {
        "n": found.n,
        "needed": ENOUGH,
        "enough": found.is_enough,
        "unasked": found.unasked,
        "innocent": found.innocent,
        "ways": {way.name: {"first": _data(way.first), "three": _data(way.three)} for way in ways},
        "misses": [
            {
                "at": m.case.question.at,
                "guilty": sorted(m.case.guilty),
                "said": m.said,
                "verdicts": m.case.by,
            }
            for m in found.misses
        ],
    }


def _told(rate: Rate) -> str:
    low, high = rate.interval or (0.0, 1.0)
    return f"{rate.value or 0:.2f}  ({low:.2f} to {high:.2f})"


def _data(rate: Rate) -> Mapping[str, object]:
    low, high = rate.interval or (0.0, 1.0)
    return {
        "right": rate.right,
        "n": rate.n,
        "rate": round(rate.value or 0, 4),
        "low": round(low, 4),
        "high": round(high, 4),
    }
