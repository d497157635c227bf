"""What is derived from events to answer fast: filled as they come, in any order, rebuilt when its shape changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from opskit.changelog.body import number, part, parts, text, texts
from opskit.changelog.clock import COUNTER_BITS, ceiling
from opskit.changelog.event import (
    ABANDONED,
    ENROLLED,
    FINISHED,
    HOSTS,
    NOTE,
    RECOVERED,
    STARTED,
    Header,
    read_body,
)
from opskit.changelog.search import words_of
from opskit.changelog.sql import script, statement

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

INDEX_VERSION = 3
SAYS_NOTHING = ("skipped", "unreachable")  # results of hosts that the rollout did not touch
TABLES = {
    "entry": "1",
    "touched": "1, 2",
    "result": "1, 2, 3, 4, 5",
    "live": "1, 2, 3",
    "known_release": "1, 2, 3",
    "actor": "1",
    "words": "1",
}
"""The tables, and the columns that order their rows."""
RANKS = {STARTED: 2, RECOVERED: 1}


@dataclass(frozen=True, slots=True)
class _Found:
    """An event as the index takes it: its number, its hash, its header with the clock by which it is ordered."""

    n: int
    hash: bytes
    header: Header
    body: Mapping[str, object]


def is_current(connection: sqlite3.Connection) -> bool:
    """Tell whether the index is there and of this version."""
    there = "SELECT 1 FROM sqlite_schema WHERE name = 'index_version'"
    if not connection.execute(there).fetchall():
        return False
    return connection.execute("SELECT version FROM index_version").fetchall() == [(INDEX_VERSION,)]


def rebuild(connection: sqlite3.Connection) -> None:
    """Make the index anew from all events, within the caller's transaction."""
    for table in (*TABLES, "index_version"):
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    make(connection)
    fill(connection, connection.execute(statement("everything")))


def fill(
    connection: sqlite3.Connection, rows: Iterable[tuple[int, bytes, bytes, bytes, int]]
) -> None:
    """Take in all events, as the statement `everything` gives them."""
    for n, digest, header, body, received_ms in rows:
        add(connection, n, digest, header, read_body(body)[0], received_ms=received_ms)


def make(connection: sqlite3.Connection) -> None:
    """Make an empty index."""
    for piece in script("index.sql"):
        connection.execute(piece)
    connection.execute("INSERT INTO index_version VALUES (?)", (INDEX_VERSION,))


def add(
    connection: sqlite3.Connection,
    n: int,
    digest: bytes,
    signed: bytes,
    body: Mapping[str, object],
    *,
    received_ms: int = 0,
) -> None:
    """Take one event into the index; an event that cannot be read stays out of it, and so do enrolments.

    `received_ms` is when an upstream first received it, 0 if that is not known: nothing is placed much later than that.
    """
    try:
        header = Header.decode(signed)
    except ValueError:
        return
    if header.kind == ENROLLED:
        return
    if header.kind == RECOVERED:
        header = _as_it_was(header, body)
    found = _Found(n, digest, _placed(header, received_ms), body)
    entry = _add_entry(connection, found)
    _add_hosts(connection, entry, found)
    if header.kind in (FINISHED, ABANDONED, RECOVERED):
        _settle(connection, found)
    if said := words_of(header, body):
        connection.execute(statement("add_words"), (n, said))


def place(connection: sqlite3.Connection, n: int, received_ms: int) -> None:
    """Take in that an upstream received event `n` at that time (0: nobody knows), now that it is known.

    That changes something only for an event whose clock says that it is from later than that.
    """
    digest, signed, body = connection.execute(statement("indexed"), (n,)).fetchone()
    try:
        header = Header.decode(signed)
    except ValueError:
        return
    placed = _placed(header, received_ms)
    if placed.hlc == header.hlc:
        return
    connection.execute(statement("place_entry"), {"hlc": placed.hlc, "hash": digest})
    found = _Found(n, digest, placed, read_body(body)[0])
    if header.kind == HOSTS:
        connection.execute(
            statement("forget_results"),
            _names(header, "service", "environment") | {"hash": digest},
        )
        _add_results(connection, found)
    if header.kind in (FINISHED, ABANDONED):
        values = {"hlc": placed.hlc, "old": header.hlc, "rollout": header.rollout}
        connection.execute(statement("place_end"), values)


