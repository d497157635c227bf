"""What the page knows of an entry: a few facts that the timeline draws, and the rest for whoever opens it.

Both are plain values for JSON, times in milliseconds since 1970. What is empty is left out.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from opskit.changelog import NoteEntry, RolloutRecord, RunRecord, VerdictEntry
from opskit.cli.render import kinds, text
from opskit.cli.render.log import ruling, what
from opskit.cli.render.marks import marks, signature, who, written_down
from opskit.cli.render.releases import release_in_short, releases
from opskit.cli.render.runs import what_run, why_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from opskit.changelog import Entry, HostRecord

SHOWN_OF_WHY = 300  # characters in the list; the entry's own page has all of it


class Names:
    """Numbers for names that come again and again: hosts, outcomes."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
        """Give the name's number, a new one if it is new."""
        return self._numbers.setdefault(name, len(self._numbers))

    def all(self) -> list[str]:
        """Give the names in the order of their numbers."""
        return list(self._numbers)


def drawn(entry: Entry, hosts: Names, outcomes: Names) -> Mapping[str, object]:
    """Give what the timeline and the list show of an entry.

    `hosts` of a rollout are (host, outcome, end, duration) in numbers, end 0 without a result; of a note
    they are hosts.
    """
    common = {
        "id": entry.id,
        "at": _ms(entry.at),
        "actor": entry.actor,
        "marks": [*marks(entry), *filter(None, [ruling(entry)])],
    }
    if (signed_by := who(entry)) != entry.actor:
        common["who"] = signed_by
    if isinstance(entry, RolloutRecord):
        each = [
            [hosts.number(h.name), outcomes.number(h.outcome), _ms(h.at), h.ms]
            for h in entry.hosts
        ]
        return _filled(
            **{"type": "rollout", **common, **_place(entry), "hosts": each},
            end=_end(entry),
            kind=entry.action or "rollout",
            what=what(entry),
            releases=releases(entry),
            released=release_in_short(entry),
            where=_folded(tuple(host.name for host in entry.hosts)),
            outcome=entry.outcome,
            why=(entry.why or written_down(entry))[:SHOWN_OF_WHY],
        )
    if isinstance(entry, NoteEntry):
        about = [hosts.number(name) for name in entry.hosts]
        told = {"kind": "note", "what": "note", "why": entry.text[:SHOWN_OF_WHY]}
        return _filled(
            **{"type": "note", **common, **_place(entry), **told},
            hosts=about,
            where=_folded(entry.hosts),
            rollout=entry.rollout,
        )
    if isinstance(entry, RunRecord):
        did = f"{what_run(entry)}: {entry.outcome}"
        told = {"kind": "runbook", "what": did, "why": why_run(entry)[:SHOWN_OF_WHY]}
        where = _folded(entry.hosts)
        return _filled(**{"type": "event", **common, **_place(entry), **told}, where=where)
    if isinstance(entry, VerdictEntry):
        return _filled(**common, **_place(entry), **_ruled(entry))
    header, (did, why) = entry.event.header, kinds.told(entry)
    told = {"kind": header.kind, "what": did, "why": why[:SHOWN_OF_WHY]}
    return _filled(**{"type": "event", **common, **_place(header), **told})


def _ruled(entry: VerdictEntry) -> Mapping[str, object]:
    did, why = f"{entry.verdict or 'verdict'}: {entry.rollout}", entry.why[:SHOWN_OF_WHY]
    return {"type": "event", "kind": "verdict", "what": did, "why": why, "rollout": entry.rollout}


def opened(entry: Entry) -> Mapping[str, object]:
    """Give what only the entry's own page shows."""
    if isinstance(entry, NoteEntry):
        return _filled(why=entry.text, signed=signature(entry), damage=entry.damage)
    if isinstance(entry, RunRecord):
        steps = {step.title or step.id: step.state for step in entry.steps}
        return _filled(
            body=steps, why=why_run(entry), damage=entry.damage, signed=signature(entry)
        )
    if isinstance(entry, VerdictEntry):
        onset = {"onset": entry.onset.isoformat()} if entry.onset else {}
        incident = {"incident": entry.incident} if entry.incident else {}
        told = {"why": entry.why, "signed": signature(entry), "damage": entry.damage}
        return _filled(**told, body={**onset, **incident})
    if not isinstance(entry, RolloutRecord):
        body, damage = dict(entry.event.body), entry.event.damage
        return _filled(body=body, damage=damage, signed=signature(entry))
    titles = {r.release: r.title for r in (*entry.before, *entry.after)}
    return _filled(
        to=", ".join(release.title for release in entry.after),
        before=[release.title for release in entry.before],
        why=entry.why,
        damage=entry.damage,
        signed=signature(entry),
        doubts=list(entry.doubts),
        reason=entry.reason,
        output=entry.output,
        ms=entry.ms,
        machine=entry.machine,
        command=list(entry.command),
        script=entry.script,
        remarks=list(entry.remarks),
        hosts=[_host(host, titles) for host in entry.hosts],
        commits=[commit._asdict() for commit in entry.commits],
        verdicts=[
            {"at": _ms(v.at), "actor": v.actor, "verdict": v.verdict or v.damage, "why": v.why}
            for v in entry.verdicts
        ],
        notes=[
            {"id": n.id, "at": _ms(n.at), "actor": n.actor, "text": n.text} for n in entry.notes
        ],
    )


@functools.lru_cache(maxsize=1000)
def _folded(hosts: tuple[str, ...]) -> str:
    return text.folded(hosts)


def _host(host: HostRecord, titles: Mapping[str, str]) -> Mapping[str, object]:
    return _filled(
        name=host.name,
        outcome=host.outcome,
        batch=host.batch,
        before=host.before.title if host.before else "",
        live=titles.get(host.live, host.live),
        ms=host.ms,
        at=_ms(host.at),
        steps=[[step.step, step.ms] for step in host.steps],
        error=host.error,
        output=host.output,
    )


def _end(record: RolloutRecord) -> int:
    """Give when a rollout ended; of one that nobody finished, the last that is known of a host, else 0."""
    if record.ms is not None:
        return _ms(record.at) + record.ms
    return max((_ms(host.at) for host in record.hosts), default=0)


def _place(entry: object) -> Mapping[str, str]:
    return {
        "service": getattr(entry, "service", ""),
        "environment": getattr(entry, "environment", ""),
    }


def _ms(at: datetime | None) -> int:
    return round(at.timestamp() * 1000) if at else 0


def _filled(**values: object) -> Mapping[str, object]:
    empty: Sequence[object] = ("", None, [], {}, 0)
    return {name: value for name, value in values.items() if value not in empty}
