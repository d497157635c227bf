"""All enrolments: whether each is what it says, and for whom a key truly signed, whether or not that counts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from opskit.changelog.attestation import read_enrolment
from opskit.changelog.body import text
from opskit.changelog.event import read_body
from opskit.changelog.sql import statement
from opskit.changelog.sshkeys import material, plain
from opskit.changelog.sshsig import damage

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    Row = tuple[bytes, int, bytes, bytes | None]

AT_ONCE = 4


def odd_enrolments(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Give the place of each enrolment that vouches for nobody and what is wrong with it. Raises AttestationError.

    Its own writer signed it so: it does not count, and is no damage. Whose signatures count is not asked here. An enrolment
    without its body, or with another than the one that was signed, is left to the check of bodies.
    """
    rows = connection.execute(statement("all_enrolments")).fetchall()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for (writer, seq, digest, _), wrong in zip(rows, pool.map(_wrong, rows), strict=True):
            if wrong:
                where = f"writer {writer.hex()[:12]}, event {seq} ({digest.hex()[:10]})"
                yield where, f"it vouches for nobody: {wrong}"


def keys_of(
    ask: Callable[[Callable[[sqlite3.Connection], list[Row]]], list[Row] | None], writer: str
) -> dict[str, set[str]]:
    """Give the SSH keys (public lines) that truly signed for a writer (in hex), each with all writers for which it did.

    Raises AttestationError.
    """
    rows = ask(lambda db: db.execute(statement("all_enrolments")).fetchall()) or []
    keyed = [(row, key) for row in rows if (key := _key(row))]
    signed: dict[str, tuple[str, set[str]]] = {}
    for row, key in keyed:
        known = material(key)
        if row[0].hex() == writer and known not in signed and not _wrong(row):
            signed[known] = (plain(key), {writer})
    for row, key in keyed:
        _, writers = signed.get(material(key), ("", {row[0].hex()}))
        if row[0].hex() not in writers and not _wrong(row):
            writers.add(row[0].hex())
    return dict(signed.values())


def _key(row: Row) -> str:
    """Give the public key line of an enrolment, "" if there is none."""
    key = text(read_body(row[3])[0], "key")
    try:
        return key if plain(key) and material(key) else ""
    except (ValueError, IndexError):
        return ""


def _wrong(row: Row) -> str:
    """Give what is wrong with an enrolment, "" if it is whole; raises AttestationError."""
    writer, _, _, stored = row
    if stored is None:
        return ""
    try:
        enrolment = read_enrolment(writer.hex(), read_body(stored)[0])
    except ValueError as error:
        return str(error)
    return damage(enrolment.said.encode(), enrolment.signature)
