"""Questions to the changelog: entries, rollouts, what is live."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from opskit.changelog.claims import BOUND, OPEN, claim_of, meant, rollout_of
from opskit.changelog.clock import COUNTER_BITS, moment
from opskit.changelog.event import OPINIONS, RUN, Event, Header, read_body
from opskit.changelog.filtering import OPEN_OUTCOMES, Filter, find
from opskit.changelog.folding import alone, rollout
from opskit.changelog.found import RUNBOOK
from opskit.changelog.machine import is_running
from opskit.changelog.naming import named
from opskit.changelog.records import Entry, LiveRecord, RolloutRecord
from opskit.changelog.runrecords import RunRecord
from opskit.changelog.runs import brief, run
from opskit.changelog.sql import statement
from opskit.errors import UnknownNameError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

Record = RolloutRecord | RunRecord
ROLLOUT = "rollout"
NAMES = {ROLLOUT: "rollout", RUNBOOK: "run"}
"""What people call an entry, by its kind."""
SHORTEST_PREFIX = 4
PAGE = 200


def entries(
    connection: sqlite3.Connection,
    wanted: Filter,
    *,
    kind: str = "",
    ids: Sequence[int] | None = None,
) -> Iterator[Entry]:
    """Give entries, newest first; of one `kind` ("rollout", "runbook", "note") or among `ids` if asked for.

    Runs are told in brief if there is no `kind`.
    """
    found = find(connection, wanted, kind=kind, ids=ids)
    given = 0
    for start in range(0, len(found), PAGE):
        for entry in _load(connection, found[start : start + PAGE], whole=bool(kind)):
            if wanted.outcome in OPEN_OUTCOMES and getattr(entry, "outcome", "") != wanted.outcome:
                continue
            yield entry
            given += 1
            if given == wanted.limit:
                return


def records_like(
    connection: sqlite3.Connection, prefix: str, kinds: Sequence[str]
) -> tuple[Record, ...]:
    """Give the entries of these kinds whose id starts so, at most 6; of a whole id only that one, if one is meant by it, whatever it is."""
    wanted = prefix.lower()
    chosen = [claim] if (claim := meant(claims(connection, wanted))) else []
    if not chosen:
        values = {"prefix": wanted, "kinds": json.dumps(kinds)}
        rows = connection.execute(statement("records_like"), values).fetchall()
        found = [claim for (claim,) in rows]
        is_whole_name = BOUND in wanted or OPEN in wanted
        chosen = (found if is_whole_name else _not_outdone(connection, found))[:6]
    return tuple(_named(connection, each) for each in of_claims(connection, chosen).values())


def claims(connection: sqlite3.Connection, rollout: str) -> list[str]:
    """Give all claims on the id of a rollout, those that it is bound to first."""
    found = connection.execute(statement("claims"), {"rollout": rollout})
    return [claim for (claim,) in found if rollout_of(claim) == rollout]


def shown(connection: sqlite3.Connection, claim: str) -> str:
    """Give what people call a claim: the id of the rollout alone, if that means it."""
    rollout = rollout_of(claim)
    return rollout if meant(claims(connection, rollout)) == claim else claim


def _not_outdone(connection: sqlite3.Connection, found: Sequence[str]) -> list[str]:
    """Leave out claims on an id that means another one of them."""
    first = {
        name: meant(claims(connection, name)) for name in dict.fromkeys(map(rollout_of, found))
    }
    return [claim for claim in found if first[rollout_of(claim)] in ("", claim)]


def the_one(prefix: str, found: Sequence[Record], kinds: Sequence[str]) -> Record:
    """Give the only one of the entries found for `prefix`; raises UnknownNameError, also if it is none of these kinds."""
    fitting = [record for record in found if kind_of(record) in kinds]
    what = " or ".join(NAMES[kind] for kind in kinds)
    if len(prefix) < SHORTEST_PREFIX or not fitting:
        hint = f"give at least {SHORTEST_PREFIX} characters of an id that `opskit log` shows"
        if found and len(prefix) >= SHORTEST_PREFIX:
            hint = f"{found[0].id} is a {NAMES[kind_of(found[0])]}: opskit log {found[0].id}"
        raise UnknownNameError(f"no {what} {prefix!r}", hint=hint)
    if len(fitting) > 1:
        which = ", ".join(record.id for record in fitting)
        raise UnknownNameError(f"several {what}s start with {prefix!r}", hint=f"one of: {which}")
    return fitting[0]


def kind_of(record: Record) -> str:
    """Give the kind of the entry that a record is, as the index has it."""
    return RUNBOOK if isinstance(record, RunRecord) else ROLLOUT


def live(connection: sqlite3.Connection, service: str, environment: str) -> dict[str, LiveRecord]:
    """Give the newest release that each host is known to run."""
    values = {"service": service, "environment": environment, "outdone": "[]"}
    rows = connection.execute(statement("live"), values).fetchall()
    if len(_not_outdone(connection, [row[4] for row in rows])) < len(rows):
        # only then are all looked through: somebody writes under ids that are not his
        said = [claim for (claim,) in connection.execute(statement("open_results"), values)]
        counted = set(_not_outdone(connection, said))
        values["outdone"] = json.dumps([claim for claim in said if claim not in counted])
        rows = connection.execute(statement("live"), values).fetchall()
    return {row[0]: _live(connection, row) for row in rows}


def _live(connection: sqlite3.Connection, row: tuple[str, str, str, str, str, int]) -> LiveRecord:
    host, release, revision, label, claim, at_ms = row
    return LiveRecord(host, release, revision, label, shown(connection, claim), moment(at_ms))


def tally(connection: sqlite3.Connection, since: datetime) -> Mapping[tuple[str, str], int]:
    """Count the rollouts that began since then, by service and environment."""
    ms = int(since.timestamp() * 1000)
    values = {"since": ms, "hlc": ms << COUNTER_BITS}
    rows = connection.execute(statement("tally"), values)
    return {(service, environment): count for service, environment, count in rows}


def began(connection: sqlite3.Connection) -> datetime | None:
    """Give when the oldest entry was written, None if there is none."""
    row = connection.execute(statement("oldest_entry")).fetchone()
    return moment(row[0]) if row else None


def vector(connection: sqlite3.Connection) -> dict[bytes, int]:
    """Give the newest number of every writer's events."""
    return dict(connection.execute(statement("vector")))


