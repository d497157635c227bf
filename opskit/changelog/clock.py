"""The hybrid logical clock: wall time that never runs backwards within what a writer has seen."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

COUNTER_BITS = 16
TRUSTED_SKEW_MS = 60_000


def tick(now_ms: int, own: int, others: int) -> int:
    """Give the next clock value after `own` (our last event) and `others` (the newest seen).

    `others` pulls the clock along only when it is at most a minute ahead: one laptop with a wrong
    year must not drag all others with it.
    """
    nearby = others if others <= ceiling(now_ms) else 0
    return max(now_ms << COUNTER_BITS, own + 1, nearby + 1)


def ceiling(now_ms: int) -> int:
    """Give the highest clock value of others that is still believed at `now_ms`."""
    return (now_ms + TRUSTED_SKEW_MS) << COUNTER_BITS


@dataclass(frozen=True, slots=True)
class Offset:
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
