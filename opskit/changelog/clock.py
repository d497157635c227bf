"""The hybrid logical clock: wall time that never runs backwards within what a writer has seen."""

from __future__ import annotations

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
