"""What the changelog knows, in the shape that people ask for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from opskit.changelog.ruling import VerdictEntry
from opskit.changelog.runrecords import RunRecord

if TYPE_CHECKING:
    from datetime import datetime

    from opskit.changelog.event import Event

NOT_REACHED, UNKNOWN = "not reached", "unknown"
RUNNING, UNFINISHED = "running", "unfinished"
BAD = ("failed", "reverted", "unknown")
AT_ONCE = ("task", "exec", "drain", "restore")
"""Actions that are on all hosts from the beginning."""
BY_SUDO = "by sudo as "
"""How a remark begins that says as whom a task or a command ran."""
WHILE_BAD = ("switch", "restart", "check", "put back", "reboot", "replace", "task", "wait")


def title_of(label: str, revision: str, release: str) -> str:
    """Give what people call a release: `v1 (6244b7ed)`, its short revision, else its folder's name."""
    short = revision[:8]
    if label and not revision.startswith(label):
        return f"{label} ({short})" if short else label
    return short or release


class Release(NamedTuple):
    """A version of a service: `release` is its folder's name, `revision` the source's, `label` for people.

    `irreversible` says why it cannot simply be taken back, "" if it can.
    """

    release: str = ""
    revision: str = ""
    label: str = ""
    irreversible: str = ""

    @property
    def title(self) -> str:
        """How people name it: label and short revision."""
        return title_of(self.label, self.revision, self.release)


class Commit(NamedTuple):
    """A commit between the old and the new release."""

    sha: str
    subject: str
    author: str


class StepTime(NamedTuple):
    """How long one step took on one host, in milliseconds."""

    step: str
    ms: int


class Override(NamedTuple):
    """A rule (`freeze`, `irreversible`) that would have forbidden a rollout, what it said, and why it did not count."""

    rule: str
    what: str
    why: str


class Sent(NamedTuple):
    """What a deploy had to send to one host: files, and bytes as they travelled, packed."""

    files: int
    bytes: int


class HostRecord(NamedTuple):
    """What a rollout did to one host.

    `outcome` is done, failed, reverted, skipped, unreachable, or without a result: "not reached" when
    its batch had not begun, else running while the rollout does, and unknown when it died. `live` is the release that ran there afterwards, "" if that is not known.
    `at` is None without a result. `goal` is what it was to run, where that was not the same for all.
    """

    name: str
    outcome: str = NOT_REACHED
    batch: int = 0
    before: Release | None = None
    to: str = ""
    live: str = ""
    ms: int = 0
    at: datetime | None = None
    steps: tuple[StepTime, ...] = ()
    sent: Sent | None = None
    error: str = ""
    output: str = ""
    goal: Release | None = None

    @property
    def is_bad(self) -> bool:
        """Whether it was worked on, and that did not go well."""
        return self.outcome in BAD and bool(self.steps)


class Resumption(NamedTuple):
    """Somebody went on with a rollout that was interrupted, or took it back (`revert`); `run` names what he wrote."""

    at: datetime
    actor: str
    machine: str
    run: str
    revert: bool = False
    why: str = ""
    during: str = ""


