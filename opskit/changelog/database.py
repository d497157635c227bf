"""One SQLite file, opened the safe way; every error becomes one line that says what to do."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from typing import TYPE_CHECKING

from opskit.changelog.sql import script
from opskit.errors import ChangelogError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APPLICATION = 0x6F70736B  # "opsk"
FORMAT = 1
INDEX_VERSION = 15  # of what is derived from the events, see `index`
BUSY_SECONDS = 30.0

# TRUNCATE, not WAL: common SQLite builds corrupt WAL files under concurrent checkpoints. And not
# DELETE: without EXTRA it does not sync the folder after removing the journal, so that a power cut
# can bring back the journal and take back the last commit.
_SETTINGS = (
    "PRAGMA journal_mode = TRUNCATE",
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA foreign_keys = ON",
    "PRAGMA recursive_triggers = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA secure_delete = ON",  # what is redacted leaves the file
    "PRAGMA cache_size = -65536",  # KiB; with less, a long pull writes pages again and again
)

_ADVICE = {
    "SQLITE_BUSY": (
        "is locked by another opskit",
        "wait for it to end, or find it with: fuser -v {file}",
    ),
    "SQLITE_LOCKED": ("is locked by another opskit", "wait for it to end"),
    "SQLITE_FULL": ("cannot grow: the disk is full", "free some space on the disk of {folder}"),
    "SQLITE_READONLY": (
        "cannot be written: it is read-only",
        "make {folder} writable, or set OPSKIT_STATE_DIR to a folder that is",
    ),
    "SQLITE_PERM": ("may not be opened", "check who owns {file}"),
    "SQLITE_AUTH": ("may not be opened", "check who owns {file}"),
    "SQLITE_CANTOPEN": ("cannot be opened", "check that {file} is a file of yours"),
    "SQLITE_IOERR": (
        "cannot be read or written: the disk reports an error",
        "check the disk of {folder}",
    ),
    "SQLITE_CORRUPT": (
        "is damaged",
        "save what can be saved: opskit changelog rebuild --from upstream (or itself, or an export)",
    ),
    "SQLITE_NOTADB": (
        "is not a changelog",
        "set it aside: opskit changelog rebuild --from upstream (or itself, or an export)",
    ),
}
_SYSTEM = {
    errno.ENOSPC: "SQLITE_FULL",
    errno.EDQUOT: "SQLITE_FULL",
    errno.EROFS: "SQLITE_READONLY",
    errno.EACCES: "SQLITE_PERM",
    errno.EPERM: "SQLITE_PERM",
    errno.EISDIR: "SQLITE_CANTOPEN",
    errno.ENOTDIR: "SQLITE_CANTOPEN",
    errno.EEXIST: "SQLITE_CANTOPEN",
    errno.EIO: "SQLITE_IOERR",
}


@contextlib.contextmanager
def in_words(file: Path) -> Iterator[None]:
    """Turn what SQLite and the system say of `file` into ChangelogError with a hint."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise _explained(error, file) from error


def connect(file: Path, *, write: bool) -> sqlite3.Connection:
    """Open an existing database, ready to use; raises sqlite3.Error, or ChangelogError for a foreign one.

    A reader also opens for writing if it may: only then can it finish what a killed writer left
    half done. `query_only` keeps it from more.
    """
    connection = sqlite3.connect(
        f"{file.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        for setting in _SETTINGS:
            connection.execute(setting).fetchall()
        connection.execute(f"PRAGMA query_only = {'OFF' if write else 'ON'}")
        _check_format(connection, file)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_named(file: Path) -> tuple[sqlite3.Connection, int]:
    """Open the file that has this name to write into it, and give its inode, too: a rebuild puts another one in its place."""
    while True:
        inode = inode_of(file)
        connection = connect(file, write=True)
        if inode_of(file) == inode:
            return connection, inode
        connection.close()


def inode_of(file: Path) -> int:
    """Tell which file has this name now, 0 if none has."""
    try:
        return file.stat().st_ino
    except FileNotFoundError:
        return 0


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the one write transaction of the database; COMMIT is the caller's, an exception rolls back."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        # SQLite may have rolled back by itself, then this fails and the first error counts
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def is_new(connection: sqlite3.Connection) -> bool:
    """Tell whether the database is still empty."""
    return not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()


def has_index(connection: sqlite3.Connection) -> bool:
    """Tell whether what is derived from the events is there, in the shape that this opskit makes."""
    there = "SELECT 1 FROM sqlite_schema WHERE name = 'index_version'"
    if not connection.execute(there).fetchall():
        return False
    return connection.execute("SELECT version FROM index_version").fetchall() == [(INDEX_VERSION,)]


def create(connection: sqlite3.Connection) -> None:
    """Write the schema into an empty database, within the caller's transaction."""
    for piece in script("schema.sql"):
        connection.execute(piece)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")


def _check_format(connection: sqlite3.Connection, file: Path) -> None:
    if is_new(connection):
        return
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION:
        raise ChangelogError(
            f"{file} is a database of something else",
            hint="set OPSKIT_STATE_DIR to another folder",
        )
    if version > FORMAT:
        raise ChangelogError(
            f"{file} was written by a newer opskit (format {version}, this one knows {FORMAT})",
            hint="upgrade opskit on this machine",
        )


def _explained(error: sqlite3.Error | OSError, file: Path) -> ChangelogError:
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorname", "") or "SQLITE_ERROR"
    else:
        code = _SYSTEM.get(error.errno or 0, "")
    known = next((advice for name, advice in _ADVICE.items() if code.startswith(name)), None)
    what, hint = known or ("cannot be used", "check the file and its folder: {folder}")
    return ChangelogError(
        f"the changelog {file} {what} ({error})", hint=hint.format(file=file, folder=file.parent)
    )


def copied(connection: sqlite3.Connection, copy: sqlite3.Connection) -> bool:
    """Copy a whole database into another one, as it is at one moment."""
    connection.backup(copy)
    return True
