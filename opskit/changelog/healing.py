"""Bodies that are missing here, filled in from a true copy: of an import, or of an upstream that is pulled again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.changelog import redaction
from opskit.changelog.checking import checked
from opskit.changelog.sql import statement

if TYPE_CHECKING:
    import sqlite3

    from opskit.changelog.packet import Packet


def heal(db: sqlite3.Connection, n: int, packet: Packet | None) -> None:
    """Fill in the body of event `n` if it is missing, nobody redacted it, and this packet of the same hash has it.

    Within the caller's transaction. The index is out of date then, and must be made anew: what it says of the event came from
    a body that was not there.
    """
    if packet is None or packet.body is None:
        return
    if db.execute(statement("has_body"), (n,)).fetchone():
        return
    found = checked(packet, 0)
    if (
        found.body_damage
        or not found.readable
        or redaction.is_redacted(db, found.event.header.kind, packet.hash)
    ):
        return
    db.execute(statement("add_body"), (n, packet.nonce, packet.body))
    db.execute(statement("index_is_old"))
