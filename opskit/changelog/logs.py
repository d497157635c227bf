"""What is known here of the logs that this changelog was shared with."""

from __future__ import annotations

from dataclasses import dataclass

from opskit.changelog.packet import Receipt
from opskit.errors import OvertakenError


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


def demand_read(pos: int | None, upto: int) -> None:
    """Raise OvertakenError if a log that was read up to a place is known only up to `pos`: another process reads it anew."""
    if (pos or 0) < upto:
        raise OvertakenError(
            "another opskit here reads the upstream anew", hint="wait for it to end"
        )


def state_of(row: tuple) -> LogState:  # type: ignore[type-arg]
    """Read a row of the statements `log` and `current_log`."""
    log, url, pos, digest, chain, synced_ms, received_ms = row
    last = Receipt(pos, digest, chain, received_ms) if pos is not None else None
    return LogState(log, url, last, synced_ms)
