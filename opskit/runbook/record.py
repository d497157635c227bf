"""The record of one run: each event durable before what it tells of is done, and nothing of a run kept anywhere else."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from opskit import __version__
from opskit.changelog import this_machine
from opskit.changelog.body import part, text, texts
from opskit.changelog.event import RUN_FINISHED, RUN_RESUMED, RUN_STARTED, RUN_STEP, Event, Header
from opskit.changelog.machine import actor_here
from opskit.errors import ChangelogError, LockedError
from opskit.rollout.recorder import command_line, redacted
from opskit.runbook.folding import fold
from opskit.runbook.parts import working

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opskit.changelog import Changelog
    from opskit.config.secret import Redactor
    from opskit.runbook.model import Runbook
    from opskit.runbook.progress import Progress

OURS = frozenset(("runbook", "title", "digest", "mode", "id", "start", "what", "part", "kind", "name", "how", "to", "of", "rollback", "language", "mutates", "outcome", "step", "secret", "secrets", "machine", "rollouts", "hosts", "exit", "steps", "params", "captures", "sudo", "knows"))  # fmt: skip
"""What of a body holds names and words of ours: nobody's secret stands there, or what is read back would not be what was written."""
MOST_TURNS = 50
"""So many of those who began or went on with a run does whoever goes on say that he knows of."""
INNER = ("steps", "params", "results", "choices")
"""Lists of a body that are looked into."""


