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
        self._cancels: list[tuple[int, Callable[[], None]]] = []
        self._cancelling: list[threading.Thread] = []

    def request(self) -> int:
        """Wish once more; gives the new level. Safe in a signal handler: cancelling has its own thread."""
        with self._lock:
            self.level = min(self.level + 1, STOP_NOW)
            self._any.set()
            if self.level == STOP_NOW:
                self._now.set()
            for least, cancel in self._cancels:
                if self.level >= least:
                    thread = threading.Thread(target=cancel, daemon=True)
                    self._cancelling.append(thread)
                    thread.start()
            return self.level

    def at_once(self) -> None:
        """Wish to stop now."""
        while self.level < STOP_NOW:
            self.request()

    @contextlib.contextmanager
    def during(self, cancel: Callable[[], None], *, least: int = FINISH_BATCH) -> Iterator[None]:
        """Call `cancel` when the wish reaches `least` while the block runs, or at once if it has.

        A call that is under way when the block ends is waited for: what comes next must not be hit by it.
        """
        entry = (least, cancel)
        with self._lock:
            self._cancels.append(entry)
        try:
            if self.level >= least:
                cancel()
            yield
        finally:
            with self._lock:
                self._cancels.remove(entry)
                cancelling, self._cancelling = self._cancelling, []
            for thread in cancelling:
                thread.join()

    def rest(self, seconds: float) -> bool:
        """Wait, but not longer than until the first wish; tells whether that came."""
        return self._any.wait(seconds)

    def wait(self, seconds: float) -> bool:
        """Wait, but not longer than until the second wish; tells whether that came."""
        return self._now.wait(seconds)
