"""What is believed of an event that comes from elsewhere: its bytes, its signature, its place in its chain."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.changelog.cores import Cores
from opskit.changelog.event import Event, Header, read_body, sealed
from opskit.changelog.signing import is_signed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from opskit.changelog.packet import Arrival, Packet

MANY = 20_000  # events from which on other processes are worth their start

UNREADABLE = "0" * 64


@dataclass(frozen=True, slots=True)
class Checked:
    """A packet whose signature holds; `body_damage` says what is wrong with its body, "" if nothing."""

    event: Event
    readable: bool
    body_damage: str


def fault(packet: Packet) -> str:
    """Give what is wrong with a packet by itself, "" if its writer did sign it for its place."""
    if hashlib.sha256(packet.key).digest() != packet.writer:
        return "its key is not the one that its writer is named after"
    if len(packet.prev) != 32 or len(packet.header) > 16384 or packet.seq < 1:
        return "it is not shaped like an event"
    if not is_signed(packet.key, packet.signature, packet.hash):
        return "its signature is not its writer's"
    try:
        header = Header.decode(packet.header)
    except ValueError:
        return ""  # a newer or a broken writer's: kept as it stands
    if (header.writer, header.seq) != (packet.writer.hex(), packet.seq):
        return "it was signed for another place"
    return ""


def altered(packet: Packet) -> str:
    """Give what is wrong with a packet whose header is known to be true, "" if nothing: its signature, its body."""
    if not is_signed(packet.key, packet.signature, packet.hash):
        return "came with a signature that is not its writer's"
    if packet.nonce is None or packet.body is None:
        return ""
    try:
        said = Header.decode(packet.header).body
    except ValueError:
        return ""
    right = sealed(packet.nonce, packet.body) == said
    return "" if right else "came with another body than the one that was signed"


def faults_of(page: Sequence[Arrival]) -> list[str]:
    """Give `fault` of every packet of a page, "" where none came."""
    return [fault(arrival.packet) if arrival.packet else "" for arrival in page]


def ahead(
    pages: Iterable[Sequence[Arrival]], expected: int
) -> Iterator[tuple[Sequence[Arrival], Sequence[str]]]:
    """Give pages with their faults; where many are expected, other processes check the next ones meanwhile."""
    if expected < MANY:
        yield from ((page, faults_of(page)) for page in pages)
        return
    with Cores() as cores:
        yield from cores.each(faults_of, pages)


def checked(packet: Packet, received_ms: int) -> Checked:
    """Give the event in a packet without fault. A header that cannot be read gets no names and the time of arrival."""
    try:
        header, readable = Header.decode(packet.header), True
    except ValueError:
        header, readable = _unreadable(packet, received_ms), False
    body, damage = read_body(packet.body)
    if packet.nonce is None or packet.body is None:
        damage = "missing"
    elif readable and sealed(packet.nonce, packet.body) != header.body:
        body, damage = {}, "altered"
    event = Event(
        header=header,
        signed=packet.header,
        prev=packet.prev,
        hash=packet.hash,
        signature=packet.signature,
        body=body,
        damage=damage,
    )
    return Checked(event, readable, damage)


def _unreadable(packet: Packet, received_ms: int) -> Header:
    """Give a header without names for one that this opskit cannot read."""
    return Header(
        writer=packet.writer.hex(),
        seq=packet.seq,
        kind="",
        hlc=max(received_ms, 1) << 16,
        ts=received_ms,
        body=UNREADABLE,
    )