def changed_since(connection: sqlite3.Connection, known: Mapping[bytes, int]) -> list[int]:
    """Give the ids of entries that got an event which is newer than the `known` one of its writer."""
    found = set()
    for n, signed in _headers_since(connection, known):
        try:
            claim = claim_of(Header.decode(signed))
        except ValueError:
            continue
        row = connection.execute(statement("entry_of_rollout"), (claim,)).fetchone()
        found.add(row[0] if row else n)
    return sorted(found)


def _headers_since(
    connection: sqlite3.Connection, known: Mapping[bytes, int]
) -> Iterator[tuple[int, bytes]]:
    for writer, seq in vector(connection).items():
        if seq > (last := known.get(writer, 0)):
            yield from connection.execute(statement("headers_since"), (writer, last)).fetchall()


def entries_of(connection: sqlite3.Connection, rollouts: Sequence[str]) -> list[int]:
    """Give the ids of the entries of rollouts, by what people call them."""
    names = [claim for name in rollouts for claim in (name, *claims(connection, name))]
    query = "SELECT id FROM entry WHERE rollout IN (SELECT value FROM json_each(?))"
    return [row[0] for row in connection.execute(query, (json.dumps(names),))]


def count(connection: sqlite3.Connection) -> int:
    """Give the number of events."""
    return int(connection.execute("SELECT count(*) FROM event").fetchone()[0])


