"""Batches and budgets: who changes together, and how many hosts can be bad before a gate stops the run."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def size_of(batch: int | str, hosts: int) -> int:
    """Give how many of `hosts` a batch means: a count, or a share such as "25%"; never 0."""
    if isinstance(batch, str):
        return max(1, int(hosts * Fraction(batch.removesuffix("%")) / 100))
    return max(1, batch)


def split(
    hosts: Sequence[str], batches: Sequence[int | str], *, most: int | None = None
) -> tuple[tuple[str, ...], ...]:
    """Split `hosts` into batches of at most `most`, in order; the last size repeats until all are placed."""
    sizes = [size_of(batch, len(hosts)) for batch in batches] or [1]
    sizes = [min(size, max(most, 1)) for size in sizes] if most is not None else sizes
    made: list[tuple[str, ...]] = []
    rest = tuple(hosts)
    while rest:
        size = sizes[min(len(made), len(sizes) - 1)]
        made.append(rest[:size])
        rest = rest[size:]
    return tuple(made)


def exposure(batches: Sequence[Sequence[str]], max_failures: int) -> int:
    """Give the most hosts that a wholly bad change can reach before the failure budget stops the run."""
    reached = 0
    for batch in batches:
        reached += len(batch)
        if reached > max_failures:
            break
    return reached