class RolloutRecord(NamedTuple):
    """One rollout as its events tell it.

    `action` is deploy, rollback, restart, reboot, replace, task or exec. `outcome` is done, failed, partial,
    refused, interrupted, or reverted by who resumed it; abandoned when a later run found it dead; "running" while its process lives on this machine, else "unfinished".
    `output` is the end of what a failed build said. `ms` is the duration, None until finished. `events` are all events of the rollout, `notes` what
    people wrote about it since, `verdicts` whether it was guilty of a trouble (the last one that counts holds), `remarks` what opskit remarked at its start. `retries` are the ids of rollouts of which it does
    what was left undone.

    `during` is the id of the run of a runbook in which it was done, `incident` what that was about; "" for none.

    `resumed` tells who went on with it, the last one last; `outcome`, `reason` and `ms` are then of the last run.

    `recorder` is who wrote it down, where it is known from receipts on hosts only: `actor` is then who those name, and nobody's
    signature says so. `damage` is what is wrong with the body of the event that began it, as of an Event.

    `standing` is that of its first event: attested, unattested, revoked or forked; "" where nobody's signature is asked
    for, or before `judging.judged` looked. `most_bad` hosts could be bad at most by the plan, and altogether for `worst_ms`; 0 if it said nothing. `principal` is who vouches for it, `doubt` why it is not attested, `doubts` what is to be
    said of its other events. `fast_ms` is how far the clock of its writer ran ahead (below 0: was slow), 0 if nobody knows.
    """

    id: str
    at: datetime
    actor: str
    action: str
    service: str
    environment: str
    outcome: str
    recorder: str = ""
    damage: str = ""
    standing: str = ""
    principal: str = ""
    doubt: str = ""
    why: str = ""
    reason: str = ""
    output: str = ""
    ms: int | None = None
    to: Release | None = None
    hosts: tuple[HostRecord, ...] = ()
    commits: tuple[Commit, ...] = ()
    command: tuple[str, ...] = ()
    machine: str = ""
    task: str = ""
    script: str = ""
    remarks: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    resumed: tuple[Resumption, ...] = ()
    notes: tuple[NoteEntry, ...] = ()
    verdicts: tuple[VerdictEntry, ...] = ()
    events: tuple[Event, ...] = ()
    fast_ms: int = 0
    overrides: tuple[Override, ...] = ()
    retries: tuple[str, ...] = ()
    during: str = ""
    incident: str = ""
    most_bad: int = 0
    worst_ms: int = 0
    earlier: tuple[HostRecord, ...] = ()
    """Results that were bad, and over which somebody has gone on: `hosts` has the later ones."""

    @property
    def bad(self) -> tuple[HostRecord, ...]:
        """The results of hosts on which the change was not well, or of which nobody knows, also of earlier runs."""
        return (*self.earlier, *(host for host in self.hosts if host.is_bad))

    @property
    def untold(self) -> tuple[HostRecord, ...]:
        """The hosts that were touched, and of which nobody has said anything since."""
        return tuple(host for host in self.hosts if host.outcome == UNKNOWN and host.at is None)

    @property
    def ended(self) -> datetime | None:
        """When its last run ended, if somebody has gone on with it and that has an end."""
        if not self.resumed or self.ms is None:
            return None
        return self.resumed[-1].at + timedelta(milliseconds=self.ms)

    @property
    def bad_ms(self) -> int:
        """How long hosts were bad altogether: from their change until that was known, and until they were back."""
        return sum(step.ms for host in self.bad for step in host.steps if step.step in WHILE_BAD)

    @property
    def before(self) -> tuple[Release, ...]:
        """The releases that the hosts ran before, each once, in the order of the hosts."""
        return tuple(dict.fromkeys(host.before for host in self.hosts if host.before))

    @property
    def after(self) -> tuple[Release, ...]:
        """The releases that hosts were to run, each once: of a rollback there may be several."""
        if self.to or self.action == "restart":
            return (self.to,) if self.to else ()
        return tuple(dict.fromkeys(host.goal for host in self.hosts if host.goal))

    @property
    def is_rolling(self) -> bool:
        """Whether it went from batch to batch, so that somebody can go on with it."""
        return bool(self.action) and self.action not in AT_ONCE

    @property
    def runs_on(self) -> str:
        """The machine of its last run."""
        return self.resumed[-1].machine if self.resumed else self.machine

    @property
    def counts(self) -> dict[str, int]:
        """How many hosts came out how, in the order of the hosts."""
        counts: dict[str, int] = {}
        for host in self.hosts:
            counts[host.outcome] = counts.get(host.outcome, 0) + 1
        return counts


class NoteEntry(NamedTuple):
    """What somebody wrote down; `rollout` if it is about one, or about a run. Standing, principal, doubt, during and incident as of a RolloutRecord."""

    id: str
    hash: str
    at: datetime
    actor: str
    text: str
    service: str = ""
    environment: str = ""
    rollout: str = ""
    hosts: tuple[str, ...] = ()
    damage: str = ""
    standing: str = ""
    principal: str = ""
    doubt: str = ""
    during: str = ""
    incident: str = ""


class OtherEntry(NamedTuple):
    """An event of a kind that this opskit does not know, as it stands."""

    id: str
    at: datetime
    actor: str
    event: Event
    standing: str = ""
    principal: str = ""
    doubt: str = ""

    @property
    def hash(self) -> str:
        """The whole hash of the event, in hex."""
        return self.event.hash.hex()


class LiveRecord(NamedTuple):
    """What a host runs according to the changelog, and the rollout that made it live there."""

    host: str
    release: str
    revision: str
    label: str
    rollout: str
    at: datetime

    @property
    def title(self) -> str:
        """How people name the release: label and short revision."""
        return title_of(self.label, self.revision, self.release)


Entry = RolloutRecord | RunRecord | NoteEntry | VerdictEntry | OtherEntry
