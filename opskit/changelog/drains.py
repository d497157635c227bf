"""Who took hosts out of load balancers: each seat there is looked up in the index, however long ago that was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from opskit.changelog.naming import named
from opskit.changelog.query import of_claims
from opskit.changelog.records import RolloutRecord
from opskit.changelog.sql import statement

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    Seat = tuple[str, str, str, str]
    """A host, the load balancer, a backend of it, and the server there."""


class Seats(NamedTuple):
    """What is asked: who spoke last of these `seats`, of the rollouts of a service and of all in the environment whose action is about `whole` hosts."""

    service: str
    environment: str
    whole: Sequence[str]
    seats: Iterable[Seat]


def last_drained(connection: sqlite3.Connection, wanted: Seats) -> dict[Seat, RolloutRecord]:
    """Give, by seat, the newest rollout that says it took the host out there, whether or not it put it back.

    Of rollouts that were stored here after a thousand others of the same seat, nothing older is found.
    """
    values = {
        "service": wanted.service,
        "environment": wanted.environment,
        "whole": json.dumps(list(wanted.whole)),
    }
    found: dict[Seat, str] = {}
    for seat in wanted.seats:
        place = dict(zip(("host", "at", "backend", "server"), seat, strict=True))
        row = connection.execute(statement("last_drained"), {**values, **place}).fetchone()
        if row:
            found[seat] = row[0]
    records = of_claims(connection, list(dict.fromkeys(found.values())))
    named_ones = {
        claim: named(connection, record)
        for claim, record in records.items()
        if isinstance(record, RolloutRecord)
    }
    return {seat: named_ones[claim] for seat, claim in found.items() if claim in named_ones}
