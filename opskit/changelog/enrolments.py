"""The check of all enrolments: whether each is what it says, whoever signed it and whether or not that counts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from opskit.changelog.attestation import read_enrolment
from opskit.changelog.event import read_body
from opskit.changelog.sql import statement
from opskit.changelog.sshsig import damage
from opskit.errors import AttestationError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

AT_ONCE = 4


def attestation_problems(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Give the place of each bad enrolment and what is wrong with it.

    Whose signatures count is not asked here: a key that nobody knows is no damage. An enrolment without its body is left
    to the check of bodies.
    """
    rows = connection.execute(statement("all_enrolments")).fetchall()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for (writer, seq, digest, _), wrong in zip(rows, pool.map(_wrong, rows), strict=True):
                if wrong:
                    where = f"writer {writer.hex()[:12]}, event {seq} ({digest.hex()[:10]})"
                    yield where, f"it vouches for nobody: {wrong}"
        except AttestationError as error:
            yield "enrolments", f"their signatures were not checked: {error.what}"


def _wrong(row: tuple[bytes, int, bytes, bytes | None]) -> str:
    """Give what is wrong with an enrolment, "" if it is whole; raises AttestationError."""
    writer, _, _, stored = row
    if stored is None:
        return ""
    try:
        enrolment = read_enrolment(writer.hex(), read_body(stored)[0])
    except ValueError as error:
        return str(error)
    return damage(enrolment.said.encode(), enrolment.signature)
