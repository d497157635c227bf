"""What the changelog knows of a run of a runbook, in the shape that people ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from opskit.changelog.event import Event
    from opskit.changelog.records import NoteEntry
    from opskit.changelog.ruling import VerdictEntry

SUSPENDED, ABORTED = "suspended", "aborted"
WHOLE = -1
"""The part that stands for a step as a whole."""
BEGAN, ENDED, ANSWERED, SKIPPED = "began", "ended", "answered", "skipped"
MARKED, WENT, UNDONE, CLEARED = "marked", "went", "undone", "cleared"
DECIDE, WAIT = "decide", "wait"
"""How a run went to another step if a part of this one sent it there: somebody decided so, or it was waited in vain."""
DRILL = "drill"
LOCAL = "local"
"""What a run calls the operator's own machine, among hosts."""


class Value(NamedTuple):
    """A parameter of a run, an answer, or what a command printed that a later one needs: as it is called, and what it is."""

    name: str
    value: str


class Awaited(NamedTuple):
    """What a wait asks for: that `name` is (or, `negated`, is not) `value`, looked at every so many ms, `most` ms at most, else step `to`."""

    name: str
    value: str = ""
    negated: bool = False
    every: int = 0
    most: int = 0
    to: str = ""


class Printed(NamedTuple):
    """What came of an action on one host (or "local"): `outcome` done, failed, unreachable, …; the exit code if it has one, the end of what it said."""

    name: str
    outcome: str = ""
    exit: int | None = None
    ms: int = 0
    output: str = ""
    error: str = ""


class Act(NamedTuple):
    """One thing that happened in a run, as a `run.step` event tells it: `what` says which of the fields below `part` there are.

    `part` is the part's index in the step, `WHOLE` for the step. `writer` is who wrote it down, `hash` the event's, both in hex.
    """

    at: datetime
    actor: str
    writer: str
    hash: str
    step: str
    part: int
    what: str
    damage: str = ""
    # began
    hosts: tuple[str, ...] = ()
    on: str = ""
    language: str = ""
    script: str = ""
    mutates: bool = False
    rollback: str = ""
    timeout: int = 0
    """In ms, 0 if nobody wrote it down."""
    batch: int = 0
    sudo: str = ""
    captures: str = ""
    expect: Value | None = None
    """How what it prints is compared, and with what."""
    awaited: Awaited | None = None
    # ended
    outcome: str = ""
    results: tuple[Printed, ...] = ()
    capture: Value | None = None
    rollouts: tuple[str, ...] = ()
    # answered (and went, by a decision): the question, and its choices with their steps; what was asked for, and said; skipped, marked, cleared: why; went; undone
    text: str = ""
    choices: tuple[Value, ...] = ()
    kind: str = ""
    name: str = ""
    value: str = ""
    secret: bool = False
    why: str = ""
    to: str = ""
    how: str = ""
    of: str = ""
    began: str = ""
    """The id of the event by which what is undone or cleared began, where only that one is meant."""

    @property
    def rests(self) -> bool:
        """Whether only time is to pass since then."""
        return self.what == BEGAN and self.awaited is not None and not self.awaited.name


class RunStep(NamedTuple):
    """A step of the page as it was when the run began, and where it stands.

    `state`: "not reached"; begun (something of it happened, and it is not over); running; unknown (something of it began, and
    nobody knows how that ended); done; failed; interrupted; skipped; marked (done by hand, as somebody says); undone.
    """

    id: str
    title: str = ""
    digest: str = ""
    state: str = ""


class Goer(NamedTuple):
    """Somebody went on with a run; `changed` are the steps whose text was another one by then.

    `undo`: only to take back what was open. `foreign`: the run was another writer's.
    """

    at: datetime
    actor: str
    machine: str
    writer: str
    hash: str
    command: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    undo: bool = False
    foreign: bool = False


class Approval(NamedTuple):
    """Somebody said yes to an Approve part.

    `counts`: it is no word of those who run it. Where signatures are asked for, only `Changelog.judged(…, whole=True)` knows
    that for certain: it takes `counts` away from what nobody vouches for, and from those who signed for who runs it, too.
    """

    at: datetime
    actor: str
    writer: str
    hash: str
    step: str
    part: int
    why: str
    counts: bool
    standing: str = ""
    principal: str = ""
    doubt: str = ""


class Liability(NamedTuple):
    """A change that a run made, or began to, and that is still to be taken back: by the step `rollback`. `values` are those that it names."""

    step: str
    part: int
    rollback: str
    at: datetime
    actor: str
    title: str = ""
    hosts: tuple[str, ...] = ()
    values: tuple[Value, ...] = ()


class RunRecord(NamedTuple):
    """One run of a runbook as its events tell it; `runs` says which of them count.

    `runbook` is the page's id. `mode` is run, auto or drill. `outcome` is done, failed, aborted or suspended; "running" while its process lives
    on this machine, else "unfinished". `ms` is the duration of its last session, None until it ended. `acts` are what happened in it, the
    oldest first; `steps` where each step of the page stands, in the order of the page by which somebody last went on. `secrets` are the names of parameters
    whose values nobody wrote down. `resumed` tells who went on with it, the last one last. `liabilities` are still open, the one to
    undo first comes first. `events` are those that count, in the order in which they do, and the notes; `strange` those that do not.

    `hosts` are those that something of it was run on. One that `is_brief` was told among many: it has no steps, acts, liabilities and approvals.

    `damage`, `standing`, `principal`, `doubt`, `doubts`, `notes`, `fast_ms` as of a RolloutRecord.
    """

    id: str
    at: datetime
    actor: str
    runbook: str
    title: str
    outcome: str
    service: str = ""
    environment: str = ""
    mode: str = ""
    incident: str = ""
    why: str = ""
    reason: str = ""
    ms: int | None = None
    file: str = ""
    digest: str = ""
    start: str = ""
    machine: str = ""
    writer: str = ""
    opskit: str = ""
    command: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    params: tuple[Value, ...] = ()
    secrets: tuple[str, ...] = ()
    steps: tuple[RunStep, ...] = ()
    acts: tuple[Act, ...] = ()
    hosts: tuple[str, ...] = ()
    resumed: tuple[Goer, ...] = ()
    approvals: tuple[Approval, ...] = ()
    liabilities: tuple[Liability, ...] = ()
    damage: str = ""
    standing: str = ""
    principal: str = ""
    doubt: str = ""
    doubts: tuple[str, ...] = ()
    notes: tuple[NoteEntry, ...] = ()
    verdicts: tuple[VerdictEntry, ...] = ()
    events: tuple[Event, ...] = ()
    strange: tuple[Event, ...] = ()
    fast_ms: int = 0
    is_brief: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it has not come to its end, so that somebody can go on with it."""
        return self.outcome in ("unfinished", SUSPENDED)

    @property
    def runs_on(self) -> str:
        """The machine of its last session."""
        return self.resumed[-1].machine if self.resumed else self.machine

    @property
    def people(self) -> tuple[str, ...]:
        """Who ran it, each once, in their order."""
        return tuple(dict.fromkeys((self.actor, *(goer.actor for goer in self.resumed))))

    @property
    def rollouts(self) -> tuple[str, ...]:
        """The rollouts that its actions say they did, each once."""
        return tuple(dict.fromkeys(name for act in self.acts for name in act.rollouts))

    def title_of(self, step: str) -> str:
        """Give the title of a step, its id if that is not known."""
        return next((s.title for s in self.steps if s.id == step and s.title), step)
