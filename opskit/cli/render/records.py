"""The changelog as data: what `--json` and `--csv` say of an entry, a written contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.changelog import NoteEntry, RolloutRecord, RunRecord, VerdictEntry
from opskit.changelog.event import OPINIONS
from opskit.cli.render.releases import named
from opskit.cli.render.runs import what_run, why_run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.changelog import Entry, Event

ONLY_WHOLE = ("steps", "acts", "liabilities", "approvals")
CSV_HEADER = (
    *("id", "type", "at", "actor", "action", "service", "environment", "from", "to"),
    *("hosts", "outcome", "seconds", "why", "reason", "from_revision", "to_revision"),
    *("standing", "principal"),
)


def as_data(entry: Entry) -> Mapping[str, object]:
    """Give an entry as plain values: `type` says which fields there are; times are ISO 8601 in UTC."""
    if isinstance(entry, RolloutRecord | RunRecord):
        names = [field for field in entry._fields if field not in _left_out(entry)]
        what = "run" if isinstance(entry, RunRecord) else "rollout"
        told = {"type": what, **{name: getattr(entry, name) for name in names}}
        if isinstance(entry, RunRecord) and entry.is_brief:
            return told
        hashes = [event.hash.hex() for event in entry.events if event.header.kind not in OPINIONS]
        return {**told, "hashes": hashes}
    if isinstance(entry, NoteEntry):
        return {"type": "note", **entry._asdict()}
    if isinstance(entry, VerdictEntry):
        return {"type": "verdict", **entry._asdict()}
    wanted = ("id", "at", "actor", "standing", "principal", "doubt")
    about = {name: getattr(entry, name) for name in wanted}
    return {"type": "event", **about, "event": _event(entry.event)}


def _left_out(entry: RolloutRecord | RunRecord) -> tuple[str, ...]:
    """Give the fields of a record that are not data, or that nobody looked at: of a run among many, only its own page has them."""
    brief = isinstance(entry, RunRecord) and entry.is_brief
    return ("events", "strange", "is_brief", *(ONLY_WHOLE if brief else ()))


def as_whole(record: RolloutRecord | RunRecord) -> Mapping[str, object]:
    """Give a rollout or a run with all its events as they were written."""
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
    if isinstance(entry, RunRecord):
        seconds = "" if entry.ms is None else f"{entry.ms / 1000:.3f}"
        names = (entry.actor, what_run(entry), entry.service, entry.environment)
        told = (
            "",
            "",
            " ".join(entry.hosts),
            entry.outcome,
            seconds,
            why_run(entry),
            entry.reason,
        )
        return [entry.id, "run", at, *names, *told, "", "", *signed]
    if isinstance(entry, NoteEntry):
        names = (entry.actor, "", entry.service, entry.environment)
        told = ("", "", " ".join(entry.hosts), "", "", entry.text, "")
        return [entry.id, "note", at, *names, *told, "", "", *signed]
    if isinstance(entry, VerdictEntry):
        names = (entry.actor, entry.rollout, entry.service, entry.environment)
        told = ("", "", "", entry.verdict, "", entry.why, "")
        return [entry.id, "verdict", at, *names, *told, "", "", *signed]
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