def is_contested(connection: sqlite3.Connection) -> bool:
    """Tell whether any writer was revoked or forked."""
    return bool(connection.execute(statement("is_contested")).fetchone()[0])


def places(connection: sqlite3.Connection, hashes: Iterable[bytes]) -> dict[bytes, int]:
    """Give, by hash, where events stand in the log of today."""
    found: dict[bytes, int] = {}
    for digest in hashes:
        found |= dict(connection.execute(statement("place_today"), (digest,)).fetchall())
    return found


def hash_at(connection: sqlite3.Connection, writer: bytes, seq: int) -> bytes | None:
    """Give the hash of a writer's event of that number, None if it is not here."""
    row = connection.execute(statement("hash_at"), (writer, seq)).fetchone()
    return row[0] if row else None


def _load(
    connection: sqlite3.Connection, found: Sequence[tuple[int, str | None]], *, whole: bool
) -> Iterator[Entry]:
    names = [name for _, name in found if name is not None]
    rollouts = of_claims(connection, names, whole=whole)
    single = _by_number(connection, [number for number, name in found if name is None])
    for number, name in found:
        if name is not None and name in rollouts:
            yield _named(connection, rollouts[name])
        elif name is None and number in single:
            yield alone(single[number])


def of_claims(
    connection: sqlite3.Connection, chosen: Sequence[str], *, whole: bool = True
) -> Mapping[str, Record]:
    """Give the rollouts and runs of claims: of each its own events, and what anybody wrote about it; runs in brief if not `whole`."""
    names = sorted({name for claim in chosen for name in (claim, rollout_of(claim))})
    events: dict[str, list[tuple[str, Event]]] = {name: [] for name in names}
    query = statement("events_of_rollouts")
    values = {"names": json.dumps(names), "whole": whole}
    for _, event in _events(connection.execute(query, values)):
        events[event.header.rollout].append((claim_of(event.header), event))
    told: dict[str, Record] = {}
    for claim in chosen:
        name = rollout_of(claim)
        about = [(c, e) for c, e in events[name] if c == claim or e.header.kind in OPINIONS]
        if name != claim:
            about += [(c, e) for c, e in events[claim] if e.header.kind in OPINIONS]
        own = [event for c, event in about if c == claim]
        if own:
            others = {c for c, _ in events[name] if c}
            told[claim] = _folder(own)(
                [event for _, event in about],
                is_running,
                name=name if meant(others) == claim else claim,
                foreign=sum(_is_foreign(c, claim) for c, _ in events[name]),
            )
    if whole:
        return told
    only_steps = [claim for claim in chosen if claim not in told]
    told |= of_claims(connection, only_steps) if only_steps else {}
    return _in_brief(connection, told)


def _in_brief(connection: sqlite3.Connection, told: Mapping[str, Record]) -> dict[str, Record]:
    """Give runs, whose steps were not looked at, with the hosts that they came to."""
    runs = json.dumps([claim for claim, record in told.items() if isinstance(record, RunRecord)])
    hosts: dict[str, list[str]] = {}
    for claim, host in connection.execute(statement("hosts_of_runs"), (runs,)):
        hosts.setdefault(claim, []).append(host)
    return {
        claim: brief(record, hosts.get(claim, ())) if isinstance(record, RunRecord) else record
        for claim, record in told.items()
    }


def _folder(own: Sequence[Event]) -> Callable[..., Record]:
    """Give what folds the events of a claim: its first one tells whether it is a run of a runbook, or a rollout."""
    first = min(own, key=lambda event: event.header.seq)
    return run if first.header.kind.startswith(RUN) else rollout


def _named(connection: sqlite3.Connection, record: Record) -> Record:
    return named(connection, record) if isinstance(record, RolloutRecord) else record


def _is_foreign(other: str, claim: str) -> bool:
    """Tell whether an event of the same id belongs to somebody else's claim; to write down a receipt is no claim."""
    return other not in ("", claim) and not other.endswith(OPEN)


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
