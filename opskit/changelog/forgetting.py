"""What the index says of a body that is taken away goes with it, and what it says of the same rollout is told again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.changelog import index
from opskit.changelog.event import Header, read_body
from opskit.changelog.found import found_of, hosts_of, seats_of
from opskit.changelog.sql import statement

if TYPE_CHECKING:
    import sqlite3

    from opskit.changelog.found import Found


def forget(connection: sqlite3.Connection, n: int) -> None:
    """Take out what event `n` says whose body is still here, within the caller's transaction, who calls `tidy` at its end."""
    found = _found(connection.execute(statement("indexed"), (n,)).fetchone(), n)
    for name in ("forget_words", "forget_said", "forget_unread"):
        connection.execute(statement(name), (n,))
    if found is None:
        return
    where = (found.header.service, found.header.environment)
    for host in hosts_of(found):
        connection.execute(statement("forget_result"), (*where, host, found.hash))
    row = connection.execute(statement("entry_of_rollout"), (found.claim,)).fetchone()
    if not found.claim:
        _forget_entry(connection, found, n)
    elif row:
        _forget_entry(connection, found, row[0])
    if found.claim:
        connection.execute(statement("add_stale"), (found.claim, found.header.rollout))


def _forget_entry(connection: sqlite3.Connection, found: Found, entry: int) -> None:
    """Take out what an event says of its entry, beside what stands in that one's row."""
    for host in hosts_of(found):
        connection.execute(statement("untouch"), (host, entry))
    for seat in seats_of(found):
        connection.execute(statement("undrain"), (*seat, entry))
    connection.execute(statement("forget_about"), (entry,))


def tidy(connection: sqlite3.Connection) -> None:
    """Tell rollouts again of which something was forgotten, each once, and have the words leave the file.

    FTS5 only marks words as deleted until all of its pieces are merged, once for a whole transaction: SQLite takes a
    thousand merges in one for damage.
    """
    for claim, rollout in connection.execute(statement("stale")).fetchall():
        _tell_again(connection, claim, rollout)
    connection.execute("DELETE FROM stale")
    connection.execute("INSERT INTO words (words) VALUES ('optimize')")


def _tell_again(connection: sqlite3.Connection, claim: str, rollout: str) -> None:
    for name in ("forget_entry", "forget_releases"):
        connection.execute(statement(name), (claim,))
    for n, *row in connection.execute(statement("indexed_of_rollout"), (rollout,)).fetchall():
        found = _found(row, n)
        if found is not None and found.claim == claim:
            index.tell(connection, found)


def _found(row: tuple[bytes, bytes, bytes | None, int] | list[object], n: int) -> Found | None:
    """Give an event as the index took it; None for one that it did not take."""
    digest, signed, body, received_ms = row
    try:
        header = Header.decode(signed)  # type: ignore[arg-type]
        return found_of(n, digest, header, read_body(body)[0], received_ms)  # type: ignore[arg-type]
    except (ArithmeticError, LookupError, TypeError, ValueError, RecursionError):
        return None
