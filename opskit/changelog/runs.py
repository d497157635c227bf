"""Runs of runbooks: what their events hold, which of them count, and what they come to.

The id of a run is `Changelog.new_run_id()`; it is the `rollout` of each header, whose `action` is "runbook". What bodies hold:

    run.started   {"runbook", "title", "file", "digest", "mode": "run" | "auto" | "drill", "incident", "why",
                   "params": [{"name", "value"}], "secrets": [names],
                   "steps": [{"id", "title", "digest", "parts": indices of the parts that ask for something}],
                   "start": step or "", "services": [names], "command": [words], "opskit", "machine": as in `rollout.started`}
    run.step      {"step", "part": index in the step, or -1 for the step as a whole, "what", …}, flat, by `what`:
      began       "hosts": [names], "script", "language", "on", "mutates": bool, "rollback": step or "", "timeout": ms, "batch", "sudo", "captures",
                  "expect": {"name": how, "value"}; where only time must pass, "awaited": {"most": ms}; where it is a wait "awaited": {"name", "value", "negated", "every": ms, "most": ms, "to"}
      ended       "outcome": "done" | "failed" | "interrupted", "results": [{"name", "outcome", "exit", "ms", "output", "error"}],
                  "capture": {"name", "value"}, "rollouts": [ids]
      answered    "kind": "ask" | "confirm" | …, "value", "text" of the question, "name" of what is asked for; "secret": true without its value.
                  The kinds "caution", "shell" and "value" (which a command needed, and nothing had given) are remarks, and finish no part
      skipped, marked, cleared   "why"; marked: done by hand; cleared: the liability of this step and part is none
      went        "to": step, "how": "back" | "jump" | "decide" | "wait" | "undo"; that step and what follows has yet to be done
                  "decide": the part is answered by that, with "value", "text", "choices": [{"name", "value": step}]; "wait": nothing is left to be waited for
                  "undo": with "began", the id of the `began` that it is about, and back again when that step is done
      undone      "of": step (without: "step"), whose part "part" is undone since, "rollback": the step that did it
    run.resumed   {"machine", "command": [words], "changed": [steps], "steps": as above, "undo": true if only to take back,
                   "knows": [ids of the events by which others began or went on]: who is not among them went on at the same time}
    run.approved  {"step", "part", "why", "digest": of the steps that this says yes to, "machine"}
    run.finished  {"outcome": "done" | "failed" | "aborted" | "suspended", "reason", "ms", "waits": {"for", "step", "part", "text", "digest"} if suspended,
                   "owes": how many liabilities are open then; 0 keeps the run out of those that are looked through for some,
                   unless another writer did something in it that may have to be undone}

Who may say what:

- The owner, whose writer began the run, says everything about it, and so does the heir of that writer's key.
- Anybody else who shares the changelog may go on with it, and says so first: of a guest's events, `run.step` and `run.finished` count
  from that guest's own `run.resumed` on, by the order of that guest's chain, which no clock can alter. Nothing takes away what
  another one said: two who run it at once are both shown, each act with its actor and writer.
- `run.approved` is a yes if neither its actor nor its writer is among those who run it: who began it, or went on with it, before that
  yes or after it until something was done about that part. So nobody approves for himself, under another name or on another
  laptop; only both at once. Where signatures are asked for (allowed_signers), that is not enough either: `Changelog.judged`
  counts only what is attested by somebody who vouches for none of those who run it.

Events are ordered by the clock that the index uses, too: a guest whose clock runs ahead does not have the last word for ever.

A liability is an action with a `rollback` that changes something (`mutates`), from its `began` on, until all parts of that rollback step
are done (with the same values, as far as it names them), or it was `undone` or `cleared`. A drill changes nothing and owes nothing.
"""

from __future__ import annotations

from itertools import compress
from operator import not_
from typing import TYPE_CHECKING

from opskit.changelog.approving import approvals
from opskit.changelog.body import number, part, parts, text, texts
from opskit.changelog.claims import guest_of
from opskit.changelog.clock import moment, placed
from opskit.changelog.event import (
    NOTE,
    OPINIONS,
    RUN_FINISHED,
    RUN_RESUMED,
    RUN_STARTED,
    RUN_STEP,
)
from opskit.changelog.folding import note
from opskit.changelog.records import RUNNING, UNFINISHED
from opskit.changelog.ruling import verdicts
from opskit.changelog.runrecords import LOCAL, Act, Awaited, Goer, Printed, RunRecord, Value
from opskit.changelog.runstate import Ledger
from opskit.changelog.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opskit.changelog.event import Event
    from opskit.changelog.folding import Alive

