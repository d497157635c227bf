"""The values that travel between the parts of blame: a Question and Candidates come in, an Answer goes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from opskit.changelog import Commit, Release

DRIFT = "drift"
NOTHING: Mapping[str, datetime] = MappingProxyType({})
NEVER: Mapping[str, Sequence[tuple[datetime, datetime]]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Question:
    """What is known of the trouble.

    `at` is when it was there at the latest: what began later cannot have caused it. `is_onset` says that somebody knows it to have begun then, rather
    than that it is there now. `services` are ill, `ill` are the hosts that show the symptom, `well` are hosts that were looked at and do
    not; both empty when nobody knows. `fleet` are all hosts on which it might be seen. `onsets` say when each host showed it first, where
    that is known; `onset_from` says how, and `well_from` by what hosts are called well. `within` are the seconds by which these times may be off (None: as much as clocks do). `symptom` is text: an error, lines of a log. `by_check` says that the trouble is just that health checks fail.
    `needed` are services whose own check fails and that an ill one needs, `needing` the ill ones that need those; `below` says in words how all are that the ill ones need.
    """

    at: datetime
    is_onset: bool = False
    environment: str = ""
    services: tuple[str, ...] = ()
    ill: tuple[str, ...] = ()
    well: tuple[str, ...] = ()
    fleet: tuple[str, ...] = ()
    onsets: Mapping[str, datetime] = field(default_factory=lambda: NOTHING)
    onset_from: str = ""
    well_from: str = ""
    within: float | None = None
    symptom: str = ""
    by_check: bool = False
    needed: tuple[str, ...] = ()
    needing: tuple[str, ...] = ()
    below: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """The commits that a candidate brought: what `new` has and `old` has not, of the part `folder` of a repository of this machine."""

    repository: Path
    old: str
    new: str
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that changed hosts, and so may be the cause.

    `id` is the rollout's, the run's or the event's; `kind` is deploy, rollback, restart, reboot, replace, task, exec, drain, restore, runbook (steps of a
    run that mutate), note, thaw, or drift (a host runs what no rollout brought). `flips` say when each host began to run
    what it brought, by this fleet's clock; hosts that were only planned are not in it. `retreats` say when a host went back from it, `away` from when to when hosts had that came to it again, `passed` when the service's health check passed in it. `outcome` is as in a RolloutRecord. `distance` is 0 if it is about a
    service that is ill (or nobody knows which are), 1 for what that one depends on directly, and so on; -1 if it is of another service,
    whose hosts only are the same. `events` are the hashes of the events that say so, the first one first; `sources` say it where there is no event, in words: receipts and files on hosts. `overrides` are rules that did not count.
    """

    id: str
    kind: str
    at: datetime
    service: str = ""
    environment: str = ""
    actor: str = ""
    why: str = ""
    outcome: str = ""
    reason: str = ""
    flips: Mapping[str, datetime] = field(default_factory=lambda: NOTHING)
    retreats: Mapping[str, datetime] = field(default_factory=lambda: NOTHING)
    away: Mapping[str, Sequence[tuple[datetime, datetime]]] = field(default_factory=lambda: NEVER)
    passed: Mapping[str, datetime] = field(default_factory=lambda: NOTHING)
    before: tuple[Release, ...] = ()
    after: tuple[Release, ...] = ()
    commits: tuple[Commit, ...] = ()
    history: History | None = None
    distance: int = 0
    overrides: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    undo: str = ""
    left: str = ""
    """What it left on its hosts that no rollout brought there, in words: files of a release that were changed by hand."""
    text: str = ""
    """What it says of itself, to be compared with the symptom: reason, task, command, output, note."""
    during: str = ""
    incident: str = ""

    def gone(self, by: datetime) -> Mapping[str, datetime]:
        """Give the hosts that had gone back from it by then and were without it, and since when."""
        left = {host: at for host, at in self.retreats.items() if at < by}
        spans = ((host, span) for host, each in self.away.items() for span in each)
        return left | {host: since for host, (since, until) in spans if since < by <= until}


@dataclass(frozen=True, slots=True)
class CommitMatch:
    """A commit that the symptom points to: `words` are what both say, the rarest first, `where` the files (or "message") in which."""

    sha: str
    subject: str
    author: str
    score: float
    words: tuple[str, ...] = ()
    where: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TextEvidence:
    """What the symptom's text says for a candidate: `bits` (log2 of a likelihood ratio; below 0 against it), its commits, the best first, and the `words` that what it says of itself has in common with it."""

    bits: float
    matches: tuple[CommitMatch, ...] = ()
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Term:
    """One piece of evidence: its name in the documentation's formula, its weight in bits (log2 of a likelihood ratio), a sentence, and what that is from.

    `source` names an event (`event 1a2b3c4d5e`), a commit, a host's receipt, or what the user said (`--onset`).
    """

    name: str
    bits: float
    because: str
    source: str


@dataclass(frozen=True, slots=True)
class Suspect:
    """A candidate that may have caused it: `share` is its part of the belief (0..1), what it is made of, hosts of it that show the symptom and that do not."""

    candidate: Candidate
    share: float
    terms: tuple[Term, ...]
    ill: tuple[str, ...] = ()
    well: tuple[str, ...] = ()
    matches: tuple[CommitMatch, ...] = ()

    @property
    def bits(self) -> float:
        """The sum of its terms."""
        return sum(term.bits for term in self.terms)


@dataclass(frozen=True, slots=True)
class Cleared:
    """A candidate that did not cause it, why, and what that is from."""

    candidate: Candidate
    because: str
    source: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Suspects, the likeliest first; what was cleared; and the belief (0..1) that nothing in the changelog explains it.

    `outside` competes with the suspects: their shares and it add up to 1. `explains` is whether the first of them is believed more than
    that. `missing` are sentences on what was not known, and so not weighed.
    """

    question: Question
    suspects: tuple[Suspect, ...]
    cleared: tuple[Cleared, ...]
    outside: float
    outside_terms: tuple[Term, ...] = ()
    missing: tuple[str, ...] = ()
    since: datetime | None = None
    """What is older than that was not looked at."""

    @property
    def explains(self) -> bool:
        """Whether something in the changelog is likelier than that nothing is."""
        return bool(self.suspects) and self.suspects[0].share > self.outside
