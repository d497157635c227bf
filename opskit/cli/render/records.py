"""The changelog as data: what `--json` and `--csv` say of an entry, a written contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.changelog import NoteEntry, RolloutRecord
from opskit.changelog.event import NOTE
from opskit.cli.render.log import named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.changelog import Entry, Event

CSV_HEADER = (
    *("id", "type", "at", "actor", "action", "service", "environment", "from", "to"),
    *("hosts", "outcome", "seconds", "why", "reason", "from_revision", "to_revision"),
    *("standing", "principal"),
)


def as_data(entry: Entry) -> Mapping[str, object]:
    """Give an entry as plain values: `type` says which fields there are; times are ISO 8601 in UTC."""
    if isinstance(entry, RolloutRecord):
        names = [field for field in entry._fields if field != "events"]
        hashes = [event.hash.hex() for event in entry.events if event.header.kind != NOTE]
        return {
            "type": "rollout",
            **{name: getattr(entry, name) for name in names},
            "hashes": hashes,
        }
    if isinstance(entry, NoteEntry):
        return {"type": "note", **entry._asdict()}
    wanted = ("id", "at", "actor", "standing", "principal", "doubt")
    about = {name: getattr(entry, name) for name in wanted}
    return {"type": "event", **about, "event": _event(entry.event)}


def as_whole(record: RolloutRecord) -> Mapping[str, object]:
    """Give a rollout with all its events as they were written."""
    return {**as_data(record), "events": [_event(event) for event in record.events]}


def as_row(entry: Entry) -> list[object]:
    """Give an entry as a row of CSV, in the order of CSV_HEADER."""
    at = entry.at.isoformat(timespec="seconds")
    signed = (entry.standing, entry.principal)
    if isinstance(entry, RolloutRecord):
        before = " ".join(named(release) for release in entry.before)
        after = " ".join(named(release) for release in entry.after)
        hosts = " ".join(host.name for host in entry.hosts)
        seconds = "" if entry.ms is None else f"{entry.ms / 1000:.3f}"
        names = (entry.actor, entry.action, entry.service, entry.environment)
        told = (before, after, hosts, entry.outcome, seconds, entry.why, entry.reason)
        revisions = (
            " ".join(r.revision for r in entry.before),
            " ".join(r.revision for r in entry.after),
        )
        return [entry.id, "rollout", at, *names, *told, *revisions, *signed]
    if isinstance(entry, NoteEntry):
        names = (entry.actor, "", entry.service, entry.environment)
        told = ("", "", " ".join(entry.hosts), "", "", entry.text, "")
        return [entry.id, "note", at, *names, *told, "", "", *signed]
    header = entry.event.header
    return [
        entry.id,
        "event",
        at,
        entry.actor,
        header.kind,
        header.service,
        header.environment,
        *("",) * 9,
        *signed,
    ]


def _event(event: Event) -> Mapping[str, object]:
    header = event.header
    return {
        "id": event.id,
        "kind": header.kind,
        "writer": header.writer,
        "seq": header.seq,
        "hash": event.hash.hex(),
        "actor": header.actor,
        "ts": header.ts,
        "body": event.body,
        "damage": event.damage,
    }
