"""From what the changelog says to candidates: what changed hosts, when on each, how far from what is ill, and what undoes it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opskit.blame import undo
from opskit.blame.flips import changes
from opskit.blame.model import Candidate, History
from opskit.blame.retreats import with_retreats
from opskit.blame.undo import Ways
from opskit.changelog.runrecords import BEGAN, DRILL, LOCAL
from opskit.config.service import GitSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from opskit.blame.window import Found
    from opskit.changelog import NoteEntry, OtherEntry, RolloutRecord, RunRecord
    from opskit.config.service import Service

OPSKIT = "opskit"
MOST_TEXT = 6000
"""Characters of what a candidate says of itself."""
BESIDE = -1


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of an environment: its services, on which hosts each lives, and which of them are ill (none: nobody knows); `kept` is as of `undo.Ways`."""

    environment: str
    services: Mapping[str, Service]
    lives: Mapping[str, tuple[str, ...]]
    ill: tuple[str, ...] = ()
    kept: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)

    def ways(self, name: str) -> Ways:
        """Give what a service can be brought back to."""
        service = self.services.get(name)
        return Ways(self.kept, deployed=service is not None and isinstance(service.source, GitSource))  # fmt: skip

    def distances(self) -> Mapping[str, int]:
        """Give how far each service is below those that are ill, by what they depend on; all are 0 if nobody knows which are."""
        if not self.ill:
            return dict.fromkeys(self.services, 0)
        found = dict.fromkeys(self.ill, 0)
        edge = [*self.ill]
        for name in edge:
            service = self.services.get(name)
            for below in service.depends_on if service else ():
                if below not in found:
                    found[below] = found[name] + 1
                    edge.append(below)
        return found

    def below(self, services: Iterable[str]) -> tuple[str, ...]:
        """Give what these services need, and what that needs, the nearest first, each once."""
        found: dict[str, None] = {}
        edge = [*services]
        for name in edge:
            service = self.services.get(name)
            new = [one for one in (service.depends_on if service else ()) if one not in found]
            found |= dict.fromkeys(new)
            edge += new
        return tuple(found)

    def hosts_of(self, services: Iterable[str]) -> tuple[str, ...]:
        """Give the hosts on which any of these services lives, each once."""
        return tuple(dict.fromkeys(host for name in services for host in self.lives.get(name, ())))


def gather(found: Found, place: Place) -> tuple[Candidate, ...]:
    """Give all that may be the cause, and some that will be cleared, the newest first."""
    inside = _Inside(place)
    rollouts = [inside.rollout(record) for record in found.rollouts]
    candidates = [
        *with_retreats(rollouts, found.rollouts, inside.undo),
        *(c for run in found.runs for c in inside.run(run)),
        *map(inside.note, found.notes),
        *map(inside.thaw, found.thaws),
    ]
    return tuple(sorted(candidates, key=lambda c: (c.at, c.id), reverse=True))


