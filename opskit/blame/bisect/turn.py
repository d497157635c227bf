"""Whose turn it is to go on with a bisection: of several who want to at once exactly one, and nobody while another may be at it.

Who goes on says so in an event that names all turns known until then (`knows`), shares it, and looks once more before anything is done. In the order of
the upstream, which is the same for everybody and grows only at its end, a turn is lost if whoever took it did not know of the one that counts so far.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.changelog import Filter, OtherEntry, this_machine
from opskit.changelog.body import number, part, text, texts
from opskit.changelog.event import BISECT_RESUMED, BISECT_STARTED
from opskit.changelog.machine import is_running
from opskit.changelog.signing import held_writers
from opskit.errors import ChangelogError, LockedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.changelog import Changelog, Event
    from opskit.config.model import ChangelogSettings

LATELY = 300.0
"""Seconds after its last event, and the time that its check may take, for which a bisection elsewhere is taken for one that goes on."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Who went on with a bisection: `id` of the event that says so, when that one was heard of last (milliseconds since 1970), and how long it may be quiet."""

    id: str
    actor: str
    machine: str
    last_ms: int
    quiet_ms: int
    is_here: bool
    runs_here: bool

    @property
    def who(self) -> str:
        """Whom to ask, and where it goes on."""
        return f"{self.actor} on {self.machine}"


class Turns:
    """The turns of one bisection, as they are known here; what was revoked does not count. Every method but `demand_ours` raises ChangelogError."""

    def __init__(self, changelog: Changelog, settings: ChangelogSettings, bisection: str) -> None:
        self._changelog = changelog
        self._settings = settings
        self.bisection = bisection

    def known(self) -> list[str]:
        """Give the ids of all turns."""
        return [event.id for event in _turns(self._events())]

    def last(self) -> Turn | None:
        """Give the one that counts, None if none is known."""
        events = self._events()
        turn = self._counting(_turns(events))
        if turn is None:
            return None
        said = [e for e in events if e.header.writer == turn.header.writer and e.at_ms >= turn.at_ms]  # fmt: skip
        machine, ours = part(turn.body, "machine"), held_writers(self._changelog.file.parent)
        is_ours = turn.header.writer[:16] in ours
        return Turn(
            id=turn.id,
            actor=turn.header.actor,
            machine=text(machine, "host"),
            last_ms=max(event.at_ms for event in said),
            quiet_ms=number(turn.body, "quiet_ms"),
            is_here=is_ours and machine.get("host") == this_machine()["host"],
            runs_here=is_ours and is_running(machine, turn.header.ts),
        )

    def demand_free(self) -> None:
        """Raise LockedError if whoever went on last is still at it, or may be: on this machine that is known, of another one a while must have passed.

        Ask only of a bisection that nobody has ended.
        """
        name, last = self.bisection[:10], self.last()
        hint = f"if nobody is at it any more: opskit bisect --resume {name} --take-over"
        if last and last.runs_here:
            raise LockedError(f"bisection {name} goes on on this machine just now", hint=f"leave it there; {hint}")  # fmt: skip
        if last is None or last.is_here:
            return
        ago = time.time() + (self._changelog.clock_off() - last.last_ms) / 1000
        if ago < LATELY + last.quiet_ms / 1000:
            raise LockedError(f"{last.who} was at bisection {name} {max(0, round(ago))} s ago", hint=f"ask {last.actor}; {hint}")  # fmt: skip

    def demand_ours(self, mine: str) -> None:
        """Raise LockedError if it is not, or not any more, the turn whose event has the id `mine`: the upstream is asked, if it answers.

        A changelog that cannot be read keeps nobody from going on.
        """
        try:
            if self._changelog.look:
                self._changelog.look()
            last = self.last()
        except ChangelogError:
            return
        if last and last.id != mine:
            name = self.bisection[:10]
            raise LockedError(f"bisection {name} is gone on with by {last.who}", hint=f"look with: opskit log {name}")  # fmt: skip

    def _events(self) -> list[Event]:
        """Give what is known of it, the oldest first."""
        found = self._changelog.judged(self._changelog.entries(Filter(bisect=self.bisection)), self._settings)  # fmt: skip
        told = [
            e for e in reversed(found) if isinstance(e, OtherEntry) and e.standing != "revoked"
        ]
        return [each.event for each in told]

    def _counting(self, turns: Sequence[Event]) -> Event | None:
        """Give the turn that counts, by the order of the upstream; one that it has not got comes right before the first that knows of it, else at the end."""
        places = self._changelog.places([event.hash for event in turns])

        def place(event: Event) -> tuple[float, bool]:
            if event.hash in places:
                return places[event.hash], True
            after = [places[e.hash] for e in turns if e.hash in places and event.id in _knows(e)]
            return min(after, default=math.inf), False

        last: Event | None = None
        for event in sorted(turns, key=place):
            if last is None or "knows" not in event.body or last.id in _knows(event):
                last = event
        return last


def _knows(event: Event) -> Sequence[str]:
    return texts(event.body, "knows")


def _turns(events: Sequence[Event]) -> list[Event]:
    return [e for e in events if e.header.kind in (BISECT_STARTED, BISECT_RESUMED)]