def forget(connection: sqlite3.Connection, n: int) -> None:
    """Take out what people search for in the body of event `n`, which is gone.

    FTS5 only marks deleted words; they leave the file when all of its pieces are merged.
    """
    connection.execute("DELETE FROM words WHERE rowid = ?", (n,))
    connection.execute("INSERT INTO words (words) VALUES ('optimize')")


def _placed(header: Header, received_ms: int) -> Header:
    """Give the header with a clock that is not later than a minute after its arrival."""
    latest = ceiling(received_ms)
    return replace(header, hlc=latest) if received_ms > 0 and header.hlc > latest else header


def _as_it_was(header: Header, body: Mapping[str, object]) -> Header:
    """Give the header that a recovered rollout would have had: its time and its actor, not those of the recovery."""
    at_ms = min(max(number(body, "at"), 1), header.at_ms)
    return replace(
        header, ts=at_ms, clock={}, hlc=at_ms << COUNTER_BITS, actor=text(body, "actor")
    )


def _add_entry(connection: sqlite3.Connection, found: _Found) -> int:
    header = found.header
    alone = header.kind == NOTE or not header.rollout
    values = {
        "n": found.n,
        "rollout": None if alone else header.rollout,
        "entry_kind": header.kind if alone else "rollout",
        "at_ms": header.at_ms,
        "hlc": header.hlc,
        "hash": found.hash,
        "rank": RANKS.get(header.kind, 0),
        **_names(header, "action", "service", "environment", "actor"),
    }
    connection.execute(statement("add_entry"), values)
    connection.execute(statement("add_actor"), (header.actor,))
    if alone:
        return found.n
    (entry,) = connection.execute(statement("entry_of_rollout"), (header.rollout,)).fetchone()
    return int(entry)


def _add_hosts(connection: sqlite3.Connection, entry: int, found: _Found) -> None:
    """Remember which hosts were touched, what is live on them since, and what releases are called."""
    kind, body = found.header.kind, found.body
    if kind in (STARTED, RECOVERED):
        _touch(connection, entry, [text(host, "name") for host in parts(body, "hosts")])
    if kind == STARTED:
        _learn_releases(connection, found.header, body)
    elif kind == HOSTS:
        _touch(connection, entry, [text(result, "host") for result in parts(body, "results")])
        _add_results(connection, found)
    elif kind == NOTE:
        _touch(connection, entry, texts(body, "hosts"))


def _settle(connection: sqlite3.Connection, found: _Found) -> None:
    header = found.header
    outcome, hlc = {
        FINISHED: (text(found.body, "outcome") or "unknown", header.hlc),
        ABANDONED: ("abandoned", header.hlc),
        RECOVERED: ("recovered", 1),  # anything else that is known of its end is better
    }[header.kind]
    values = {"outcome": outcome, "hlc": hlc, "rollout": header.rollout}
    connection.execute(statement("settle"), values)


def _touch(connection: sqlite3.Connection, entry: int, hosts: list[str] | tuple[str, ...]) -> None:
    connection.executemany(statement("touch"), [(host, entry) for host in hosts if host])


def _add_results(connection: sqlite3.Connection, found: _Found) -> None:
    header = found.header
    rows = [
        {
            **_names(header, "service", "environment", "rollout"),
            "at_ms": header.at_ms,
            "hlc": header.hlc,
            "hash": found.hash,
            "host": text(result, "host"),
            "release": text(result, "live"),
        }
        for result in parts(found.body, "results")
        if text(result, "host") and text(result, "live")
        if text(result, "outcome") not in SAYS_NOTHING
    ]
    connection.executemany(statement("add_result"), rows)
    connection.executemany(statement("add_live"), rows)


def _learn_releases(
    connection: sqlite3.Connection, header: Header, body: Mapping[str, object]
) -> None:
    told = [part(body, "to"), *(part(host, "from") for host in parts(body, "hosts"))]
    keys = ("release", "revision", "label")
    known = {tuple(text(release, key) for key in keys) for release in told}
    connection.executemany(
        statement("know_release"),
        [
            {**_names(header, "service", "environment"), **dict(zip(keys, release, strict=True))}
            for release in sorted(known)
            if release[0]
        ],
    )


def _names(header: Header, *names: str) -> dict[str, str]:
    return {name: getattr(header, name) for name in names}
