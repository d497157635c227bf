"""When an upstream received an event, taken into the index: an event whose clock says that it is from later is placed there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from opskit.changelog import index
from opskit.changelog.clock import TRUSTED_SKEW_MS, ceiling
from opskit.changelog.event import (
    ABANDONED,
    FINISHED,
    HOSTS,
    RECOVERED,
    RESUMED,
    RUN_FINISHED,
    RUN_RESUMED,
    Header,
    read_body,
)
from opskit.changelog.found import found_of
from opskit.changelog.sql import statement

if TYPE_CHECKING:
    import sqlite3

    from opskit.changelog.found import Found

_TS = re.compile(rb'"ts":(-?[0-9]{1,16})[,}]')
ENDS = (FINISHED, ABANDONED, RESUMED, RUN_FINISHED, RUN_RESUMED)


def place(connection: sqlite3.Connection, n: int) -> None:
    """Take in that an upstream received event `n`, now that it is known when.

    That changes something only for an event whose clock says that it is from later than that.
    """
    event = connection.execute(statement("indexed"), (n,)).fetchone()
    digest, signed, body, received_ms = event
    try:
        header = Header.decode(signed)
    except ValueError:
        return
    before, found = (
        found_of(n, digest, header, read_body(body)[0], ms) for ms in (0, received_ms)
    )
    if found == before or header.kind in index.UNTOLD:
        return
    if found.claim:
        index.add_entry(connection, found)
    where = {"hlc": found.header.hlc, "at_ms": found.at_ms, "hash": digest}
    connection.execute(statement("place_entry"), where)
    if header.kind in (HOSTS, RECOVERED):
        names = (header.service, header.environment, digest)
        connection.execute(statement("forget_results"), names)
        index.add_results(connection, found)
    if header.kind in ENDS and found.claim:
        _settle_again(connection, found)


def is_moved_by(header: bytes, hlc: int, received_ms: int) -> bool:
    """Tell whether an event is placed elsewhere than by its own clock because it was received then."""
    if received_ms <= 0:
        return False
    if hlc > ceiling(received_ms):
        return True
    ts = _TS.search(header)
    if ts is not None and b'"clock":{"' not in header:
        return int(ts[1]) > received_ms + TRUSTED_SKEW_MS
    try:
        return Header.decode(header).at_ms > received_ms + TRUSTED_SKEW_MS
    except ValueError:
        return False


def _settle_again(connection: sqlite3.Connection, found: Found) -> None:
    """Find out anew which event tells how a rollout ended: the one that was thought to be the latest need not be."""
    connection.execute(statement("unsettle"), (found.claim,))
    rows = connection.execute(statement("indexed_of_rollout"), (found.header.rollout,))
    for n, digest, signed, body, received_ms in rows.fetchall():
        try:
            header = Header.decode(signed)
            each = found_of(n, digest, header, read_body(body)[0], received_ms)
        except (ArithmeticError, LookupError, TypeError, ValueError, RecursionError):
            continue
        if each.claim != found.claim or header.kind not in (*ENDS, RECOVERED):
            continue
        if index.counts(connection, each):
            index.settle(connection, each)
