"""The check of everything: chains, hashes, signatures, bodies, and what is derived from them."""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.changelog import index
from opskit.changelog.enrolments import attestation_problems
from opskit.changelog.event import Header, chained, genesis, read_body, sealed
from opskit.changelog.signing import is_signed
from opskit.changelog.sql import statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_NAMED = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was written: where (a writer and its event's number), and what."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True, slots=True)
class _Writer:
    """A writer as its row tells; `id` and `public_key` are bytes."""

    wid: int
    id: bytes
    public_key: bytes
    head_seq: int
    head_hash: bytes


@dataclass(frozen=True, slots=True)
class _Row:
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


def verify(fill: Callable[[sqlite3.Connection], bool]) -> list[Problem]:
    """Give what is wrong, the first bad event of each writer first; an empty list if all is well.

    `fill` copies the changelog, page by page, into an empty database, and tells whether there is
    one. The copy is what is checked: that takes minutes for a million events, and who reads the
    file itself keeps every rollout from writing. An event that is altered breaks the chain there;
    later events of the same writer are still checked against what stands before them, so that one
    alteration is not told a thousand times. Raises sqlite3.Error.
    """
    with tempfile.TemporaryDirectory(prefix="opskit-") as folder:
        copy = sqlite3.connect(Path(folder) / "copy.db", isolation_level=None)
        try:
            return list(itertools.islice(_problems(copy), MOST_NAMED)) if fill(copy) else []
        finally:
            copy.close()


def _problems(connection: sqlite3.Connection) -> Iterator[Problem]:
    for (found,) in connection.execute("PRAGMA integrity_check(10)"):
        if found != "ok":
            yield Problem("file", found)
    for row in connection.execute(statement("writers")).fetchall():
        yield from _chain(connection, _Writer(*row))
    for where, what in attestation_problems(connection):
        yield Problem(where, what)
    yield from _index(connection)


def _chain(connection: sqlite3.Connection, writer: _Writer) -> Iterator[Problem]:
    name = f"writer {writer.id.hex()[:12]}"
    if hashlib.sha256(writer.public_key).digest() != writer.id:
        yield Problem(name, "its public key is not the one that it is named after")
    seq, head = 0, genesis(writer.id)
    for values in connection.execute(statement("chain"), (writer.wid,)):
        row = _Row(*values)
        if row.seq != seq + 1:
            yield Problem(f"{name}, event {seq + 1}", f"missing: {row.seq} follows {seq}")
        what = _damage(writer, row, head if row.seq == seq + 1 else row.prev)
        if what:
            yield Problem(f"{name}, event {row.seq} ({row.hash.hex()[:10]})", what)
        seq, head = row.seq, row.hash
    if (seq, head) != (writer.head_seq, writer.head_hash):
        yield Problem(
            f"{name}, event {seq + 1}", f"missing: the chain's head is {writer.head_seq}"
        )


def _damage(writer: _Writer, row: _Row, head: bytes) -> str:
    """Give what is wrong with one event, "" if nothing is; the gravest first."""
    if row.prev != head:
        return "it does not follow the event before it: one of the two was replaced or moved"
    if chained(row.prev, row.header) != row.hash:
        return "its header was altered"
    if not is_signed(writer.public_key, row.signature, row.hash):
        return "its signature is not the writer's"
    try:
        header = Header.decode(row.header)
    except ValueError as error:
        return f"its header cannot be read: {error}"
    return _misplaced(writer, row, header) or _body_damage(row, header)


def _misplaced(writer: _Writer, row: _Row, header: Header) -> str:
    if (header.writer, header.seq) != (writer.id.hex(), row.seq):
        return "it was signed for another place"
    if (header.hlc, header.kind, header.rollout) != (row.hlc, row.kind, row.rollout):
        return "what is searched is not what was signed"
    return ""


def _body_damage(row: _Row, header: Header) -> str:
    if row.nonce is None or row.body is None:
        return "" if row.redacted else "its body is missing, and no event redacted it"
    if sealed(row.nonce, row.body) != header.body:
        return "its body was altered"
    damage = read_body(row.body)[1]
    return f"its body is {damage}" if damage else ""


def _index(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Derive everything once more and compare: the index carries no signature of its own."""
    fresh = sqlite3.connect(":memory:", isolation_level=None)
    try:
        index.make(fresh)
        index.fill(fresh, connection.execute(statement("everything")))
        for table, order in index.TABLES.items():
            columns = "rowid, said" if table == "words" else "*"
            query = f"SELECT {columns} FROM {table} ORDER BY {order}"  # noqa: S608 - our own names
            there, derived = connection.execute(query), fresh.execute(query)
            if any(pair[0] != pair[1] for pair in _pairs(there, derived)):
                yield Problem(f"index {table}", "it does not say what the events say")
    finally:
        fresh.close()


def _pairs(there: sqlite3.Cursor, derived: sqlite3.Cursor) -> Iterator[tuple[object, object]]:
    return itertools.zip_longest(there, derived)
