"""An event as the index takes it: what it says of its time, its rollout and its hosts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.changelog.body import number, parts, text, texts
from opskit.changelog.claims import claim_of
from opskit.changelog.clock import COUNTER_BITS, LAST_MS, placed, written_ms
from opskit.changelog.event import (
    BISECT,
    BISECT_STARTED,
    HOSTS,
    NOTE,
    RECOVERED,
    RESUMED,
    RUN_STARTED,
    RUN_STEP,
    STARTED,
    VERDICT,
    Header,
)
from opskit.changelog.runrecords import LOCAL

if TYPE_CHECKING:
    from collections.abc import Mapping

SEAT = ("host", "at", "backend", "server")
A_ROLLBACK = "a rollback"
RUNBOOK, INCIDENT, DURING, OWES, ON = "runbook", "incident", "during", "owes", "on"
OWER = "ower"
"""A writer who did something of a run that may have to be taken back."""
BISECTION = "bisect"
"""What an event of a bisection is about: the hash of the event that began it."""
_ABOUT = {
    RUN_STARTED: (RUNBOOK, INCIDENT),
    STARTED: (DURING, INCIDENT),
    RESUMED: (DURING, INCIDENT),
    NOTE: (DURING, INCIDENT),
    VERDICT: (DURING, INCIDENT),
    BISECT_STARTED: (DURING, INCIDENT),
}


@dataclass(frozen=True, slots=True)
class Found:
    """An event as the index takes it: its number, its hash, its header with the clock by which it is ordered, when it was
    written, its claim.

    `latest` is the clock of the event itself: what is recovered is older.
    """

    n: int
    hash: bytes
    header: Header
    at_ms: int
    body: Mapping[str, object]
    claim: str
    latest: int


def found_of(
    n: int, digest: bytes, header: Header, body: Mapping[str, object], received_ms: int
) -> Found:
    """Give an event as the index takes it."""
    claim, latest = claim_of(header), placed(header.hlc, header.seq, received_ms)
    if header.kind == RECOVERED:
        header = _as_it_was(header, body)
    at_ms = written_ms(header.at_ms, received_ms)
    header = header._replace(hlc=placed(header.hlc, header.seq, received_ms))
    return Found(n, digest, header, at_ms, body, claim, latest)


def hosts_of(found: Found) -> list[str]:
    """Give the hosts that an event names as touched."""
    kind, body = found.header.kind, found.body
    named: list[str] = []
    if kind in (STARTED, RECOVERED):
        named = [text(host, "name") for host in parts(body, "hosts")]
    elif kind == HOSTS and found.claim:
        named = [text(result, "host") for result in parts(body, "results")]
    elif kind == NOTE and not found.claim:
        named = list(texts(body, "hosts"))
    elif kind == RUN_STEP and found.claim:
        named = [host for host in texts(body, "hosts") if host != LOCAL]
    return [host for host in named if host]


def about(found: Found) -> list[tuple[str, str]]:
    """Give what an event says its entry is about: a runbook, an incident, the run that it was done in.

    Of a run also the hosts that it came to, and that something may be owed since.
    """
    body = found.body
    told = [(what, text(body, what)) for what in _ABOUT.get(found.header.kind, ())]
    if found.header.kind == RUN_STEP:
        told += [(ON, host) for host in hosts_of(found)]
        owes = text(body, "rollback") and body.get("mutates") is True
        told += [(OWES, A_ROLLBACK), (OWER, found.header.writer)] if owes else []
    if found.header.kind == BISECT_STARTED:
        told += [(BISECTION, found.hash.hex())]
    elif found.header.kind.startswith(BISECT):
        told += [(BISECTION, text(body, BISECTION))]
    return [(what, name) for what, name in told if name]


def seats_of(found: Found) -> list[tuple[str, ...]]:
    """Give where an event says that hosts are taken out of load balancers: host, load balancer, backend, server."""
    if found.header.kind != HOSTS or not found.claim:
        return []
    told = parts(found.body, "drains")
    told += (seat for result in parts(found.body, "results") for seat in parts(result, "drained"))
    named = (tuple(text(seat, key) for key in SEAT) for seat in told)
    return [seat for seat in named if all(seat)]


def _as_it_was(header: Header, body: Mapping[str, object]) -> Header:
    """Give the header that a recovered rollout would have had: its time and its actor, not those of the recovery."""
    at_ms = min(max(number(body, "at"), 1), max(header.at_ms, 1), LAST_MS)
    return header._replace(
        ts=at_ms, clock={}, hlc=at_ms << COUNTER_BITS, actor=text(body, "actor")
    )
