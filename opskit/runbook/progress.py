"""Where a run of a runbook stands: a fold of its events, and of nothing else.

A part of a step that began and did not end is of unknown outcome: whoever goes on must say what became of it. The live run asks
this very fold what comes next after each of its own events, so that it and whoever resumes it cannot differ.

Of `run.step`, `what` is began, ended, answered, skipped, marked, went, undone or cleared. Of what is answered, these kinds finish nothing
and are kept for whoever reads it: caution (the id of the step was typed out), shell (somebody looked at a host), value (a command needed it, and nothing had given it).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opskit.changelog.body import number, part, text, texts
from opskit.changelog.event import RUN_FINISHED, RUN_STEP
from opskit.runbook.parts import FAILED, INTERRUPTED, NOT_BEGUN, OVER, SKIPPED, WHOLE, Done

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.changelog.event import Event, Header
    from opskit.runbook.liabilities import Liability

OPEN, SUSPENDED = "", "suspended"
DECIDE, WAIT = "decide", "wait"
"""How a run went to another step if a part of this one sent it there, which is over by that."""
REMARKS = ("caution", "shell", "value")
"""Kinds of answers that finish no part."""


@dataclass(frozen=True, slots=True)
class Runner:
    """Somebody who ran it: who began it, or went on with it; on which machine, since when."""

    actor: str
    writer: str
    at_ms: int
    machine: Mapping[str, object]
    lost: bool = False
    """Whether another one went on at the same time, and was the first: then this one did not."""

    def wrote(self, header: Header) -> bool:
        """Tell whether an event is theirs: by their name, or from their changelog."""
        return header.actor == self.actor or header.writer == self.writer


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands.

    `step` is the id of the step that is next, "" when there is none; `part` the number of the part of it. `values` are what
    commands get: parameters, answers, captures; `secrets` the names of those that are asked again. `parts` tells what is known by step
    and part. `ran` has the digest that each step had when it was last worked on; `path` the steps that the run came to, in their order, `visits` how often it came to one.
    `outcome` is "" while the run is open.
    """

    run: str
    started: Mapping[str, object]
    step: str
    part: int
    values: Mapping[str, str]
    secrets: tuple[str, ...]
    parts: Mapping[tuple[str, int], Done]
    ran: Mapping[str, str]
    path: tuple[str, ...]
    visits: int
    cautioned: frozenset[str]
    liabilities: tuple[Liability, ...]
    runners: tuple[Runner, ...]
    outcome: str
    reason: str
    last_ms: int
    order: tuple[str, ...]
    """The ids of the steps as the file had them when somebody last went on."""
    returns: str = ""
    """The step to which it comes back when the one that is next, which undoes something, is done."""
    approved: Mapping[str, str] = field(default_factory=dict)
    """The digests that the steps had when somebody last said yes to what follows; none if nobody had to."""
    busy_ms: int = 0
    """Until when a command that has begun may still run, by its limit, in milliseconds; 0 if none is known to run."""
    environment: str = ""
    service: str = ""

    def of(self, step: str, number: int) -> Done:
        """Give what is known of a part of a step."""
        return self.parts.get((step, number), NOT_BEGUN)

    @property
    def nothing_done(self) -> bool:
        """Whether all that was dealt with was skipped."""
        return bool(self.parts) and all(d.status == SKIPPED for d in self.parts.values())

    @property
    def failed(self) -> bool:
        """Whether a part that nobody has dealt with failed, or was ended before its end."""
        over = {
            step
            for (step, part), done in self.parts.items()
            if part == WHOLE and done.status in OVER
        }
        bad = (FAILED, INTERRUPTED)
        return any(done.status in bad and key[0] not in over for key, done in self.parts.items())

    @property
    def mode(self) -> str:
        """How it is run: run, auto or drill."""
        return text(self.started, "mode") or "run"


def busy_until(event: Event, before: int) -> int:
    """Give until when, after this event, a command may run that has begun, in milliseconds: `before` if the event tells nothing of that."""
    body, kind = event.body, event.header.kind
    if kind not in (RUN_STEP, RUN_FINISHED):
        return before
    if kind == RUN_FINISHED or text(body, "what") != "began":
        return 0
    hosts, batch = len(texts(body, "hosts")), number(body, "batch")
    batches = -(-hosts // batch) if batch > 0 else 1
    awaited = number(part(body, "awaited"), "most")
    return event.at_ms + (awaited or number(body, "timeout") * max(1, batches))
