"""Adding a checked packet of others to the end of its chain here, or keeping it as evidence."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from opskit.changelog import redaction
from opskit.changelog.checking import checked
from opskit.changelog.event import genesis
from opskit.changelog.sql import statement
from opskit.changelog.store import write

if TYPE_CHECKING:
    import sqlite3

    from opskit.changelog.packet import Packet


class Writer(NamedTuple):
    """A writer as it stands here: its row, its public key, and its newest event."""

    wid: int
    key: bytes
    head_seq: int
    head_hash: bytes


class Added(NamedTuple):
    """What came of adding a packet to its chain: the event's number (None: it does not follow), the damage of its body, its
    writer as it is then.
    """

    n: int | None
    damage: str
    writer: Writer | None


def append(
    db: sqlite3.Connection,
    packet: Packet,
    writer: Writer | None,
    received_ms: int,
    role: str,
) -> Added:
    """Add a packet without fault to its chain. A redaction is not obeyed here: see `obeying`."""
    if writer is None:
        values = (packet.writer, packet.key, genesis(packet.writer), role)
        db.execute(statement("add_other_writer"), values)
        writer = writer_of(db, packet.writer)
    if writer is None or (packet.seq, packet.prev) != (writer.head_seq + 1, writer.head_hash):
        return Added(None, "", writer)
    found = checked(packet, received_ms)
    whole = not found.body_damage or found.body_damage == "malformed" or not found.readable
    event = found.event
    if not whole or redaction.is_redacted(db, event.header.kind, event.hash):
        packet, event = replace(packet, nonce=None, body=None), event._replace(body={})
    nonce, body = packet.nonce, packet.body
    n = write(db, writer.wid, event, nonce, body, received_ms=received_ms, readable=found.readable)
    after = writer._replace(head_seq=packet.seq, head_hash=event.hash)
    return Added(n, found.body_damage, after)


def refuse(db: sqlite3.Connection, packet: Packet, why: str) -> None:
    """Keep a packet that is no true part of a chain, as evidence."""
    values = (packet.hash, packet.writer, packet.seq, why, packet.to_json(), now_ms())
    db.execute(statement("add_refused"), values)


def writer_of(db: sqlite3.Connection, writer: bytes) -> Writer | None:
    """Give a writer's row, None for one that is not here."""
    row = db.execute(statement("writer_of"), (writer,)).fetchone()
    return Writer(*row) if row else None


def named(packet: Packet) -> str:
    """Give what people call a packet."""
    return f"event {packet.seq} ({packet.hash.hex()[:10]}) of writer {packet.writer.hex()[:12]}"


def now_ms() -> int:
    """Give this machine's clock in milliseconds."""
    return time.time_ns() // 1_000_000
