"""Bodies that were taken away: what a `body.redacted` event does to a database, here and wherever it arrives.

Its body is `{"event": <hash in hex>, "why": <text>}`. The header of the redacted event stays, and so do hashes and
signatures: a header holds only SHA-256(nonce || body), and the nonce goes with the body, so that nobody can guess at it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from opskit.changelog import forgetting
from opskit.changelog.body import text
from opskit.changelog.event import ENROLLED, RECOVERED, REDACTED, REVOKED, SUCCEEDS
from opskit.changelog.sql import statement
from opskit.errors import ChangelogError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

    from opskit.changelog.changelog import Changelog
    from opskit.changelog.event import Event

KEPT = (REDACTED, ENROLLED, REVOKED, SUCCEEDS, RECOVERED)


def demand_redactable(event: Event) -> None:
    """Raise ChangelogError for an event whose body must stay, or is gone."""
    if event.header.kind in KEPT:
        raise ChangelogError(
            f"{event.id} cannot be redacted: {event.header.kind} is needed to know the others by"
        )
    if event.damage == "redacted":
        raise ChangelogError(f"{event.id} is redacted already")


def redactable(events: Iterable[Event]) -> list[Event]:
    """Give the events whose body may go, and is not gone yet."""
    return [
        event for event in events if event.header.kind not in KEPT and event.damage != "redacted"
    ]


def redact(changelog: Changelog, event: Event, *, why: str) -> Event:
    """Append what takes away the body of an event; raises ChangelogError for one whose body must stay, or is gone."""
    demand_redactable(event)
    return changelog.append(
        REDACTED,
        {"event": event.hash.hex(), "why": why},
        service=event.header.service,
        environment=event.header.environment,
    )


def target(kind: str, body: Mapping[str, object]) -> bytes | None:
    """Give the hash of the event that a `body.redacted` event names, None if this is no such event."""
    named = text(body, "event")
    if kind != REDACTED or not re.fullmatch(r"[0-9a-f]{64}", named):
        return None
    return bytes.fromhex(named)


def obey(connection: sqlite3.Connection, event: bytes, by: bytes) -> bool:
    """Take away the body of the event of that hash, within the caller's transaction; tells whether it was here.

    If it comes later, it comes without its body. What is needed to verify others stays, whoever asks. Who takes bodies away
    calls `forgetting.tidy` at the end.
    """
    row = connection.execute(statement("kind_of"), (event,)).fetchone()
    if row and row[1] in KEPT:
        return False
    connection.execute(statement("redact"), (event, by))
    if row is None or not connection.execute(statement("has_body"), (row[0],)).fetchone():
        return False
    forgetting.forget(connection, row[0])
    connection.execute(statement("drop_body"), (row[0],))
    return True


def is_redacted(connection: sqlite3.Connection, kind: str, event: bytes) -> bool:
    """Tell whether the body of an event of that kind was taken away, or must be as it comes."""
    if kind in KEPT:
        return False
    return connection.execute(statement("is_redacted"), (event,)).fetchone() is not None