class _Inside:
    """Makes candidates of what happened in a place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._distances = place.distances()
        self._hosts = {
            host: distance
            for name, distance in sorted(self._distances.items(), key=lambda each: -each[1])
            for host in place.lives.get(name, ())
        }

    def rollout(self, record: RolloutRecord) -> Candidate:
        found = changes(record)
        running = [host for host in found.flips if host not in found.retreats]
        return Candidate(
            id=record.id,
            kind=record.action or "rollout",
            at=record.at,
            service=record.service,
            environment=record.environment,
            actor=record.actor,
            why=record.why,
            outcome=record.outcome,
            reason=record.reason,
            flips=found.flips,
            retreats=found.retreats,
            passed=found.passed,
            before=record.before,
            after=record.after,
            commits=record.commits,
            history=self._history(record, found.flips),
            distance=self._distance(record.service, found.flips or [h.name for h in record.hosts]),
            overrides=tuple(f"{o.rule}: {o.what} ({o.why})" for o in record.overrides),
            events=tuple(dict.fromkeys((record.events[0].hash.hex(), *found.events))),
            undo=self.undo(record, running),
            text=_of_rollout(record),
            during=record.during,
            incident=record.incident,
        )

    def undo(self, record: RolloutRecord, hosts: Iterable[str]) -> str:
        """Give the command that takes a rollout back on these hosts."""
        return undo.of_rollout(record, hosts, self._place.ways(record.service))

    def run(self, record: RunRecord) -> Iterable[Candidate]:
        """Give the steps of a run that changed something, but for those that called opskit: these have left rollouts."""
        acts = [
            act
            for act in record.acts
            if act.what == BEGAN and act.mutates and act.language != OPSKIT
        ]
        if record.mode == DRILL or not acts:
            return
        services = [name for name in (record.service, *record.services) if name]
        flips: dict[str, datetime] = {}
        for act in acts:
            named = [host for host in act.hosts if host != LOCAL]
            for host in named or self._place.hosts_of(services):
                flips[host] = max(act.at, flips.get(host, act.at))
        yield Candidate(
            id=record.id,
            kind="runbook",
            at=record.at,
            service=record.service or (services[0] if len(set(services)) == 1 else ""),
            environment=record.environment,
            actor=acts[-1].actor,
            why=record.why or record.title,
            outcome=record.outcome,
            reason=record.reason,
            flips=flips,
            distance=min(
                (self._distance(name, flips) for name in services),
                default=self._distance("", flips),
            ),
            events=tuple(act.hash for act in acts),
            undo=undo.of_run(record),
            text="\n".join([record.title, *(act.script for act in acts)])[:MOST_TEXT],
            during=record.id,
            incident=record.incident,
        )

    def note(self, entry: NoteEntry) -> Candidate:
        flips = dict.fromkeys(entry.hosts, entry.at)
        return Candidate(
            id=entry.id,
            kind="note",
            at=entry.at,
            service=entry.service,
            environment=entry.environment,
            actor=entry.actor,
            flips=flips,
            distance=self._distance(entry.service, flips),
            events=(entry.hash,),
            text=entry.text[:MOST_TEXT],
            during=entry.during,
            incident=entry.incident,
        )

    def thaw(self, entry: OtherEntry) -> Candidate:
        header, why = entry.event.header, str(entry.event.body.get("why", ""))
        return Candidate(
            id=entry.id,
            kind="thaw",
            at=entry.at,
            service=header.service,
            environment=header.environment,
            actor=entry.actor,
            why=why,
            distance=self._distance(header.service, ()),
            events=(entry.hash,),
            text=why,
        )

    def _distance(self, service: str, hosts: Iterable[str]) -> int:
        """Give how far away a service is; of what is about whole hosts, the nearest service that lives on one of them."""
        if service:
            return self._distances.get(service, BESIDE)
        if not self._place.ill:
            return 0
        near = [self._hosts[host] for host in hosts if host in self._hosts]
        return min(near, default=0 if not list(hosts) else BESIDE)

    def _history(self, record: RolloutRecord, flips: Mapping[str, datetime]) -> History | None:
        """Give which commits a deploy brought to most of its hosts, if they can be had on this machine."""
        service = self._place.services.get(record.service)
        if (
            record.action != "deploy"
            or service is None
            or not isinstance(service.source, GitSource)
        ):
            return None
        told = [host for host in record.hosts if host.name in flips] or record.hosts
        old = Counter(
            host.before.revision for host in told if host.before and host.before.revision
        )
        new = record.to.revision if record.to else ""
        if not (old and new):
            return None
        source = service.source
        return History(source.repository, old.most_common(1)[0][0], new, source.folder)


def _of_rollout(record: RolloutRecord) -> str:
    """Give what a rollout says of itself, what it is called by first; what hosts said alike, once."""
    said = [
        record.task,
        record.script,
        record.reason,
        record.output,
        *(n.text for n in record.notes),
    ]
    said += [
        word for host in (*record.earlier, *record.hosts) for word in (host.error, host.output)
    ]
    return "\n".join(dict.fromkeys(word for word in said if word))[:MOST_TEXT]
