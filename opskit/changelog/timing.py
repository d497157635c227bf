"""Whether the times at which an upstream says that it received events can be true: nobody signs them, and much hangs on them.

Places are given in the order in which events came. So a time that falls behind that of the place before it is wrong, or the
clock of the upstream was set back. What the writers signed tells which: after a clock was set, they go by the new time (they
set theirs right by the upstream's), but of places whose times somebody altered they go on to say what they said before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SLACK_MS = (
    300_000  # that clocks of an upstream's machines may differ, and those of laptops from them
)
MOST_JUDGED = 100  # falls of the time: each may take a look at all places
FEWEST = 2  # writers whose word is more than a clock that runs ahead


@dataclass(slots=True)
class Times:
    """What was found of a list of times: which cannot be, and before which the clock was set back (their numbers in the list)."""

    impossible: set[int] = field(default_factory=set)
    set_back: list[int] = field(default_factory=list)


def look(received: Sequence[int], written: Callable[[int], int]) -> Times:
    """Look at the times of places in their order (0: nobody knows); `written` gives when the event of one was written, as signed."""
    found = Times()
    before = judged = 0
    for here in _known(received):
        if before and received[here] < received[before - 1] - SLACK_MS:
            judged += 1
            if judged > MOST_JUDGED:
                found.set_back.append(here)
            else:
                _judge(received, written, before - 1, here, found)
        before = here + 1
    return found


def early(
    received: Sequence[int], written: Sequence[int], writers: Sequence[object]
) -> list[tuple[int, int]]:
    """Give first and last of the runs of places that were received before several writers wrote them, as they signed."""
    runs: list[tuple[int, int]] = []
    first, whose = -1, set[object]()
    for here, at_ms in enumerate(written):
        if 0 < received[here] < at_ms - SLACK_MS:
            first = here if first < 0 else first
            whose.add(writers[here])
            continue
        if len(whose) >= FEWEST:
            runs.append((first, here - 1))
        first, whose = -1, set()
    if len(whose) >= FEWEST:
        runs.append((first, len(written) - 1))
    return runs


def _judge(
    received: Sequence[int], written: Callable[[int], int], a: int, b: int, found: Times
) -> None:
    """Say what is wrong where the time falls from `a` to `b`: what follows is too early, what stands before it too late, or neither."""
    least, most = received[a] - SLACK_MS, received[b] + SLACK_MS
    low = list(_run(received, range(b, len(received)), lambda ms: ms < least))
    if all(written(each) >= least for each in low):
        found.impossible.update(low)
        return
    high = list(_run(received, range(a, -1, -1), lambda ms: ms > most))
    if high[-1] > 0 and all(written(each) <= most for each in high):
        found.impossible.update(high)
        return
    found.set_back.append(b)


def _run(received: Sequence[int], places: range, belongs: Callable[[int], bool]) -> Iterator[int]:
    for each in places:
        if received[each] <= 0:
            continue
        if not belongs(received[each]):
            return
        yield each


def _known(received: Sequence[int]) -> Iterator[int]:
    return (number for number, ms in enumerate(received) if ms > 0)
