"""What is derived from events to answer fast: filled on append, rebuilt from the events when its shape changes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.changelog.body import number, part, parts, text, texts
from opskit.changelog.clock import COUNTER_BITS
from opskit.changelog.event import (
    ABANDONED,
    FINISHED,
    HOSTS,
    NOTE,
    RECOVERED,
    STARTED,
    Header,
    read_body,
)
from opskit.changelog.sql import script, statement

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

INDEX_VERSION = 2
SAYS_NOTHING = ("skipped", "unreachable")  # results of hosts that the rollout did not touch
TABLES = ("entry", "touched", "live", "known_release")


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
    for n, header, body in connection.execute(statement("everything")):
        add(connection, n, header, read_body(body)[0])


def make(connection: sqlite3.Connection) -> None:
    """Make an empty index."""
    for piece in script("index.sql"):
        connection.execute(piece)
    connection.execute("INSERT INTO index_version VALUES (?)", (INDEX_VERSION,))


def add(connection: sqlite3.Connection, n: int, signed: bytes, body: Mapping[str, object]) -> None:
    """Take one event into the index; an event that cannot be read stays out of it."""
    try:
        header = Header.decode(signed)
    except ValueError:
        return
    if header.kind == RECOVERED:
        header = _as_it_was(header, body)
    entry = _add_entry(connection, n, header)
    if header.kind == STARTED:
        _touch(connection, entry, [text(host, "name") for host in parts(body, "hosts")])
        _learn_releases(connection, header, body)
    elif header.kind == HOSTS:
        _touch(connection, entry, [text(result, "host") for result in parts(body, "results")])
        _set_live(connection, header, body)
    elif header.kind == NOTE:
        _touch(connection, entry, texts(body, "hosts"))
    elif header.kind == RECOVERED:
        _touch(connection, entry, [text(host, "name") for host in parts(body, "hosts")])
        values = {"outcome": "recovered", "hlc": 1, "rollout": header.rollout}
        connection.execute(statement("settle"), values)
    elif header.kind in (FINISHED, ABANDONED):
        ended = text(body, "outcome") or "unknown"
        outcome = ended if header.kind == FINISHED else "abandoned"
        values = {"outcome": outcome, "hlc": header.hlc, "rollout": header.rollout}
        connection.execute(statement("settle"), values)


def _as_it_was(header: Header, body: Mapping[str, object]) -> Header:
    """Give the header that a recovered rollout would have had: its time and its actor, not those of the recovery."""
    at_ms = number(body, "at")
    return replace(header, ts=at_ms, hlc=max(at_ms << COUNTER_BITS, 1), actor=text(body, "actor"))


def place(connection: sqlite3.Connection, n: int, received_ms: int) -> None:
    """Take in that an upstream received event `n` at that time (0: nobody knows)."""


def forget(connection: sqlite3.Connection, n: int) -> None:
    """Take out what stood in the body of event `n`."""


def _add_entry(connection: sqlite3.Connection, n: int, header: Header) -> int:
    alone = header.kind == NOTE or not header.rollout
    values = {
        "n": n,
        "rollout": None if alone else header.rollout,
        "entry_kind": header.kind if alone else "rollout",
        "at_ms": header.ts,
        "hlc": header.hlc,
        **_names(header, "action", "service", "environment", "actor"),
    }
    name = "start_entry" if header.kind == STARTED else "find_or_add_entry"
    connection.execute(statement(name), values)
    if alone:
        return n
    (entry,) = connection.execute(statement("entry_of_rollout"), (header.rollout,)).fetchone()
    return int(entry)


def _touch(connection: sqlite3.Connection, entry: int, hosts: list[str] | tuple[str, ...]) -> None:
    connection.executemany(statement("touch"), [(host, entry) for host in hosts if host])


def _set_live(connection: sqlite3.Connection, header: Header, body: Mapping[str, object]) -> None:
    names = _names(header, "service", "environment", "rollout")
    clock = {"at_ms": header.ts, "hlc": header.hlc}
    connection.executemany(
        statement("set_live"),
        [
            {**names, **clock, "host": text(result, "host"), "release": text(result, "live")}
            for result in parts(body, "results")
            if text(result, "host") and text(result, "live")
            if text(result, "outcome") not in SAYS_NOTHING
        ],
    )


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
