"""Waiting for hosts that another run holds: for whom, how long already, until when; bounded, and ended by Ctrl-C."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from opskit.errors import InterruptedRunError, LockedError
from opskit.rollout.facts import Doing
from opskit.rollout.locks import clock, held_by
from opskit.rollout.targets import survey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opskit.fleet.fanout import Fleet
    from opskit.rollout.facts import Fact
    from opskit.rollout.probe import HeldLock
    from opskit.rollout.stop import Stop

LOOK_EVERY = 2.0  # seconds
SAY_EVERY = 30.0


class Patience:
    """How long to wait for hosts, counted from now: not at all, unless somebody says so."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._until = time.time() + seconds
        self._said = ("", 0.0)

    def __bool__(self) -> bool:
        return self._seconds > 0

    def wait(self, error: LockedError, tell: Callable[[Fact], None], stop: Stop | None) -> None:
        """Wait a moment for whoever `error` names; raises it when there is no time left, InterruptedRunError at a wish to stop."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise self._over(error) from None
        what, said = self._said
        if what != error.what.partition("(")[0] or time.monotonic() - said > SAY_EVERY:
            self._said = (error.what.partition("(")[0], time.monotonic())
            tell(Doing(f"waits, at most until {clock(self._until)}: {error.what}"))
        woken = threading.Event()
        if stop is None:
            woken.wait(min(left, LOOK_EVERY))
            return
        with stop.during(woken.set):
            woken.wait(min(left, LOOK_EVERY))
        if stop.level:
            raise InterruptedRunError("interrupted while it waited for the lock")

    def until_free(
        self,
        fleet: Fleet,
        hosts: Sequence[str],
        *,
        path: str,
        is_dead: Callable[[HeldLock], bool],
        tell: Callable[[Fact], None],
    ) -> None:
        """Return when no run holds any of `hosts`, or none that is alive; raises LockedError when there is no time left."""
        asked = list(hosts) if self else []
        while asked:
            found = survey(fleet, asked, path=path)
            held = {
                host: (lock, state.now)
                for host, state in found.states.items()
                for lock in state.locks
                if not is_dead(lock)
            }
            asked = sorted(held)
            if asked:
                self.wait(held_by(asked[0], *held[asked[0]]), tell, None)

    def _over(self, error: LockedError) -> LockedError:
        if not self:
            return error
        return LockedError(f"waited {self._seconds:g} s: {error.what}", hint=error.hint)
