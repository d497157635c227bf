"""The hybrid logical clock: wall time that never runs backwards within what a writer has seen."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import NamedTuple

COUNTER_BITS = 16
TRUSTED_SKEW_MS = 60_000
FIRST_MS, LAST_MS = (
    1_577_836_800_000,
    4_102_444_800_000,
)  # 2020 to 2100: no clock says anything else and is right
NO_LATER_MS = 253_402_300_799_000  # the end of the year 9999, beyond which datetime does not go
MOST_AHEAD_MS = 366 * 86_400_000  # that an upstream's clock may be ahead of one that may be right


def tick(now_ms: int, own: int, others: int) -> int:
    """Give the next clock value after `own` (our last event) and `others` (the newest seen).

    `others` pulls the clock along only when it is at most a minute ahead: one laptop with a wrong
    year must not drag all others with it.
    """
    now = min(max(now_ms, 1), LAST_MS)
    nearby = others if others <= ceiling(now) else 0
    return max(now << COUNTER_BITS, own + 1, nearby + 1)


def ceiling(now_ms: int) -> int:
    """Give the highest clock value of others that is still believed at `now_ms`."""
    return (now_ms + TRUSTED_SKEW_MS) << COUNTER_BITS


def placed(hlc: int, seq: int, received_ms: int) -> int:
    """Give the clock value by which an event is ordered that an upstream received at that time (0: nobody knows).

    One that is further ahead than a minute is wrong: what its writer wrote then and later, until time has caught up, stands
    where it was received, in the order of its `seq`.
    """
    if received_ms <= 0 or hlc <= ceiling(received_ms):
        return hlc
    return (received_ms << COUNTER_BITS) + (seq & ((1 << COUNTER_BITS) - 1))


def written_ms(at_ms: int, received_ms: int) -> int:
    """Give when an event was written that says `at_ms`: not later than it was received, if that is known."""
    return received_ms if 0 < received_ms < at_ms - TRUSTED_SKEW_MS else at_ms


def is_believable(here_ms: int, there_ms: int) -> bool:
    """Tell whether an upstream's clock may be right, if this machine's says `here_ms`.

    It may set a fast clock back by any time, and one forward that cannot be right itself. It may not send one that can be
    right years ahead: what is written there would stay the newest for as long.
    """
    if not FIRST_MS <= there_ms <= LAST_MS:
        return False
    return here_ms < FIRST_MS or there_ms - here_ms <= MOST_AHEAD_MS


def moment(ms: int) -> datetime:
    """Give a time of the changelog (milliseconds since 1970) as a datetime in UTC."""
    return datetime.fromtimestamp(min(max(ms, 0), NO_LATER_MS) / 1000, UTC)


class Offset(NamedTuple):
    """How far this machine's clock is off: add `ms`, give or take `error_ms`.

    It holds in the same `boot`, as long as nobody sets the clock: `since_boot_ms`, wall time minus time since boot,
    then stays what it is.
    """

    ms: int
    error_ms: int
    boot: str
    since_boot_ms: int

    def holds(self, boot: str) -> bool:
        """Tell whether the clock runs on as when this was measured."""
        return bool(boot) and boot == self.boot and abs(since_boot() - self.since_boot_ms) < 1000

    @property
    def is_off(self) -> bool:
        """Whether the clock is off for certain, and by more than a second."""
        return abs(self.ms) > max(self.error_ms, 1000)


def since_boot() -> int:
    """Give wall time minus time since boot in milliseconds: it changes only when the clock is set."""
    if sys.platform == "darwin":
        running = time.clock_gettime(time.CLOCK_MONOTONIC)  # which counts sleep, on macOS
    else:
        running = time.clock_gettime(time.CLOCK_BOOTTIME)
    return round((time.time() - running) * 1000)
