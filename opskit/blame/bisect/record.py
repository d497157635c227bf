"""A bisection in the changelog: each step is written before it is taken and after, so that anybody can go on with it.

Its events stand alone, each naming the first one by its hash as `bisect`; they are about a service in an environment:

    bisect.started   {"good", "bad": hashes of commits, "check", "host": name or "" (a local folder), "on_host": whether the check runs there, "first_parent": bool,
                      "was": {"release", "revision", "label"} of the host, "why", "during", "incident", "command", "machine", "quiet_ms": how long it may say nothing}
    bisect.resumed   {"bisect", "machine", "quiet_ms", "knows": ids of the turns that were known, see `turn`}
    bisect.step      {"bisect", "what": "drains" | "brings" | "returns" | "restores", "rollout", "sha"}: what is about to be done
                     {"bisect", "what": "tested", "sha", "word": "good" | "bad" | "skip", "exit", "reason", "output", "ms"}
    bisect.finished  {"bisect", "outcome": "found" | "unclear" | "refused" | "stopped", "suspects": [hashes], "reason"}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.changelog import Filter, OtherEntry, Release
from opskit.changelog.body import number, part, text, texts
from opskit.changelog.event import (
    BISECT_FINISHED,
    BISECT_RESUMED,
    BISECT_STARTED,
    BISECT_STEP,
)
from opskit.errors import RefusedError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from opskit.blame.bisect.turn import Turns
    from opskit.changelog import Changelog, Event
    from opskit.config.model import ChangelogSettings

TESTED, DRAINS, BRINGS, RETURNS, RESTORES = "tested", "drains", "brings", "returns", "restores"
FOUND, UNCLEAR, REFUSED, STOPPED = "found", "unclear", "refused", "stopped"
MOST_OUTPUT = 4000
MOST_TURNS = 50
"""So many of those who began or went on does whoever goes on say that he knows of."""
LISTED = "opskit log --kind bisect lists them"


@dataclass(frozen=True, slots=True)
class Tested:
    """A commit that was tried: `word` is good, bad or skip, `exit` what the check ended with (-1: it did not run), `reason` why it was skipped."""

    sha: str
    word: str
    exit: int = -1
    reason: str = ""
    output: str = ""
    ms: int = 0


@dataclass(frozen=True, slots=True)
class Bisection:
    """A bisection as the changelog tells it; `hash` is that of its first event. `host` is "" if it is in a local folder.

    `on_host` is whether the check runs there rather than on the machine of who goes on. `drains` are the rollouts that took its host out of load balancers, `brings` those that brought commits there, `seated` those that took it out of them or put it back, in their order, `rollouts` all of them. `outcome` is "" while it is open;
    one that was stopped can be gone on with. `actor` and `writer` are of who began it, `why` is what they said.
    """

    hash: str
    service: str
    environment: str
    good: str
    bad: str
    check: str
    host: str
    first_parent: bool
    was: Release
    on_host: bool = False
    tests: tuple[Tested, ...] = ()
    drains: tuple[str, ...] = ()
    brings: tuple[str, ...] = ()
    seated: tuple[str, ...] = ()
    rollouts: frozenset[str] = frozenset()
    outcome: str = ""
    suspects: tuple[str, ...] = ()
    actor: str = ""
    writer: str = ""
    why: str = ""

    @property
    def is_open(self) -> bool:
        """Whether somebody can go on with it."""
        return self.outcome in ("", STOPPED)

    @property
    def id(self) -> str:
        """What people call it: the beginning of its first event's hash."""
        return self.hash[:10]


def recorded(changelog: Changelog, prefix: str, settings: ChangelogSettings) -> Bisection:
    """Give the bisection whose id starts so; what was revoked of it does not count. Raises UnknownNameError."""
    try:
        event = changelog.show(prefix).event
    except UnknownNameError as error:
        if error.what.startswith("several"):
            raise
        raise UnknownNameError(f"no bisection {prefix!r}", hint=LISTED) from None
    if event.header.kind != BISECT_STARTED:
        raise UnknownNameError(f"{event.id} is no bisection", hint=LISTED)
    found = changelog.entries(Filter(bisect=event.hash.hex()))
    told = [each for each in changelog.judged(found, settings) if each.standing != "revoked"]
    later = [each.event for each in reversed(told) if isinstance(each, OtherEntry)]
    return _folded(event, later)


