"""How a run is told to stop: once to finish what is running, twice to stop now."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FINISH_BATCH = 1
STOP_NOW = 2


class Stop:
    """A wish to stop, set by a signal's handler or another thread, looked at by the run.

    `level` is 0, FINISH_BATCH or STOP_NOW and only grows. Work that is safe to break off at the first
    wish runs `during(cancel)`; work that must not be broken off before the second says so by `least`.
    """

    def __init__(self) -> None:
        self.level = 0
        self._any, self._now = threading.Event(), threading.Event()
        self._lock = threading.RLock()
        self._works: list[_Work] = []

    def request(self) -> int:
        """Wish once more; gives the new level. Safe in a signal handler: cancelling has its own thread."""
        with self._lock:
            return self.reach(self.level + 1)

    def reach(self, level: int) -> int:
        """Wish for `level` at least, however many do so at the same moment; gives the new level."""
        with self._lock:
            before, self.level = self.level, min(max(level, self.level), STOP_NOW)
            if self.level:
                self._any.set()
            if self.level == STOP_NOW:
                self._now.set()
            for work in self._works:
                if before < work.least <= self.level:
                    work.break_off()
            return self.level

    def at_once(self) -> None:
        """Wish to stop now."""
        self.reach(STOP_NOW)

    @contextlib.contextmanager
    def during(self, cancel: Callable[[], None], *, least: int = FINISH_BATCH) -> Iterator[None]:
        """Call `cancel` when the wish reaches `least` while the block runs, or at once if it has; never twice.

        A call that is under way when the block ends is waited for: what comes next must not be hit by it.
        """
        work = _Work(cancel, least)
        with self._lock:
            self._works.append(work)
            due = self.level >= least and work.thread is None
        try:
            if due:
                cancel()
            yield
        finally:
            with self._lock:
                self._works.remove(work)
            if work.thread is not None:
                work.thread.join()

    def rest(self, seconds: float) -> bool:
        """Wait, but not longer than until the first wish; tells whether that came."""
        return self._any.wait(seconds)

    def wait(self, seconds: float) -> bool:
        """Wait, but not longer than until the second wish; tells whether that came."""
        return self._now.wait(seconds)


class _Work:
    """What runs and may be broken off: by `cancel`, in a `thread` of its own, which is that of no other work."""

    def __init__(self, cancel: Callable[[], None], least: int) -> None:
        self.cancel = cancel
        self.least = least
        self.thread: threading.Thread | None = None

    def break_off(self) -> None:
        self.thread = threading.Thread(target=self.cancel, daemon=True)
        self.thread.start()
