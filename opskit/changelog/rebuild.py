"""A changelog that is damaged or lost: set aside as evidence, and what can still be read of it saved."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from typing import TYPE_CHECKING

from opskit.changelog import files
from opskit.changelog.packet import Packet
from opskit.changelog.sql import statement

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STEP = 500


@contextlib.contextmanager
def set_aside(file: Path) -> Iterator[Path | None]:
    """Have a new database filled in the block, in the place of one that gets another name; None if there was none.

    If the block fails, the old one is put back. A journal that a killed process left goes with it: only together they
    can be read. Raises OSError.
    """
    aside = _free_name(file) if file.exists() else None
    if aside is not None:
        _move(file, aside)
    try:
        yield aside
    except BaseException:
        if aside is not None:
            _move(aside, file)
        raise


def _free_name(file: Path) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    names = (f"{file.name}.{stamp}{suffix}" for suffix in ("", *(f"-{n}" for n in range(2, 100))))
    return next(there for name in names if not (there := file.with_name(name)).exists())


def _move(file: Path, to: Path) -> None:
    journal = file.with_name(f"{file.name}-journal")
    if journal.exists():
        journal.replace(to.with_name(f"{to.name}-journal"))
    file.replace(to)
    files.sync_folder(file.parent)


def salvage(file: Path) -> Iterator[Packet]:
    """Give every event of a database that can still be read, also of a damaged one; nothing is believed here."""
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True)
    try:
        newest = 0
        with contextlib.suppress(sqlite3.Error, TypeError):
            newest = connection.execute(statement("newest_number")).fetchone()[0]
        for start in range(0, newest, STEP):
            yield from _between(connection, start, start + STEP)
    finally:
        connection.close()


def _between(connection: sqlite3.Connection, after: int, last: int) -> list[Packet]:
    """Read the events of these numbers at once; where that fails, one by one."""
    try:
        rows = connection.execute(statement("salvage"), (after, last)).fetchall()
    except sqlite3.Error:
        if last - after == 1:
            return []
        middle = (after + last) // 2
        return _between(connection, after, middle) + _between(connection, middle, last)
    return [packet for row in rows if (packet := _packet(row))]


def _packet(row: tuple[object, ...]) -> Packet | None:
    writer, key, seq, prev, header, signature, nonce, body = row
    given = (writer, key, prev, header, signature)
    whole = isinstance(seq, int) and all(isinstance(value, bytes) for value in given)
    if not whole or not all(value is None or isinstance(value, bytes) for value in (nonce, body)):
        return None
    return Packet.of(row)
