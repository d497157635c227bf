"""A runbook followed: what is next, is asked of the record after each event; it is shown, done, and written down.

The walk holds nothing that the record has not: a run that dies anywhere is found there as it was left.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from opskit.errors import ChangelogError, LockedError, OpskitError
from opskit.runbook import alive, asking, doing, gone, lacking, waiting, words
from opskit.runbook.model import LOCAL, Action, Prose
from opskit.runbook.parts import DONE, FAILED, NOT_BEGUN, OVER, PENDING, WHOLE, by_id
from opskit.runbook.progress import SUSPENDED
from opskit.runbook.stopping import ABORTED, StoppedError
from opskit.runbook.talk import CameTo, Known, LeftError, Owed, Said, Warned
from opskit.runbook.values import fill, of_page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opskit.config.secret import Secret
    from opskit.runbook.acting import Hands
    from opskit.runbook.model import Part, Step
    from opskit.runbook.progress import Progress
    from opskit.runbook.record import Record
    from opskit.runbook.talk import Talk

AUTO, DRILL, RUN = "auto", "drill", "run"
EXITS = {DONE: 0, FAILED: 1, SUSPENDED: 3, ABORTED: 5}
INTERRUPTED_EXIT = 130
ONLY_LOOKS = "mutates=no"
"""What `$OPSKIT_AGREED` says in a fence that says so."""


@dataclass(frozen=True, slots=True)
class End:
    """How following it ended: done, failed, aborted or suspended, why, and where it stands."""

    outcome: str
    reason: str
    exit_code: int
    now: Progress


@dataclass(slots=True)
class Walk:
    """One process's part in a run. `mode` is run, auto or drill; `given` are the names of values that were given beforehand.

    `values`, if any, are those of an earlier moment, with which something is put back; `agreed`: to its commands, before they came. `secrets` are the values that nothing keeps.
    """

    record: Record
    hands: Hands
    talk: Talk
    mode: str = RUN
    secrets: dict[str, Secret] = field(default_factory=dict)
    given: frozenset[str] = frozenset()
    values: Mapping[str, str] | None = None
    agreed: bool = False
    _visit: int = -1
    _step: Step | None = None
    _shown: int = 0
    _dealt: set[tuple[int, int]] = field(default_factory=set)

    def go(self, first: Callable[[], object] = tuple) -> End:
        """Follow it to its end, or to where somebody stops it, or nobody answers; `first` is done before. Raises ChangelogError, LockedError."""
        try:
            first()
            self.follow()
        except StoppedError as stop:
            return self.end(
                stop.outcome, stop.reason, waits=stop.waits, interrupted=stop.interrupted
            )
        except LeftError as left:
            return self.end(SUSPENDED, "left", interrupted=left.interrupted)
        except KeyboardInterrupt:
            return self.end(SUSPENDED, "interrupted", interrupted=True)
        if self.record.now.nothing_done:
            return replace(self.end(DONE, "every step was skipped"), exit_code=3)
        return self.end(DONE, "")

    def follow(self, *, until: Callable[[Progress], bool] = lambda _: False) -> None:
        """Deal with one part after the other until there is none, or `until` says so. Raises StoppedError, LeftError, and as `go` does."""
        while (now := self.record.now).step and not until(now):
            self._one(now)
        self._show_rest()

    def end(
        self,
        outcome: str,
        reason: str,
        *,
        interrupted: bool = False,
        waits: Mapping[str, object] | None = None,
    ) -> End:
        """Write how it ended, and say what is still open; raises LockedError for a run that is somebody else's by now."""
        self.record.demand_ours()
        self.record.finish(outcome, reason, waits=waits)
        now = self.record.now
        if now.liabilities:
            self.talk.tell(Owed(now.liabilities[::-1]))
        self.tell_lost()
        code = INTERRUPTED_EXIT if interrupted else EXITS[outcome] or int(bool(self.record.lost))
        return End(outcome, reason, code, now)

    def tell_lost(self) -> None:
        """Say that what is done is not written down, if it is so."""
        if self.record.lost is not None:
            self.talk.tell(
                Warned(f"what is done here is not in the changelog: {self.record.lost}")
            )

    def env(self, which: Action) -> dict[str, str | Secret]:
        """Give what a command gets: the values of the run; on this machine, also what tells opskit that it is part of one.

        Who has just agreed to a command that changes something has agreed to what opskit does in it; by `mutates=no` nobody has.
        """
        known: dict[str, str | Secret] = {**self.known, **self.secrets}
        if which.on != LOCAL:
            return known
        incident = str(self.record.now.started.get("incident") or "")
        agreed = self.record.run if self.mode == RUN else ""
        ours = {
            "OPSKIT_RUN": self.record.run,
            "OPSKIT_INCIDENT": incident,
            "OPSKIT_AGREED": agreed if which.mutates else ONLY_LOOKS,
            alive.NAME: self.record.events[-1].id,
        }
        return {**known, **ours, "PATH": words.path(os.environ.get("PATH", ""))}

    @property
    def known(self) -> Mapping[str, str]:
        """The values that are no secrets, of those that the page knows."""
        told = self.values if self.values is not None else self.record.now.values
        return of_page(self.record.book, told)

    def say(self, text: str) -> str:
        """Give a text of the page with the values filled in."""
        return fill(text, self.known)

    def note(self, step: Step, part: int, what: str, **more: object) -> None:
        """Write what was done to a part; it need not be shown again as known."""
        if what != "ended":  # what was done is written, whoever goes on with the run by now
            self.record.demand_ours()
        self._dealt.add((self._visit, part))
        self.record.step(step.id, part, what, **more)
        self.tell_lost()
        if what == "went" or (what == "skipped" and part == WHOLE):
            self._step = None  # nothing more of it is of use
        if self.values is not None:
            self.values = {**self.values, **learned(more)}

    def has_seen(self, part: int) -> bool:
        """Tell whether whoever follows it has seen a part of this step in this session: it was dealt with in it."""
        return (self._visit, part) in self._dealt

    def back(self, step: Step) -> None:
        """Go back to the step before this one, on the way that the run came; from the first one, to the values that were asked for before it."""
        path = self.record.now.path
        if len(path) < 2:
            if not lacking.mend(self, step):
                self.talk.tell(Warned("this is the first step that the run came to"))
            return
        self.note(step, WHOLE, "went", to=path[-2], how="back")

    def _one(self, now: Progress) -> None:
        """Deal with the part that is next."""
        step = by_id(self.record.book.steps, now.step)
        if step is None:
            gone.where_to(self, now)
            return
        self._show(step, now)
        if now.part == WHOLE:
            asking.read(self, step)
            return
        part = step.parts[now.part]
        try:
            self._deal(step, now.part, part, now)
        except (ChangelogError, LockedError):
            raise
        except OpskitError as error:
            if self.mode == AUTO:
                raise StoppedError(FAILED, str(error)) from None
            self.talk.tell(Warned(f"{error}{f'; {error.hint}' if error.hint else ''}"))
            asking.what_next(self, step)

    def _deal(self, step: Step, number: int, part: Part, now: Progress) -> None:
        done = now.of(step.id, number)
        if isinstance(part, Action) and done.status not in (PENDING, *OVER):
            doing.what_now(self, step, number, part, done)
        elif isinstance(part, Action):
            doing.action(self, step, number, part)
        elif not waiting.wait(self, step, number, part, done):
            asking.part(self, step, number, part, done)

    def _show(self, step: Step, now: Progress) -> None:
        """Show a step, from where it was not shown yet to the part that is next."""
        if now.visits != self._visit:
            self._show_rest()
            self._visit, self._step, self._shown = now.visits, step, 0
            steps = self.record.book.steps
            self.talk.tell(CameTo(step, steps.index(step) + 1, len(steps)))
        upto = len(step.parts) if now.part == WHOLE else now.part
        self._tell(step, upto, now)

    def _tell(self, step: Step, upto: int, now: Progress) -> None:
        for number in range(self._shown, upto):
            part = step.parts[number]
            if isinstance(part, Prose):
                self.talk.tell(Said(self.say(part.text), part.text, self.known))
            elif (self._visit, number) not in self._dealt:
                done = now.of(step.id, number)
                if done is not NOT_BEGUN:
                    self.talk.tell(Known(asking.title(self, part), done))
        self._shown = max(self._shown, upto)

    def _show_rest(self) -> None:
        """Show what stands behind the last thing that was done in a step."""
        if self._step is not None:
            self._tell(self._step, len(self._step.parts), self.record.now)
            self._step = None


def learned(said: Mapping[str, object]) -> dict[str, str]:
    """Give the values that an answer or the end of a command brings."""
    capture = said.get("capture")
    found = [said, capture] if isinstance(capture, dict) else [said]
    pairs = [(each.get("name"), each.get("value")) for each in found]
    return {str(name): value for name, value in pairs if name and isinstance(value, str)}