class Record:
    """Writes a run's events, without the secrets that `redactor` gives, and tells where the run stands.

    With `must`, an event that cannot be written raises ChangelogError before anything is done; else (what puts things back must not
    wait for a record) it is kept, counts as if it were written, is tried again with the next one, and `lost` says why.
    """

    def __init__(
        self,
        book: Runbook,
        changelog: Changelog,
        *,
        run: str,
        environment: str,
        redactor: Callable[[], Redactor],
        earlier: Sequence[Event] = (),
        must: bool = True,
        reload: Callable[[], Sequence[Event]] | None = None,
    ) -> None:
        self.book = book
        self.run = run
        self._written = list(earlier)
        self.lost: ChangelogError | None = None
        self._changelog = changelog
        self._environment = environment
        self._redactor = redactor
        self._must = must
        self._kept: list[Event] = []
        self._reload = reload or (lambda: changelog.run(run).events)
        self._began = time.monotonic()
        self._mine: Event | None = None

    @property
    def events(self) -> list[Event]:
        """The run's events, those last that could not be written yet."""
        return [*self._written, *self._kept]

    @property
    def now(self) -> Progress:
        """Where the run stands after all that was written."""
        return fold(self.book.steps, self.events)

    def start(
        self,
        *,
        mode: str,
        start: str,
        params: Mapping[str, str],
        secrets: Sequence[str],
        incident: str,
        why: str,
    ) -> None:
        """Make the run durable, before its first step. Raises ChangelogError."""
        book = self.book
        body = {
            "runbook": book.id, "title": book.title, "file": str(book.file), "digest": book.digest,
            "services": list(book.services), "mode": mode, "incident": incident, "why": why, "start": start, "secrets": list(secrets),
            "params": [{"name": name, "value": value} for name, value in params.items()],
            **self._here(),
        }  # fmt: skip
        self._mine = self._append(RUN_STARTED, body)

    def resume(self, *, changed: Sequence[str], undo: bool = False) -> None:
        """Make durable that somebody goes on, or puts things back. Raises ChangelogError."""
        turns = [e.id for e in self.events if e.header.kind in (RUN_STARTED, RUN_RESUMED)]
        more = {"knows": turns[-MOST_TURNS:], **({"undo": True} if undo else {})}
        self._mine = self._append(RUN_RESUMED, {"changed": list(changed), **more, **self._here()})

    def step(self, step: str, part: int, what: str, **more: object) -> None:
        """Write what was done to a part of a step; durable when this returns. Raises ChangelogError."""
        self._append(RUN_STEP, {"step": step, "part": part, "what": what, **more})

    def finish(
        self, outcome: str, reason: str, *, waits: Mapping[str, object] | None = None
    ) -> None:
        """Write how it ended, or that it is suspended, and for what it waits; and how much is still to be undone."""
        ms = round((time.monotonic() - self._began) * 1000)
        more = {"waits": waits} if waits else {}
        said = {"outcome": outcome, "reason": reason[:1000], "ms": ms}
        self._append(RUN_FINISHED, {**said, "owes": len(self.now.liabilities), **more})

    def seconds_since(self, at_ms: int) -> float:
        """Give how long ago an event was written, by the clock that the changelog goes by; never below 0."""
        return max(0.0, time.time() + (self._changelog.clock_off() - at_ms) / 1000)

    def demand_ours(self) -> None:
        """Raise LockedError if the run is somebody else's by now: who went on with it later, and knew of us; or, of those who
        went on at once and knew nothing of each other, who did so before us by the order of the changelog.
        """
        if self._mine is None:
            return
        try:
            events = list(self._reload())
        except ChangelogError:
            if self._must:
                raise
            return
        hashes = [event.hash for event in events]
        mine = hashes.index(self._mine.hash) if self._mine.hash in hashes else len(events)
        known = {event.hash for event in self.events}
        for at, event in enumerate(events):
            if event.header.kind != RUN_RESUMED or event.hash in known:
                continue
            knew = "knows" not in event.body or self._mine.id in texts(event.body, "knows")
            if knew or at < mine:
                self._refuse(event)

    def _refuse(self, theirs: Event) -> None:
        who = f"{theirs.header.actor} on {text(part(theirs.body, 'machine'), 'host')}"
        raise LockedError(
            f"run {self.run} was taken over by {who}", hint=f"look with: opskit log {self.run}"
        )

    def _here(self) -> dict[str, object]:
        steps = [
            {"id": s.id, "title": s.title, "digest": s.digest, "parts": list(working(s))}
            for s in self.book.steps
        ]
        machine = this_machine()
        return {
            "steps": steps,
            "command": command_line(),
            "opskit": __version__,
            "machine": machine,
        }

    def _append(self, kind: str, body: dict[str, object]) -> Event | None:
        self._kept.append(self._draft(kind, without_secrets(body, self._redactor())))
        event = None
        try:
            while self._kept:
                event = self._write(self._kept[0].header, self._kept[0].body)
                self._written.append(event)
                self._kept.pop(0)
        except ChangelogError as error:
            self.lost = error
            if self._must:
                self._kept.clear()
                raise
        else:
            self.lost = None
        return event

    def _draft(self, kind: str, body: dict[str, object]) -> Event:
        """Give an event that nobody has signed: what counts until it is written."""
        service = next(iter(self.book.services), "")
        header = Header(
            "", 0, kind, 0, round(time.time() * 1000), "",
            service, self._environment, self.run, "runbook", actor_here(),
        )  # fmt: skip
        return Event(header, b"", b"", secrets.token_bytes(32), b"", body)

    def _write(self, header: Header, body: Mapping[str, object]) -> Event:
        return self._changelog.append(
            header.kind, dict(body), service=header.service, environment=header.environment, rollout=header.rollout, action=header.action,
        )  # fmt: skip


def without_secrets(body: dict[str, object], redactor: Redactor) -> dict[str, object]:
    """Give a body without secrets in what people and hosts said; names and words of ours stay as they are."""
    return {name: _clean(name, value, redactor) for name, value in body.items()}


def _clean(name: str, value: Any, redactor: Redactor) -> Any:
    if isinstance(value, dict):
        return without_secrets(value, redactor)
    if isinstance(value, list) and name in INNER:
        return [_clean(name, each, redactor) for each in value]
    return value if name in OURS else redacted(value, redactor)
