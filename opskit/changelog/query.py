"""Questions to the changelog: entries, rollouts, what is live."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from opskit.changelog.event import Event, Header, read_body
from opskit.changelog.filtering import OPEN_OUTCOMES, Filter, find
from opskit.changelog.folding import alone, moment, rollout
from opskit.changelog.machine import is_running
from opskit.changelog.naming import named
from opskit.changelog.records import Entry, LiveRecord
from opskit.changelog.sql import statement
from opskit.errors import UnknownNameError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence

    from opskit.changelog.records import RolloutRecord

SHORTEST_PREFIX = 4
PAGE = 200


def entries(
    connection: sqlite3.Connection,
    wanted: Filter,
    *,
    kind: str = "",
    ids: Sequence[int] | None = None,
) -> Iterator[Entry]:
    """Give entries, newest first; of one `kind` ("rollout", "note") or among `ids` if asked for."""
    found = find(connection, wanted, kind=kind, ids=ids)
    given = 0
    for start in range(0, len(found), PAGE):
        for entry in _load(connection, found[start : start + PAGE]):
            if wanted.outcome in OPEN_OUTCOMES and getattr(entry, "outcome", "") != wanted.outcome:
                continue
            yield entry
            given += 1
            if given == wanted.limit:
                return


def rollouts_like(connection: sqlite3.Connection, prefix: str) -> tuple[RolloutRecord, ...]:
    """Give the rollouts whose id starts so, at most 6; of a whole id only that one."""
    wanted = prefix.lower()
    found = [row[0] for row in connection.execute(statement("rollouts_like"), {"prefix": wanted})]
    chosen = [wanted] if wanted in found else found
    events = _by_rollout(connection, chosen)
    return tuple(
        named(connection, rollout(events[name], is_running)) for name in chosen if events[name]
    )


def the_one(prefix: str, found: Sequence[RolloutRecord]) -> RolloutRecord:
    """Give the only one of the rollouts found for `prefix`; raises UnknownNameError."""
    if len(prefix) < SHORTEST_PREFIX or not found:
        hint = f"give at least {SHORTEST_PREFIX} characters of an id that `opskit log` shows"
        raise UnknownNameError(f"no rollout {prefix!r}", hint=hint)
    if len(found) > 1:
        which = ", ".join(record.id for record in found)
        raise UnknownNameError(f"several rollouts start with {prefix!r}", hint=f"one of: {which}")
    return found[0]


def live(connection: sqlite3.Connection, service: str, environment: str) -> dict[str, LiveRecord]:
    """Give the newest release that each host is known to run."""
    values = {"service": service, "environment": environment}
    rows = connection.execute(statement("live"), values)
    return {row[0]: _live(row) for row in rows}


def _live(row: tuple[str, str, str, str, str, int]) -> LiveRecord:
    host, release, revision, label, rollout, at_ms = row
    return LiveRecord(host, release, revision, label, rollout, moment(at_ms))


def changed_since(connection: sqlite3.Connection, number: int) -> list[int]:
    """Give the ids of entries that got an event after event `number`."""
    return [row[0] for row in connection.execute(statement("entries_changed_since"), (number,))]


def entries_of(connection: sqlite3.Connection, rollouts: Sequence[str]) -> list[int]:
    """Give the ids of the entries of rollouts."""
    query = "SELECT id FROM entry WHERE rollout IN (SELECT value FROM json_each(?))"
    return [row[0] for row in connection.execute(query, (json.dumps(rollouts),))]


def newest_number(connection: sqlite3.Connection) -> int:
    """Give the number of the event that was stored last, 0 if there is none."""
    return int(connection.execute(statement("newest_number")).fetchone()[0])


def count(connection: sqlite3.Connection) -> int:
    """Give the number of events."""
    return int(connection.execute("SELECT count(*) FROM event").fetchone()[0])


def is_contested(connection: sqlite3.Connection) -> bool:
    """Tell whether any writer was revoked or forked."""
    return bool(connection.execute(statement("is_contested")).fetchone()[0])


def hash_at(connection: sqlite3.Connection, writer: bytes, seq: int) -> bytes | None:
    """Give the hash of a writer's event of that number, None if it is not here."""
    row = connection.execute(statement("hash_at"), (writer, seq)).fetchone()
    return row[0] if row else None


def _load(
    connection: sqlite3.Connection, found: Sequence[tuple[int, str | None]]
) -> Iterator[Entry]:
    rollouts = _by_rollout(connection, [name for _, name in found if name is not None])
    single = _by_number(connection, [number for number, name in found if name is None])
    for number, name in found:
        if name is not None and rollouts.get(name):
            yield named(connection, rollout(rollouts[name], is_running))
        elif name is None and number in single:
            yield alone(single[number])


def _by_rollout(
    connection: sqlite3.Connection, names: Sequence[str]
) -> Mapping[str, Sequence[Event]]:
    found: dict[str, list[Event]] = {name: [] for name in names}
    query = statement("events_of_rollouts")
    for _, event in _events(connection.execute(query, (json.dumps(names),))):
        found[event.header.rollout].append(event)
    return found


def _by_number(connection: sqlite3.Connection, numbers: Sequence[int]) -> dict[int, Event]:
    query = statement("events_by_number")
    return dict(_events(connection.execute(query, (json.dumps(numbers),))))


def _events(rows: sqlite3.Cursor) -> Iterator[tuple[int, Event]]:
    """Read events; one whose header cannot be read is left out here, and named by `verify`."""
    for n, signed, prev, digest, signature, stored, redacted, received_ms in rows:
        try:
            header = Header.decode(signed)
        except ValueError:
            continue
        body, damage = read_body(stored, redacted=bool(redacted))
        event = Event(
            header=header,
            signed=signed,
            prev=prev,
            hash=digest,
            signature=signature,
            body=body,
            damage=damage,
            received_ms=received_ms,
        )
        yield n, event
