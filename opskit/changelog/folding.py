"""Events folded into records: the last word on each host counts, and nothing that stands in a body can stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.changelog.body import number, part, parts, text, texts
from opskit.changelog.claims import abandoned_for
from opskit.changelog.clock import moment
from opskit.changelog.event import ABANDONED, FINISHED, HOSTS, NOTE, RECOVERED, STARTED
from opskit.changelog.records import (
    AT_ONCE,
    NOT_REACHED,
    RUNNING,
    UNFINISHED,
    UNKNOWN,
    Commit,
    Entry,
    HostRecord,
    NoteEntry,
    OtherEntry,
    Override,
    Release,
    Resumption,
    RolloutRecord,
    Sent,
    StepTime,
)
from opskit.changelog.resuming import counted, last_run, resumptions
from opskit.changelog.ruling import is_verdict, verdict, verdicts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from opskit.changelog.event import Event

    Alive = Callable[[Mapping[str, object], int], bool]

NOTHING: Mapping[str, object] = {}


def rollout(
    events: Sequence[Event], alive: Alive, *, name: str = "", foreign: int = 0
) -> RolloutRecord:
    """Fold the events of one rollout, oldest first; `alive` tells whether a process runs here, and since then.

    `name` is what people call it, if that is not its id alone; `foreign` events are of others, and do not count.
    """
    found = _fold(events, alive)
    return found._replace(id=name or found.id, doubts=_doubts(foreign))


def _doubts(foreign: int) -> tuple[str, ...]:
    if not foreign:
        return ()
    said = (
        "1 event of another writer names"
        if foreign == 1
        else f"{foreign} events of other writers name"
    )
    return (f"{said} this rollout; {'it does' if foreign == 1 else 'they do'} not count",)


def _fold(events: Sequence[Event], alive: Alive) -> RolloutRecord:
    whole, events = events, counted(events)
    started = next((event for event in events if event.header.kind == STARTED), None)
    if started is None and any(event.header.kind == RECOVERED for event in events):
        return _recovered(events)
    first, body = started or events[0], started.body if started else NOTHING
    resumed = resumptions(events)
    run, last = (resumed[-1], last_run(events)) if resumed else (first, events)
    finished = next((e.body for e in reversed(last) if e.header.kind == FINISHED), None)
    machine = part(body, "machine")
    outcome = _outcome(finished, last) or (
        RUNNING if _is_alive(run, alive) else _abandoned(last) or UNFINISHED
    )
    return RolloutRecord(
        id=first.header.rollout,
        at=moment(first.at_ms),
        actor=first.header.actor,
        action=first.header.action,
        service=first.header.service,
        environment=first.header.environment,
        outcome=outcome,
        damage=started.damage if started else "",
        why=text(body, "why"),
        reason=text(finished or NOTHING, "reason") or _said_by(last),
        output=text(finished or NOTHING, "output"),
        ms=None if finished is None else number(finished, "ms"),
        to=_release(part(body, "to")),
        hosts=tuple(_with_ends(_hosts(body, events), first, outcome, events)),
        commits=tuple(_commit(commit) for commit in parts(body, "commits")),
        command=texts(body, "command"),
        machine=text(machine, "host"),
        task=text(body, "task"),
        script=text(body, "script"),
        remarks=texts(body, "notes"),
        resumed=tuple(map(_resumption, resumed)),
        notes=tuple(note(event) for event in whole if event.header.kind == NOTE),
        verdicts=verdicts(whole),
        events=tuple(whole),
        fast_ms=first.fast_ms,
        most_bad=number(body, "most_bad"),
        worst_ms=number(body, "worst_ms"),
        overrides=tuple(_override(each) for each in parts(body, "overrides")),
        retries=texts(body, "retries"),
        during=text(body, "during"),
        incident=text(body, "incident"),
        earlier=tuple(_earlier(events)) if resumed else (),
    )


def _recovered(events: Sequence[Event]) -> RolloutRecord:
    """Make the record of a rollout of which only the receipts on hosts are left; of a host, the first word counts."""
    written = [event for event in events if event.header.kind == RECOVERED]
    event, body = written[0], written[0].body
    told = {
        text(host, "name"): HostRecord(
            name=text(host, "name"),
            outcome="reverted" if text(host, "tried") else "unknown",
            before=Release(text(host, "from")) if text(host, "from") else None,
            to=text(host, "tried") or text(host, "to"),
            live=text(host, "to") if text(host, "tried") else "",
            at=moment(min(number(host, "at"), each.at_ms)),
        )
        for each in reversed(written)
        for host in parts(each.body, "hosts")
    }
    hosts = tuple(told[name] for name in sorted(told))
    by = ", ".join(dict.fromkeys(each.header.actor for each in written))
    released = {host.to for host in hosts if host.to}
    return RolloutRecord(
        id=event.header.rollout,
        at=moment(min(number(body, "at"), event.at_ms)),
        actor=text(body, "actor"),
        action=event.header.action,
        service=event.header.service,
        environment=event.header.environment,
        outcome="recovered",
        recorder=event.header.actor,
        damage=event.damage,
        reason=f"known only from receipts on hosts, written down by {by}",
        to=Release(released.pop()) if len(released) == 1 else None,
        hosts=hosts,
        notes=tuple(note(event) for event in events if event.header.kind == NOTE),
        verdicts=verdicts(events),
        events=tuple(events),
    )


def _is_alive(run: Event, alive: Alive) -> bool:
    return alive(part(run.body, "machine"), run.header.ts)


def _resumption(event: Event) -> Resumption:
    return Resumption(
        at=moment(event.at_ms),
        actor=event.header.actor,
        machine=text(part(event.body, "machine"), "host"),
        run=text(event.body, "run"),
        revert=event.body.get("revert") is True,
        why=text(event.body, "why"),
        during=text(event.body, "during"),
    )


def note(event: Event) -> NoteEntry:
    """Make the record of a note."""
    return NoteEntry(
        id=event.id,
        hash=event.hash.hex(),
        at=moment(event.at_ms),
        actor=event.header.actor,
        text=text(event.body, "text"),
        damage=event.damage,
        service=event.header.service,
        environment=event.header.environment,
        rollout=event.header.rollout,
        hosts=texts(event.body, "hosts"),
        during=text(event.body, "during"),
        incident=text(event.body, "incident"),
    )


def alone(event: Event) -> Entry:
    """Make the record of an event that belongs to no rollout."""
    if event.header.kind == NOTE:
        return note(event)
    if is_verdict(event):
        return verdict(event)
    return OtherEntry(id=event.id, at=moment(event.at_ms), actor=event.header.actor, event=event)


def _outcome(finished: Mapping[str, object] | None, events: Sequence[Event]) -> str:
    """Give how a rollout ended, or nothing if no event says that it did."""
    if finished is not None:
        return text(finished, "outcome") or "unknown"
    own = any(e.header.kind == ABANDONED and not abandoned_for(e.header) for e in events)
    return "abandoned" if own else ""


def _abandoned(events: Sequence[Event]) -> str:
    """Give what other writers say of the end of a rollout: it counts if its own has said nothing and runs no more."""
    return "abandoned" if any(abandoned_for(event.header) for event in events) else ""


def _said_by(events: Sequence[Event]) -> str:
    """Give who says that a rollout is abandoned, if that is another writer and nobody who knows says anything."""
    if any(e.header.kind in (FINISHED, ABANDONED) and not abandoned_for(e.header) for e in events):
        return ""
    others = (e.header.actor for e in events if abandoned_for(e.header))
    return next((f"another writer says that it is abandoned: {actor}" for actor in others), "")


def _hosts(started: Mapping[str, object], events: Iterable[Event]) -> Iterable[HostRecord]:
    found: dict[str, HostRecord] = {}
    for host in parts(started, "hosts"):
        name = text(host, "name")
        before, goal = (_release(part(host, key)) for key in ("from", "to"))
        batch = number(host, "batch")
        found[name] = HostRecord(name=name, batch=batch, before=before, goal=goal)
    for event in events:
        for result in parts(event.body, "results") if event.header.kind == HOSTS else ():
            name = text(result, "host")
            found[name] = _with_result(found.get(name) or HostRecord(name=name), result)
    return found.values()


def _earlier(events: Iterable[Event]) -> Iterable[HostRecord]:
    """Give the bad results that a later one has taken the place of."""
    found: dict[str, HostRecord] = {}
    for event in events:
        for result in parts(event.body, "results") if event.header.kind == HOSTS else ():
            name = text(result, "host")
            if name in found and found[name].is_bad:
                yield found[name]
            found[name] = _with_result(HostRecord(name=name), result)


def _with_ends(
    hosts: Iterable[HostRecord], first: Event, outcome: str, events: Iterable[Event]
) -> Iterable[HostRecord]:
    """Give hosts with what is to be thought of those that have no result: untouched, being changed, or nobody knows."""
    begun = {
        host
        for event in events
        if event.header.kind == HOSTS
        for host in texts(event.body, "begun")
    }
    died = outcome in (UNFINISHED, "abandoned")
    at_once = first.header.action in AT_ONCE and (died or outcome == RUNNING)
    untold = died and "begun" not in first.body  # an older opskit, or the body is gone
    for host in hosts:
        if host.outcome == NOT_REACHED and (at_once or untold or host.name in begun):
            yield host._replace(outcome=RUNNING if outcome == RUNNING else UNKNOWN)
        else:
            yield host


def _with_result(host: HostRecord, result: Mapping[str, object]) -> HostRecord:
    before, sent = text(result, "from"), part(result, "sent")
    known = host.before and host.before.release == before
    return host._replace(
        outcome=text(result, "outcome") or "unknown",
        before=host.before if known or not before else Release(before),
        to=text(result, "to"),
        live=text(result, "live"),
        ms=number(result, "ms"),
        at=moment(at) if (at := number(result, "at")) else None,
        steps=tuple(StepTime(text(s, "step"), number(s, "ms")) for s in parts(result, "steps")),
        sent=Sent(number(sent, "files"), number(sent, "bytes")) if sent else None,
        error=text(result, "error"),
        output=text(result, "output"),
    )


def _release(fields: Mapping[str, object]) -> Release | None:
    if not fields:
        return None  # as of most hosts: there are many of them
    release = Release(*(text(fields, name) for name in Release._fields))
    return release if release != Release() else None


def _override(fields: Mapping[str, object]) -> Override:
    return Override(*(text(fields, name) for name in ("rule", "what", "why")))


def _commit(fields: Mapping[str, object]) -> Commit:
    return Commit(*(text(fields, name) for name in ("sha", "subject", "author")))