NOTHING: Mapping[str, object] = {}


def run(events: Iterable[Event], alive: Alive, *, name: str = "", foreign: int = 0) -> RunRecord:
    """Fold the events of one run, in whatever order, also if some came twice; `alive`, `name` and `foreign` as of `folding.rollout`."""
    whole = _in_order(events)
    own = [event for event in whole if event.header.kind not in OPINIONS]
    told, strange = _parted(own)
    begun = next((event for event in told if event.header.kind == RUN_STARTED), None)
    first, body = begun or (told or own or whole)[0], begun.body if begun else NOTHING
    acts = tuple(_act(event) for event in told if event.header.kind == RUN_STEP)
    found = RunRecord(
        id=name or first.header.rollout,
        at=moment(first.at_ms),
        actor=first.header.actor,
        runbook=text(body, "runbook"),
        title=text(body, "title"),
        outcome="",
        service=first.header.service,
        environment=first.header.environment,
        mode=text(body, "mode"),
        incident=text(body, "incident"),
        why=text(body, "why"),
        file=text(body, "file"),
        digest=text(body, "digest"),
        start=text(body, "start"),
        opskit=text(body, "opskit"),
        machine=text(part(body, "machine"), "host"),
        writer=first.header.writer,
        command=texts(body, "command"),
        services=texts(body, "services") or tuple(filter(None, (first.header.service,))),
        params=tuple(_value(each) for each in parts(body, "params")),
        secrets=texts(body, "secrets"),
        acts=acts,
        hosts=tuple(dict.fromkeys(h for act in acts for h in act.hosts if h != LOCAL)),
        resumed=tuple(_goer(event) for event in told if event.header.kind == RUN_RESUMED),
        approvals=approvals(told, first.header),
        damage=begun.damage if begun else "",
        doubts=_doubts(foreign + len(strange)),
        notes=tuple(note(event) for event in whole if event.header.kind == NOTE),
        verdicts=verdicts(whole),
        events=tuple(_in_order([*told, *(e for e in whole if e.header.kind in OPINIONS)])),
        strange=tuple(strange),
        fast_ms=first.fast_ms,
    )
    return _with_standing(_with_end(found, told, alive), told)


def _with_standing(record: RunRecord, told: Sequence[Event]) -> RunRecord:
    """Give the record with where its steps stand, and what is still to be taken back."""
    ledger, acts = Ledger(), {act.hash: act for act in record.acts}
    for event in told:
        if event.header.kind in (RUN_STARTED, RUN_RESUMED):
            ledger.turn(event.body)
        elif act := acts.get(event.hash.hex()):
            ledger.take(act)
    steps = ledger.steps(is_running=record.outcome == RUNNING)
    return record._replace(steps=steps, liabilities=ledger.liabilities())


def brief(record: RunRecord, hosts: Iterable[str]) -> RunRecord:
    """Give a run in brief, without what only its steps tell, but for the `hosts` that they came to."""
    return record._replace(
        is_brief=True, hosts=tuple(hosts), steps=(), acts=(), liabilities=(), approvals=()
    )


def _parted(events: Sequence[Event]) -> tuple[list[Event], list[Event]]:
    """Give the events that count, and what guests say who have not gone on with the run by then."""
    joined: dict[str, int] = {}
    for event in events:
        if event.header.kind == RUN_RESUMED:
            seq, writer = event.header.seq, event.header.writer
            joined[writer] = min(seq, joined.get(writer, seq))
    counts = [_counts(event, joined) for event in events]
    return list(compress(events, counts)), list(compress(events, map(not_, counts)))


def _counts(event: Event, joined: Mapping[str, int]) -> bool:
    header = event.header
    if header.kind not in (RUN_STEP, RUN_FINISHED) or not guest_of(header):
        return True
    return header.seq > joined.get(header.writer, header.seq)


def end_of(kind: str, body: Mapping[str, object]) -> str:
    """Give what an event says of the end of a run: how it came out, "" for one by which it is open again."""
    return (text(body, "outcome") or "unknown") if kind == RUN_FINISHED else ""


