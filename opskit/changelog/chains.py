"""The check of a piece of one writer's chain: pure, so that several processes can share the work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from opskit.changelog.doubts import event_named
from opskit.changelog.event import Header, chained, sealed
from opskit.changelog.signing import is_signed

if TYPE_CHECKING:
    from collections.abc import Sequence


class Row(NamedTuple):
    """An event as it is stored: what was signed, and the columns that repeat it."""

    n: int
    seq: int
    prev: bytes
    hash: bytes
    header: bytes
    signature: bytes
    hlc: int
    kind: str
    rollout: str
    nonce: bytes | None
    body: bytes | None
    redacted: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive rows of a writer, and the number and hash of the event before them."""

    writer: bytes
    key: bytes
    seq: int
    head: bytes
    rows: Sequence[tuple[object, ...]]


def faults(piece: Piece) -> list[tuple[str, str]]:
    """Give where and what is wrong, in the order of the chain.

    An event that is altered breaks the chain there; later ones are still checked against what stands before them, so
    that one alteration is not told a thousand times.
    """
    name = f"writer {piece.writer.hex()[:12]}"
    found = []
    seq, head = piece.seq, piece.head
    for values in piece.rows:
        row = Row(*values)  # type: ignore[arg-type]
        if row.seq != seq + 1:
            found.append((f"{name}, event {seq + 1}", f"missing: {row.seq} follows {seq}"))
        what = _damage(piece, row, head if row.seq == seq + 1 else row.prev)
        if what:
            found.append((f"{name}, event {row.seq}{event_named(row.hash, row.header)}", what))
        seq, head = row.seq, row.hash
    return found


def _damage(piece: Piece, row: Row, head: bytes) -> str:
    """Give what is wrong with one event, "" if nothing is; the gravest first."""
    if row.prev != head:
        return "it does not follow the event before it: one of the two was replaced or moved"
    if chained(row.prev, row.header) != row.hash:
        return "its header was altered"
    if not is_signed(piece.key, row.signature, row.hash):
        return "its signature is not the writer's"
    try:
        header = Header.decode(row.header)
    except ValueError:
        return ""  # signed so by its writer, which was a newer opskit or a broken one
    return _misplaced(piece, row, header) or _body_damage(row, header)


def _misplaced(piece: Piece, row: Row, header: Header) -> str:
    if (header.writer, header.seq) != (piece.writer.hex(), row.seq):
        return "it was signed for another place"
    if (header.hlc, header.kind, header.rollout) != (row.hlc, row.kind, row.rollout):
        return "what is searched is not what was signed"
    return ""


def _body_damage(row: Row, header: Header) -> str:
    if row.nonce is None or row.body is None:
        return (
            ""
            if row.redacted
            else (
                "its body is missing, and no event redacted it; a true copy fills it in:"
                " opskit changelog sync --again, or import an export"
            )
        )
    return "" if sealed(row.nonce, row.body) == header.body else "its body was altered"
