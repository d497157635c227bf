"""The reading side of a local changelog: opened when asked, empty while there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from opskit.changelog import database
from opskit.changelog.files import demand_place

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

MANY, A_SECOND = 20_000, 14_000  # events: of which the index takes a while; that go into it


class Reader:
    """Asks one database file. Use it from one thread at a time; every question sees one moment.

    `on_wait` is told, in words, what takes a while.
    """

    def __init__(self, file: Path, on_wait: Callable[[str], None] | None = None) -> None:
        self.file = file
        self._on_wait = on_wait
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._may_come = False

    def ask(self, question: Callable[[sqlite3.Connection], T]) -> T | None:
        """Give the answer to `question`, None while there is no changelog; raises ChangelogError, also if none can be made."""
        with database.in_words(self.file):
            connection = self._ready()
            if connection is None:
                return None
            try:
                connection.execute("BEGIN")
                answer = question(connection)
                connection.execute("COMMIT")
            except BaseException:
                self.close()
                raise
            return answer

    def version(self) -> tuple[int, int]:
        """Give a value that differs after every change by another connection; cheap to ask for."""
        with database.in_words(self.file):
            connection = self._ready()
            if connection is None:
                return (0, 0)
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            return (self._inode, version)

    def close(self) -> None:
        """Let go of the database; the next question opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ready(self) -> sqlite3.Connection | None:
        """Give a connection to the file that has the name now, None if there is none or it is empty."""
        try:
            inode = self.file.stat().st_ino
        except FileNotFoundError:
            self.close()
            if not self._may_come:
                demand_place(self.file)
                self._may_come = True
            return None
        if self._connection is None or self._inode != inode:
            self.close()
            self._connection = self._open()
            self._inode = inode
        return self._connection

    def _open(self) -> sqlite3.Connection | None:
        connection = database.connect(self.file, write=False)
        try:
            if database.is_new(connection):
                connection.close()
                return None
            if not database.has_index(connection):
                self._rebuild_index()
        except BaseException:
            connection.close()
            raise
        return connection

    def _rebuild_index(self) -> None:
        from opskit.changelog import index

        connection = database.connect(self.file, write=True)
        try:
            with database.transaction(connection):
                if not database.has_index(connection):  # nor has another one made it meanwhile
                    self._say_how_long(connection)
                    index.rebuild(connection)
                connection.execute("COMMIT")
        finally:
            connection.close()

    def _say_how_long(self, connection: sqlite3.Connection) -> None:
        (count,) = connection.execute("SELECT count(*) FROM event").fetchone()
        if self._on_wait is not None and count >= MANY:
            seconds = round(count / A_SECOND)
            self._on_wait(
                f"the index of the changelog is made anew, once; this takes about {seconds} s"
            )