def tries(changelog: Changelog, since: datetime | None = None) -> Mapping[str, tuple[str, str]]:
    """Give the rollouts by which any bisection only tried something on a host, each with its service and environment."""
    steps = changelog.entries(Filter(action=BISECT_STEP, since=since))
    events = (step.event for step in steps if isinstance(step, OtherEntry))
    named = {text(e.body, "rollout"): (e.header.service, e.header.environment) for e in events}
    return {rollout: place for rollout, place in named.items() if rollout}


def demand_open(one: Bisection, turns: Turns, *, only_back: bool, take_over: bool) -> None:
    """Raise RefusedError for a bisection that is over, unless its host is `only` to be put `back`, and LockedError for one that somebody else is at, unless that is to be taken over."""
    if not one.is_open and not only_back:
        raise RefusedError(f"bisection {one.id} is over: {one.outcome}")
    if not one.outcome and not take_over:
        turns.demand_free()


class Writer:
    """Writes the events of one bisection. Every method raises ChangelogError."""

    def __init__(self, changelog: Changelog, service: str, environment: str, hash_: str) -> None:
        self._changelog = changelog
        self._about = {"service": service, "environment": environment}
        self.hash = hash_

    def start(self, body: Mapping[str, object]) -> str:
        """Write that it begins; gives its hash."""
        self.hash = self._changelog.append(BISECT_STARTED, body, **self._about).hash.hex()
        return self.hash

    def resume(self, machine: Mapping[str, object], *, knows: Sequence[str], quiet_ms: int = 0) -> str:  # fmt: skip
        """Write that somebody goes on, who `knows` these turns, and may say nothing for so long; gives the id of this turn."""
        body = {"machine": machine, "knows": list(knows)[-MOST_TURNS:], "quiet_ms": quiet_ms}
        return self._write(BISECT_RESUMED, body).id

    def step(self, what: str, rollout: str, sha: str = "") -> None:
        """Write what is about to be done, and by which rollout."""
        self._write(BISECT_STEP, {"what": what, "rollout": rollout, "sha": sha})

    def tested(self, one: Tested) -> None:
        """Write what came of a test."""
        told = {"what": TESTED, "sha": one.sha, "word": one.word, "exit": one.exit, "ms": one.ms}
        said = {"reason": one.reason, "output": one.output[-MOST_OUTPUT:]}
        self._write(BISECT_STEP, {**told, **said})

    def finish(self, outcome: str, suspects: tuple[str, ...] = (), reason: str = "") -> None:
        """Write how it ended."""
        body = {"outcome": outcome, "suspects": list(suspects), "reason": reason}
        self._write(BISECT_FINISHED, body)

    def _write(self, kind: str, body: Mapping[str, object]) -> Event:
        return self._changelog.append(kind, {"bisect": self.hash, **body}, **self._about)


def _folded(first: Event, later: list[Event]) -> Bisection:
    body, steps = first.body, [e.body for e in later if e.header.kind == BISECT_STEP]
    ends = [e for e in later if e.header.kind in (BISECT_FINISHED, BISECT_RESUMED)]
    last = ends[-1].body if ends and ends[-1].header.kind == BISECT_FINISHED else {}
    was = part(body, "was")
    return Bisection(
        hash=first.hash.hex(),
        service=first.header.service,
        environment=first.header.environment,
        good=text(body, "good"),
        bad=text(body, "bad"),
        check=text(body, "check"),
        host=text(body, "host"),
        first_parent=body.get("first_parent") is True,
        was=Release(*(text(was, name) for name in ("release", "revision", "label"))),
        on_host=body.get("on_host") is True,
        tests=tuple(_tested(step) for step in steps if step.get("what") == TESTED),
        drains=_rollouts(steps, DRAINS),
        brings=_rollouts(steps, BRINGS),
        seated=_rollouts(steps, DRAINS, RESTORES),
        rollouts=frozenset(_rollouts(steps, DRAINS, BRINGS, RETURNS, RESTORES)),
        outcome=text(last, "outcome"),
        suspects=texts(last, "suspects"),
        actor=first.header.actor,
        writer=first.header.writer,
        why=text(body, "why"),
    )


def _rollouts(steps: list[Mapping[str, object]], *whats: str) -> tuple[str, ...]:
    return tuple(text(s, "rollout") for s in steps if s.get("what") in whats if text(s, "rollout"))


def _tested(body: Mapping[str, object]) -> Tested:
    names = (text(body, "sha"), text(body, "word"))
    said = (text(body, "reason"), text(body, "output"))
    return Tested(*names, number(body, "exit"), *said, number(body, "ms"))
