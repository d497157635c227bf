"""What happened in a run, one thing after the other, in words for people who were not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.changelog import runwords
from opskit.changelog.clock import moment
from opskit.changelog.event import RUN_FINISHED, RUN_STARTED
from opskit.changelog.runrecords import BEGAN, ENDED, LOCAL, MARKED, SKIPPED
from opskit.changelog.runwords import number_of
from opskit.fleet.selectors import fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from opskit.changelog import RolloutRecord, RunRecord
    from opskit.changelog.runrecords import Act, Goer, Liability


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a timeline: when, who, what."""

    at: datetime
    who: str
    what: str


def moments(record: RunRecord, rollouts: Sequence[RolloutRecord]) -> Sequence[Moment]:
    """Give all that happened in a run, and the rollouts around it, the oldest first."""
    acts = (Moment(a.at, a.actor, f"{number_of(record, a.step)}: {act(record, a)}") for a in record.acts)  # fmt: skip
    found = [*_ends(record), *_people(record), *acts, *(_rollout(record, r) for r in rollouts)]
    found += [Moment(note.at, note.actor, f"note: {note.text}") for note in record.notes]
    found += [Moment(v.at, v.actor, f"verdict: {v.verdict or v.damage}: {v.why}") for v in record.verdicts]  # fmt: skip
    return sorted(found, key=lambda each: each.at)


def act(record: RunRecord, one: Act) -> str:
    """Give one thing that happened in a step, in words."""
    if one.damage:
        return f"[{one.damage}]"
    if one.what == BEGAN and not one.rests:
        return f"began {_command(one)} on {where(one.hosts)}{runwords.limits(one)}"
    return f"{one.outcome}{_ended(one)}" if one.what == ENDED else runwords.of(record, one)


def where(hosts: Sequence[str]) -> str:
    """Give hosts in short; the operator's own machine by that name."""
    if not hosts:
        return "no host"
    return "this machine" if tuple(hosts) == (LOCAL,) else fold(hosts)


def owed(record: RunRecord, one: Liability) -> str:
    """Say what is still to be taken back, and by which step."""
    values = ", ".join(runwords.pair(value.name, value.value) for value in one.values)
    on = f" on {where(one.hosts)}" if one.hosts else ""
    by = f", {number_of(record, one.rollback)} takes it back" if one.rollback else ""
    return (
        f"{number_of(record, one.step)}{on}{f' with {values}' if values else ''} is not undone{by}"
    )


def what(record: RolloutRecord) -> str:
    """Give what a rollout did: `deploy shop v2 on web[01-02]`."""
    to = ", ".join(release.label or release.title for release in record.after)
    hosts = f"on {where([host.name for host in record.hosts])}" if record.hosts else ""
    return " ".join(filter(None, (record.action or "rollout", record.service, record.task, to, hosts)))  # fmt: skip


def _command(one: Act) -> str:
    first, _, rest = one.script.strip().partition("\n")
    return f"{one.language or 'something'} `{first[:80]}{'…' if rest or len(first) > 80 else ''}`"


def _ended(one: Act) -> str:
    said = [f"{one.capture.name}={one.capture.value}"] if one.capture else []
    said += [f"did {', '.join(one.rollouts)}"] if one.rollouts else []
    bad = [result.name for result in one.results if result.outcome != "done"]
    said += [f"not on {where(bad)}"] if bad and len(one.results) > 1 else []
    return f", {', '.join(said)}" if said else ""


def _ends(record: RunRecord) -> Iterator[Moment]:
    for event in record.events:
        if event.header.kind not in (RUN_STARTED, RUN_FINISHED):
            continue
        said = "began" if event.header.kind == RUN_STARTED else str(event.body.get("outcome", "?"))
        why = str(event.body.get("reason", "")) if said != "began" else record.why
        yield Moment(moment(event.at_ms), event.header.actor, f"run {said}{f': {why}' if why else ''}")  # fmt: skip


def _people(record: RunRecord) -> Iterator[Moment]:
    before = record.actor
    for goer in record.resumed:
        changed = ", ".join(number_of(record, step) for step in goer.changed)
        said = "took back what was open" if goer.undo else "went on with the run"
        said += f" on {goer.machine or 'another machine'}"
        said += f", taken over from {before}" if before not in ("", goer.actor) else ""
        said += "".join(f"; {lost}" for lost in _lost(record, goer))
        other = f"; changed on the page since it was done: {changed}" if changed else ""
        yield Moment(goer.at, goer.actor, f"{said}{other}")
        before = goer.actor
    for approval in record.approvals:
        which = number_of(record, approval.step)
        why = f": {approval.why}" if approval.why else ""
        no = (
            ""
            if approval.counts
            else f" (does not count{f': {approval.doubt}' if approval.doubt else ''})"
        )
        yield Moment(approval.at, approval.actor, f"approved {which}{why}{no}")


def _lost(record: RunRecord, goer: Goer) -> Iterator[str]:
    """Say of each command that had begun before somebody went on, and has no end in the changelog by then."""
    begun: dict[tuple[str, int], Act] = {}
    for act in record.acts:
        if act.at > goer.at:
            break
        key = (act.step, act.part)
        if act.what == BEGAN and not act.rests:
            begun[key] = act
        elif act.what in (ENDED, MARKED, SKIPPED):
            begun.pop(key, None)
    for act in begun.values():
        which = f"{_command(act)} in {number_of(record, act.step)}"
        yield f"nobody knows how {which} ended, begun by {act.actor or 'somebody'}"


def _rollout(run: RunRecord, record: RolloutRecord) -> Moment:
    inside = " (in this run)" if is_inside(run, record) else ""
    return Moment(record.at, record.actor, f"{what(record)} {record.id}: {record.outcome}{inside}")


def is_inside(run: RunRecord, record: RolloutRecord) -> bool:
    """Whether a rollout was done in a run."""
    return record.during == run.id or record.id in run.rollouts
