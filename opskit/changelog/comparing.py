"""What is derived from the events, derived once more and compared: it carries no signature of its own."""

from __future__ import annotations

import itertools
import sqlite3
from typing import TYPE_CHECKING

from opskit.changelog import index
from opskit.changelog.sql import script, statement

if TYPE_CHECKING:
    from pathlib import Path

# The largest tables are derived as plain lists, and sorted in the end: that takes a fraction of the time of keeping them
# sorted. Of rows that say the same thing of the same event, the first one counts.
PLAIN = {
    "touched": "host, entry",
    "result": "service, environment, host, hlc, hash, release, rollout, at_ms, changed",
    "words": "said",
}
DERIVED = {
    "touched": "SELECT DISTINCT host, entry FROM touched ORDER BY 1, 2",
    "result": """SELECT service, environment, host, hlc, hash, release, rollout, at_ms, changed FROM
        (SELECT *, min(rowid) FROM result GROUP BY service, environment, host, hlc, hash) ORDER BY 1, 2, 3, 4, 5""",
}
THERE = {
    "touched": "SELECT * FROM touched ORDER BY 1, 2",
    "result": "SELECT * FROM result ORDER BY 1, 2, 3, 4, 5",
    "known_release": "SELECT * FROM known_release ORDER BY 1, 2",
    "words": "SELECT rowid, said FROM words ORDER BY 1",
}


def index_faults(file: Path) -> list[tuple[str, str]]:
    """Give the tables of the index of a database that are not as its events say, and what is wrong; raises sqlite3.Error."""
    there = sqlite3.connect(file, isolation_level=None)
    derived = sqlite3.connect(":memory:", isolation_level=None)
    try:
        _make(derived)
        index.fill(derived, there.execute(statement("everything")))
        differ = [table for table in index.TABLES if _differs(table, there, derived)]
    finally:
        there.close()
        derived.close()
    return [(table, "it does not say what the events say") for table in differ]


def search_faults(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Give what is wrong with the search for words; nobody else may have the database open. Raises sqlite3.OperationalError."""
    try:
        connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        return [("words", "what a search finds is not what stands there")]
    return []


def _make(derived: sqlite3.Connection) -> None:
    for piece in script("index.sql"):
        if "CREATE INDEX" not in piece and not any(f" TABLE {name} " in piece for name in PLAIN):
            derived.execute(piece)
    for name, columns in PLAIN.items():
        derived.execute(f"CREATE TABLE {name} ({columns})")


def _differs(table: str, there: sqlite3.Connection, derived: sqlite3.Connection) -> bool:
    said = THERE.get(table, f"SELECT * FROM {table} ORDER BY 1")  # noqa: S608 - our own names
    pairs = itertools.zip_longest(there.execute(said), derived.execute(DERIVED.get(table, said)))
    return any(one != other for one, other in pairs)