def _in_order(events: Iterable[Event]) -> list[Event]:
    """Give each event once, in the order that counts."""
    once = {event.hash: event for event in events}
    return sorted(once.values(), key=_place)


def _place(event: Event) -> tuple[int, str, int]:
    header = event.header
    return placed(header.hlc, header.seq, event.received_ms), header.writer, header.seq


def _with_end(record: RunRecord, told: Sequence[Event], alive: Alive) -> RunRecord:
    """Give the record with how its last session ended, or that it has not."""
    turns = (RUN_STARTED, RUN_RESUMED, RUN_FINISHED)
    held = Turns()
    found = (event for event in told if event.header.kind in turns)
    ends = [e for e in found if e.header.kind == RUN_FINISHED or not held.is_lost(e)]
    if not ends:
        return record._replace(outcome=UNFINISHED)
    last = max(ends, key=lambda e: (_place(e)[0], end_of(e.header.kind, e.body)))
    if last.header.kind != RUN_FINISHED:
        is_alive = alive(part(last.body, "machine"), last.header.ts)
        return record._replace(outcome=RUNNING if is_alive else UNFINISHED)
    return record._replace(
        outcome=end_of(RUN_FINISHED, last.body),
        reason=text(last.body, "reason"),
        ms=number(last.body, "ms"),
    )


def _act(event: Event) -> Act:
    body, header = event.body, event.header
    capture = part(body, "capture")
    return Act(
        at=moment(event.at_ms),
        actor=header.actor,
        writer=header.writer,
        hash=event.hash.hex(),
        step=text(body, "step"),
        part=number(body, "part"),
        what=text(body, "what"),
        damage=event.damage,
        hosts=texts(body, "hosts"),
        mutates=body.get("mutates") is True,
        results=tuple(_printed(each) for each in parts(body, "results")),
        capture=_value(capture) if capture else None,
        rollouts=texts(body, "rollouts"),
        on=text(body, "on"),
        language=text(body, "language"),
        script=text(body, "script"),
        rollback=text(body, "rollback"),
        timeout=number(body, "timeout"),
        batch=number(body, "batch"),
        sudo=text(body, "sudo"),
        captures=text(body, "captures"),
        expect=_value(part(body, "expect")) if part(body, "expect") else None,
        awaited=_awaited(part(body, "awaited")),
        text=text(body, "text"),
        choices=tuple(_value(each) for each in parts(body, "choices")),
        outcome=text(body, "outcome"),
        kind=text(body, "kind"),
        name=text(body, "name"),
        secret=body.get("secret") is True,
        of=text(body, "of"),
        began=text(body, "began"),
        value=text(body, "value"),
        why=text(body, "why"),
        to=text(body, "to"),
        how=text(body, "how"),
    )


def _printed(fields: Mapping[str, object]) -> Printed:
    return Printed(
        name=text(fields, "name"),
        outcome=text(fields, "outcome"),
        exit=number(fields, "exit") if fields.get("exit") is not None else None,
        ms=number(fields, "ms"),
        output=text(fields, "output"),
        error=text(fields, "error"),
    )


def _awaited(fields: Mapping[str, object]) -> Awaited | None:
    if not fields:
        return None
    every, most = number(fields, "every"), number(fields, "most")
    is_negated = fields.get("negated") is True
    return Awaited(text(fields, "name"), text(fields, "value"), is_negated, every, most, text(fields, "to"))  # fmt: skip


def _value(fields: Mapping[str, object]) -> Value:
    return Value(text(fields, "name"), text(fields, "value"))


def _goer(event: Event) -> Goer:
    header, body = event.header, event.body
    return Goer(
        at=moment(event.at_ms),
        actor=header.actor,
        machine=text(part(body, "machine"), "host"),
        writer=header.writer,
        hash=event.hash.hex(),
        command=texts(body, "command"),
        changed=texts(body, "changed"),
        undo=body.get("undo") is True,
        foreign=bool(guest_of(header)),
    )


def _doubts(strange: int) -> tuple[str, ...]:
    if not strange:
        return ()
    if strange == 1:
        return ("1 event of another writer, who has not gone on with this run, does not count",)
    return (
        f"{strange} events of other writers, who have not gone on with this run, do not count",
    )
