"""One thread that ends what takes too long: the net under every call that could wait for ever."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Guard:
    """Runs `act` when a limit has passed; its thread starts with the first limit."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._ids = itertools.count()
        self._dropped: set[int] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    @contextlib.contextmanager
    def limit(self, seconds: float, act: Callable[[], None]) -> Iterator[None]:
        """Call `act` from another thread if the block is not left within `seconds`.

        `act` must be quick, must not raise, and must make the block's call return.
        """
        number = self._add(time.monotonic() + seconds, act)
        try:
            yield
        finally:
            with self._changed:
                self._dropped.add(number)

    def close(self) -> None:
        """Stop watching."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _add(self, due: float, act: Callable[[], None]) -> int:
        with self._changed:
            number = next(self._ids)
            heapq.heappush(self._due, (due, number, act))
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, daemon=True, name="guard")
                self._thread.start()
            elif self._due[0][1] == number:
                self._changed.notify()
        return number

    def _watch(self) -> None:
        while True:
            with self._changed:
                act = self._next()
                if self._closed:
                    return
            if act is not None:
                act()

    def _next(self) -> Callable[[], None] | None:
        """Wait for the next thing that happens; give what is due, if anything. The lock is held."""
        while self._due and self._due[0][1] in self._dropped:
            self._dropped.discard(heapq.heappop(self._due)[1])
        if not self._due:
            self._changed.wait()
            return None
        left = self._due[0][0] - time.monotonic()
        if left > 0:
            self._changed.wait(left)
            return None
        return heapq.heappop(self._due)[2]
