"""What is known here of the logs that this changelog was shared with."""

from __future__ import annotations

from dataclasses import dataclass

from opskit.changelog.packet import Receipt


@dataclass(frozen=True, slots=True)
class LogState:
    """A log that this changelog was shared with: its name, its address, where the next pull goes on, the last sync."""

    log: str
    url: str
    last: Receipt | None
    synced_ms: int


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that an upstream said and that cannot be true; `trick` as in UpstreamLiesError."""

    at_ms: int
    trick: str
    what: str


def state_of(row: tuple) -> LogState:  # type: ignore[type-arg]
    """Read a row of the statements `log` and `current_log`."""
    log, url, pos, digest, chain, synced_ms, received_ms = row
    last = Receipt(pos, digest, chain, received_ms) if pos is not None else None
    return LogState(log, url, last, synced_ms)
