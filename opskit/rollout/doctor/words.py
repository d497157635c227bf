"""Numbers as people say them."""

from __future__ import annotations

UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"))


def counted(count: int, noun: str) -> str:
    """Give `1 host`, `2 hosts`; nouns that take an s only."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def span(seconds: float) -> str:
    """Give roughly how long: `90 s`, `3 minutes`, `3 days`; the largest unit of which there are two or more."""
    for size, unit in UNITS:
        if seconds >= 2 * size:
            return counted(round(seconds / size), unit)
    return f"{seconds:.0f} s"
