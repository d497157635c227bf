"""The fold of a run's events into where it stands: one event after the other, each by what it says alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.changelog import event as event_
from opskit.changelog.body import number, numbers, part, parts, text, texts
from opskit.changelog.turns import Turns
from opskit.config.model import NOTHING
from opskit.runbook.liabilities import Liabilities, Liability
from opskit.runbook.parts import (
    ANSWERED,
    APPROVED,
    DONE,
    FAILED,
    INTERRUPTED,
    MARKED,
    NOT_BEGUN,
    OVER,
    PENDING,
    SKIPPED,
    UNKNOWN,
    WHOLE,
    Done,
    is_over,
    working,
)
from opskit.runbook.progress import DECIDE, OPEN, REMARKS, WAIT, Progress, Runner, busy_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opskit.changelog import Event
    from opskit.runbook.model import Step

ACTS = ("began", "ended", "went", ANSWERED, SKIPPED, MARKED)
"""What is done where the run stands."""


def fold(steps: Sequence[Step], events: Iterable[Event]) -> Progress:
    """Give where the run stands whose events these are, the oldest first, by the steps that its file has now."""
    folding = _Fold(steps)
    for event in events:
        folding.take(event)
    return folding.result()


class _Fold:
    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = {step.id: step for step in steps}
        self.names = [step.id for step in steps]
        self.started: Mapping[str, object] = NOTHING
        self.run = self.environment = self.service = ""
        self.values: dict[str, str] = {}
        self.secrets: list[str] = []
        self.parts: dict[tuple[str, int], Done] = {}
        self.digests: dict[str, str] = {}
        self.approved: dict[str, str] = {}
        self.ran: dict[str, str] = {}
        self.path: list[str] = []
        self.cautioned: set[str] = set()
        self.owed = Liabilities(self.steps)
        self.runners: list[Runner] = []
        self.turns = Turns()
        self.outcome, self.reason, self.last_ms, self.busy_ms = OPEN, "", 0, 0
        self.at, self.number, self.visits = "", 0, 0
        self.returns: tuple[str, int] | None = None
        self.undoing = ""
        self.to_redo: set[str] = set()
        """Steps that undid something: in their turn they are done anew."""
        self.orders: list[tuple[str, ...]] = []
        self.wanted: dict[str, tuple[int, ...]] = {}
        self.asked: set[tuple[str, int]] = set()

    def take(self, event: Event) -> None:
        """Take in the next event; what is none of a run changes nothing."""
        self.last_ms = max(self.last_ms, event.at_ms)
        self.busy_ms = busy_until(event, self.busy_ms)
        self.number += 1
        match event.header.kind:
            case event_.RUN_STARTED:
                self._begin(event)
            case event_.RUN_RESUMED:
                self._go_on(event)
            case event_.RUN_STEP:
                self._step(event)
            case event_.RUN_APPROVED:
                self._approve(event)
            case event_.RUN_FINISHED:
                self.outcome = text(event.body, "outcome") or UNKNOWN
                self.reason = text(event.body, "reason")
                waits = part(event.body, "waits")
                self.asked.add((text(waits, "step"), number(waits, "part")))
            case _:
                pass

    def _begin(self, event: Event) -> None:
        header, body = event.header, event.body
        self.run, self.environment, self.service = header.rollout, header.environment, header.service  # fmt: skip
        self.started = body
        self.values = {text(p, "name"): text(p, "value") for p in parts(body, "params")}
        self.secrets = list(texts(body, "secrets"))
        self._order(body)
        self._run_by(event)
        self._come_to(text(body, "start") or next(iter(self.names), ""))

    def _go_on(self, event: Event) -> None:
        self.outcome, self.reason = OPEN, ""
        self._order(event.body)
        self._run_by(event)

    def _order(self, body: Mapping[str, object]) -> None:
        """Note the steps that the file has from now on, if the body says so, and what of each asks for something."""
        if said := {text(step, "id"): text(step, "digest") for step in parts(body, "steps")}:
            self.digests = said
            self.orders.append(tuple(said))
            self.wanted |= {text(s, "id"): numbers(s, "parts") for s in parts(body, "steps")}

    def _run_by(self, event: Event) -> None:
        header = event.header
        lost, machine = self.turns.is_lost(event), part(event.body, "machine")
        self.runners.append(Runner(header.actor, header.writer, event.at_ms, machine, lost))

    def _come_to(self, step: str) -> None:
        """Stand at a step from its beginning: it and what follows it have yet to be done."""
        if not step:
            return
        self._stand(step)
        later = set(self.names[self.names.index(step) :]) if step in self.names else {step}
        self.parts = {key: done for key, done in self.parts.items() if key[0] not in later}
        self.cautioned -= later
        self.owed.coverage.forget(later)

    def _stand(self, step: str) -> None:
        self.at = step
        self.path.append(step)
        self.visits += 1

    def _go(self, step: str, number_: int, body: Mapping[str, object], said: Done) -> None:
        """Go to another step: back is the way that it came, and from what undoes something it comes back.

        Who decides for a step has answered; where a wait sends it, nothing is left to be waited for.
        """
        to, how = text(body, "to"), text(body, "how")
        if how in (DECIDE, WAIT):
            status = ANSWERED if how == DECIDE else SKIPPED
            self.parts[step, number_] = replace(said, status=status, value=text(body, "value"))
            if to != step:  # else it is done anew
                self.owed.settle(step, self.parts, self.values, began=self.undoing)
        self.returns = (step, number_) if how == "undo" else None
        self.undoing = text(body, "began")
        if how == "back" and to in self.path[:-1]:
            del self.path[len(self.path) - 2 - self.path[-2::-1].index(to) :]
        self._come_to(to)

    def _step(self, event: Event) -> None:
        body = event.body
        step, number_ = text(body, "step"), number(body, "part")
        self.ran[step] = self.digests.get(step, "")
        what, why, actor = text(body, "what"), text(body, "why"), event.header.actor
        said = Done(actor=actor, at_ms=event.at_ms, why=why, number=self.number)
        self._be_at(step, body)
        if what == "began":
            self._began(step, number_, event, said)
        elif what == "went":
            self._go(step, number_, body, said)
        elif what in ("undone", "cleared"):
            by = text(body, "rollback") if what == "undone" else ""
            self.owed.close(text(body, "of") or step, number_, text(body, "began"), rollback=by)
        else:
            self._dealt((step, number_), what, body, said)
        if what != "went" and not self.undoing:
            self.owed.settle(step, self.parts, self.values)

    def _be_at(self, step: str, body: Mapping[str, object]) -> None:
        """Stand where something is done: the step that is next, or, if the file has changed since, what was next then."""
        self._advance()
        here = text(body, "what") in ACTS and text(body, "how") != "undo"
        if here and step != self.at:
            self._stand(step)

    def _began(self, step: str, number_: int, event: Event, said: Done) -> None:
        body, hosts = event.body, texts(event.body, "hosts")
        rests = bool(body.get("awaited")) and not text(part(body, "awaited"), "name")
        self.parts[step, number_] = replace(
            said, status=PENDING if rests else UNKNOWN, hosts=hosts
        )
        owed = Liability(
            step, number_, text(body, "rollback"), hosts, dict(self.values),
            said.actor, said.at_ms, self.number, event.id, text(body, "on"),
        )  # fmt: skip
        self.owed.coverage.began(step, number_, on=owed.on, mutates=body.get("mutates") is True)
        self.owed.begin(owed, body)

    def _dealt(self, key: tuple[str, int], what: str, body: Mapping[str, object], said: Done) -> None:  # fmt: skip
        if what == "ended":
            self._end(key, body, said)
        elif what == "answered":
            self._answer(key, body, said)
        elif what in (SKIPPED, MARKED):
            hosts = self.parts.get(key, NOT_BEGUN).hosts
            self.parts[key] = replace(said, status=what, hosts=hosts)
            if what == MARKED:
                self.owed.coverage.marked(*key)

    def _end(self, key: tuple[str, int], body: Mapping[str, object], said: Done) -> None:
        hosts = self.parts.get(key, NOT_BEGUN).hosts
        results = tuple(parts(body, "results"))
        outcome = text(body, "outcome")
        good = (text(each, "name") for each in results if text(each, "outcome") == DONE)
        self.owed.coverage.ended(*key, good)
        status = outcome if outcome in (DONE, FAILED, INTERRUPTED) else UNKNOWN
        self.parts[key] = replace(said, status=status, hosts=hosts, results=results)
        captured = part(body, "capture")
        if name := text(captured, "name"):
            self.values[name] = text(captured, "value")

    def _answer(self, key: tuple[str, int], body: Mapping[str, object], said: Done) -> None:
        kind, value = text(body, "kind"), text(body, "value")
        if kind == "caution":
            self.cautioned.add(key[0])
        if kind == "approve":
            self.approved = self.digests
        if kind not in REMARKS:
            self.parts[key] = replace(said, status=ANSWERED, value=value)
        if name := text(body, "name"):
            if body.get("secret") is True:
                self.secrets += [] if name in self.secrets else [name]
                self.values.pop(name, None)
            else:
                self.values[name] = value

    def _approve(self, event: Event) -> None:
        """Take in that somebody else says yes: nobody who ran it counts, nor what was not yet asked for."""
        header, body = event.header, event.body
        key = (text(body, "step"), number(body, "part"))
        done, ours = self.parts.get(key, NOT_BEGUN), any(r.wrote(header) for r in self.runners)
        if not ours and key in self.asked and done.status in (PENDING, APPROVED):
            why, digest = text(body, "why"), text(body, "digest")
            self.parts[key] = Done(APPROVED, header.actor, event.at_ms, why, digest, number=self.number)  # fmt: skip

    def _next(self) -> tuple[str, int]:
        """Give the step and the part that are next."""
        self._advance()
        known = working(self.steps[self.at]) if self.at in self.steps else ()
        left = (n for n in known if self._is_open(self.at, n))
        return self.at, next(left, WHOLE if self.at else 0)

    def _advance(self) -> None:
        """Go on to the step that is not over."""
        while self.at:
            step = self.steps.get(self.at)
            if self._is_lost(self.at) if step is None else not is_over(step, self.parts):
                return
            after = self._after(self.at)
            if after in self.to_redo:
                self.to_redo.remove(after)
                self.parts = {key: done for key, done in self.parts.items() if key[0] != after}
            if after:
                self._stand(after)
            else:
                self.at = ""

    def _is_lost(self, step: str) -> bool:
        """Tell whether of a step that the file has not got something was begun and is not over, or whether it never had it."""
        wanted = self.wanted.get(step)
        if wanted is None:
            return True
        begun = any(key[0] == step for key in self.parts)
        return begun and self._is_open(step, WHOLE) and any(self._is_open(step, n) for n in wanted or (WHOLE,))  # fmt: skip

    def _is_open(self, step: str, part_: int) -> bool:
        return self.parts.get((step, part_), NOT_BEGUN).status not in OVER

    def _after(self, step: str) -> str:
        """Give the step that follows, "" after the last; what follows one that is gone follows what stood before it."""
        if self.returns is not None:
            back, self.returns, self.undoing = self.returns, None, ""
            self.parts.pop(back, None)
            self.to_redo.add(step)
            return back[0]
        old = next((order for order in reversed(self.orders) if step in order), ())
        before = old[old.index(step) :: -1] if step in old else (step,)
        known = next((name for name in before if name in self.steps), "")
        at = self.names.index(known) + 1 if known else 0 if step in old else len(self.names)
        return self.names[at] if at < len(self.names) else ""

    def result(self) -> Progress:
        """Give what was folded."""
        step, part_ = self._next()
        return Progress(
            run=self.run, started=self.started, step=step, part=part_, values=dict(self.values),
            secrets=tuple(self.secrets), parts=dict(self.parts), ran=dict(self.ran), approved=self.approved, path=tuple(self.path), visits=self.visits,
            cautioned=frozenset(self.cautioned), liabilities=self.owed.open, runners=tuple(self.runners),
            outcome=self.outcome, reason=self.reason, last_ms=self.last_ms, busy_ms=self.busy_ms, order=tuple(self.digests), returns=self.returns[0] if self.returns else "",
            environment=self.environment, service=self.service,
        )  # fmt: skip
