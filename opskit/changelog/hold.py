"""A hold on the local database for what takes several transactions, beside other opskits that use it at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from opskit.changelog import database
from opskit.changelog.signing import load_key
from opskit.changelog.sql import statement
from opskit.changelog.store import Store
from opskit.errors import OvertakenError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from opskit.changelog.signing import WriterKey

T = TypeVar("T")


class Hold:
    """One hold on one database file; one thread at a time. Every method raises ChangelogError."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._store = Store(file)
        self._begun = 0

    def close(self) -> None:
        """Let go of the database."""
        self._store.close()

    def begin(self) -> None:
        """Go on with the database that has the name now: when a rebuild puts another one there, all that follows raises OvertakenError."""
        self._begun = 0
        self._ask(lambda _: None)
        self._begun = database.inode_of(self.file)

    def key(self, writer: bytes) -> WriterKey | None:
        """Give the key of a writer of ours, None if it is not here."""
        return load_key(self.file.parent, writer)

    def signs_here(self) -> bytes:
        """Give the writer that signs what is written here now."""
        return bytes(self._read("who_signs_here", ())[0][0])

    def damage(self) -> str:
        """Give what is wrong with the database file here, "" if nothing: an upstream is not to blame for that."""
        return str(self._read("damage", ())[0][0])

    def _change(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with database.in_words(self.file):
            with self._store.transaction() as connection:
                self._demand_same()
                result = work(connection)
                connection.execute("COMMIT")
            return result

    def _ask(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with database.in_words(self.file):
            connection = self._store.open()
            self._demand_same()
            return work(connection)

    def _read(self, name: str, values: object) -> list[tuple]:  # type: ignore[type-arg]
        return self._ask(lambda db: db.execute(statement(name), values).fetchall())  # type: ignore[arg-type]

    def _demand_same(self) -> None:
        if self._begun and database.inode_of(self.file) != self._begun:
            raise OvertakenError(
                "a rebuild put another changelog here meanwhile", hint="try again"
            )
