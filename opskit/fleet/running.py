"""What runs right now, so that it can all be cancelled."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from opskit.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Running:
    """The work under way on all hosts; `cancel` interrupts it and refuses more until `resume`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._interrupts: set[Callable[[], None]] = set()
        self._cancellers: list[threading.Thread] = []
        self.cancelled = False

    @contextlib.contextmanager
    def register(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """Have `interrupt` called if the fleet is cancelled within the block, or has been before."""
        with self._lock:
            self._interrupts.add(interrupt)
        try:
            if self.cancelled:
                interrupt()
            yield
        finally:
            with self._lock:
                self._interrupts.discard(interrupt)

    def check(self, host: str) -> None:
        """Raise HostError if the fleet is cancelled."""
        if self.cancelled:
            raise HostError(host, "cancelled before it began")

    def cancel(self, also: Callable[[], None]) -> None:
        """Interrupt everything, then call `also`; returns at once.

        Both happen in a thread of their own: a signal handler may have stopped this one anywhere, with
        any lock in its hands.
        """
        self.cancelled = True
        canceller = threading.Thread(target=self._interrupt, args=(also,), daemon=True)
        canceller.start()
        self._cancellers.append(canceller)

    def resume(self) -> None:
        """Allow work again, once all that cancels is done: it must not hit what comes next."""
        while self._cancellers:
            self._cancellers.pop().join(10)
        self.cancelled = False

    def _interrupt(self, also: Callable[[], None]) -> None:
        with self._lock:
            interrupts = list(self._interrupts)
        for interrupt in interrupts:
            interrupt()
        also()
