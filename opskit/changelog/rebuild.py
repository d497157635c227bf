"""A changelog that is damaged or lost: a new one is filled, with what can still be read of the old one, and takes its place.

The old database stays in force until the new one is whole: it is filled beside it, and one rename puts it in its place while
no other opskit can write. Whatever dies before that changes nothing; what it left is cleaned away by the next rebuild.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.changelog import database, files
from opskit.changelog.changelog import Changelog
from opskit.changelog.packet import Packet
from opskit.changelog.sql import statement
from opskit.errors import ChangelogError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STEP = 500
SMALLEST = 100  # bytes that an event takes in a file, at least
LAST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came of a rebuild: where the old database is (None: there was none), and how many events came from where."""

    aside: Path | None
    from_source: int
    from_the_old: int
    events: int


def rebuild(file: Path, fill: Callable[[Changelog], int]) -> Rebuilt:
    """Fill a new database by `fill`, which gives how many events it took in, and put it in the place of `file`.

    It also gets all that can be read of the old one, which is set aside. If `fill` raises, nothing has changed. Raises
    ChangelogError.
    """
    with database.in_words(file), _alone(file) as scratch:
        files.prepare(file)
        with Changelog(scratch) as new:
            found = fill(new)
            saved, newest = _save(file, new, after=0)
            with _held(file):
                saved += _save(file, new, after=newest)[0]
                events = new.count()
                new.close()
                aside = replaced(file, scratch)
    return Rebuilt(aside, found, saved, events)


@contextlib.contextmanager
def _alone(file: Path) -> Iterator[Path]:
    """Give the name of a database that is not there yet, to nobody else meanwhile; it is gone after the block."""
    files.prepare(file)
    scratch = file.with_name(f"{file.name}.rebuilding")
    with file.with_name("rebuild.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ChangelogError(
                f"another rebuild of {file} is under way", hint="wait for it to end"
            ) from None
        _clean(scratch)
        try:
            yield scratch
        finally:
            _clean(scratch)


def _clean(scratch: Path) -> None:
    for name in (scratch, _journal(scratch)):
        name.unlink(missing_ok=True)


def _save(file: Path, new: Changelog, *, after: int) -> tuple[int, int]:
    """Take in what can be read of the old database after its event `after`; gives how many were new, and its newest number."""
    with contextlib.closing(_connected(file)) as old:
        newest = _newest(old)
    return new.take_in_packets(salvage(file, after=after)).new, newest


@contextlib.contextmanager
def _held(file: Path) -> Iterator[None]:
    """Keep everybody else from writing; into a file that is too damaged to be locked, nobody can write."""
    with contextlib.closing(_connected(file)) as old:
        try:
            old.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                raise
        yield


def replaced(file: Path, scratch: Path) -> Path | None:
    """Put the new database in the place of the old one, and give the name that this one has then; None if it was empty.

    At every moment there is a whole database of that name. A journal that a killed process left goes with the old one: only
    together they can be read, and beside the new one it would spoil it.
    """
    aside = _free_name(file) if file.stat().st_size else None
    if aside is not None:
        os.link(file, aside)
        if _journal(file).exists():
            os.link(_journal(file), _journal(aside))
    _journal(file).unlink(missing_ok=True)
    files.sync_folder(file.parent)
    scratch.replace(file)
    files.sync_folder(file.parent)
    return aside


def _free_name(file: Path) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    names = (f"{file.name}.{stamp}{suffix}" for suffix in ("", *(f"-{n}" for n in range(2, 100))))
    return next(there for name in names if not (there := file.with_name(name)).exists())


def _journal(file: Path) -> Path:
    return file.with_name(f"{file.name}-journal")


def _connected(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{file.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=database.BUSY_SECONDS,
        isolation_level=None,
    )


def _newest(connection: sqlite3.Connection) -> int:
    with contextlib.suppress(sqlite3.Error, TypeError):
        return int(connection.execute(statement("newest_number")).fetchone()[0])
    return 0


def salvage(file: Path, *, after: int = 0) -> Iterator[Packet]:
    """Give every event after number `after` that can still be read, also of a damaged database; nothing is believed here."""
    with contextlib.closing(_connected(file)) as connection:
        for start, last in _ranges(connection, after, file.stat().st_size // SMALLEST):
            yield from _between(connection, start, last)


def _ranges(connection: sqlite3.Connection, after: int, most: int) -> Iterator[tuple[int, int]]:
    """Give ranges of numbers that may hold events: gaps are left out, but where the file is damaged only up to `most`."""
    newest = _newest(connection)
    while after < newest:
        try:
            query = "SELECT min(n) FROM event WHERE n > ?"
            after = connection.execute(query, (after,)).fetchone()[0] - 1
        except (sqlite3.Error, TypeError):
            if after > most:
                return
        last = min(after + STEP, LAST)
        yield after, last
        after = last


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
