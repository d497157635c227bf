"""What is derived from the events, derived once more and compared: it carries no signature of its own."""

from __future__ import annotations

import itertools
import re
import sqlite3
from typing import TYPE_CHECKING

from opskit.changelog import index
from opskit.changelog.sql import script, statement

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ANEW = "opskit changelog rebuild --from itself makes it anew"

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
    "drained": "SELECT * FROM drained ORDER BY 1, 2, 3, 4, 5",
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
        differ = {table: _difference(table, there, derived) for table in index.TABLES}
    finally:
        there.close()
        derived.close()
    said = "it does not say what the events say of"
    return [(table, f"{said} {of}; {ANEW}") for table, of in differ.items() if of]


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


def _difference(table: str, there: sqlite3.Connection, derived: sqlite3.Connection) -> str:
    """Give the first thing of which a table says something else than the events, and in which columns; "" if there is none."""
    said = THERE.get(table, f"SELECT * FROM {table} ORDER BY 1")  # noqa: S608 - our own names
    ours, others = there.execute(said), derived.execute(DERIVED.get(table, said))
    names = [column[0] for column in ours.description]
    for one, other in itertools.zip_longest(ours, others):
        if one == other:
            continue
        of = _named(dict(zip(names, one or other, strict=True)))
        if one is None or other is None or one[0] != other[0]:
            return of
        differ = [name for name, a, b in zip(names, one, other, strict=True) if a != b]
        return f"{of} ({', '.join(differ)})"
    return ""


def _named(fields: Mapping[str, object]) -> str:
    """Give what people call that which a row is about."""
    if rollout := fields.get("rollout"):
        return f"rollout {re.split('[.@]', str(rollout))[0]}"
    if isinstance(event := fields.get("hash"), bytes):
        return f"event {event.hex()[:10]}"
    if host := fields.get("host"):
        return f"host {host}"
    number = fields.get("n", fields.get("rowid"))
    return f"event number {number}" if number is not None else f"{next(iter(fields.values()))}"
