"""Sharing while a command works: a thread of its own pulls first, and pushes what the command appends."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from opskit.changelog.event import STARTED
from opskit.changelog.exchange import Exchange
from opskit.changelog.lag import lag
from opskit.changelog.sync import Synced, sync
from opskit.errors import ChangelogError, OpskitError, UpstreamLiesError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from opskit.changelog.event import Event
    from opskit.changelog.upstream import Upstream
    from opskit.config.model import ChangelogSettings

PAUSES = (
    1.0,
    2.0,
    5.0,
    10.0,
    30.0,
)  # seconds before the next try, while the upstream does not answer


class Syncer:
    """Shares one changelog until it is closed. Nothing that happens to it stops the command.

    `connect` opens the upstream; `limit` is how many seconds the command waits for it at most, at the beginning, when a
    rollout starts and at the end. With `every`, it looks for news after so many seconds again and again. `settings` as of an Exchange.
    """

    def __init__(
        self,
        file: Path,
        connect: Callable[[], AbstractContextManager[Upstream]],
        *,
        limit: float,
        every: float | None = None,
        settings: ChangelogSettings | None = None,
    ) -> None:
        self.error: OpskitError | None = None
        """What was in the way of the last try; None if it came through."""
        self._file = file
        self._connect = connect
        self._limit = limit
        self._every = every
        self._settings = settings
        self._lock = threading.Condition()
        self._wanted, self._done = 1, 0
        self._pulled = self._ended = False
        self._waits = self._late = False
        self._left = 0
        self._warnings: list[str] = []
        self._thread = threading.Thread(target=self._work, daemon=True, name="sync")

    def start(self) -> None:
        """Begin with a first sync."""
        self._thread.start()

    def wait_for_news(self) -> bool:
        """Wait until all of the upstream is here, at most the limit; tells whether it is."""
        return self._wait(lambda: self._pulled or self._tried) and self._pulled

    def appended(self, event: Event) -> None:
        """Push an event soon; the start of a rollout is waited for, at most the limit. Raises nothing."""
        with self._lock:
            self._wanted += 1
            self._lock.notify_all()
        if event.header.kind == STARTED:
            self.wait_until_shared()

    def wait_until_shared(self) -> bool:
        """Wait until all that was appended is upstream, at most the limit; tells whether it is."""
        with self._lock:
            wanted = self._wanted
        self._wait(lambda: self._done >= wanted or self._gave_up)
        return self._done >= wanted

    def look(self) -> bool:
        """Push what there is and pull what others did by now, at most the limit; tells whether that came through."""
        with self._lock:
            self._wanted += 1
            self._lock.notify_all()
        return self.wait_until_shared()

    def close(self) -> int:
        """Push what is left, within the limit; gives how many events wait for the next time (0 also if nobody knows)."""
        self.wait_until_shared()
        with self._lock:
            self._ended = True
            self._lock.notify_all()
        if self._done >= self._wanted:
            self._thread.join(0.5)
            return self._left
        return self._waiting()

    def warnings(self) -> list[str]:
        """Give, once, what was wrong with the upstream or with what it gave."""
        with self._lock:
            said, self._warnings = self._warnings, []
        return said

    @property
    def _tried(self) -> bool:
        return self.error is not None

    @property
    def _gave_up(self) -> bool:
        """Whether the last try failed and the next one is some time away."""
        return self.error is not None and self._waits

    def _wait(self, until: Callable[[], bool]) -> bool:
        """Wait, at most the limit; an upstream that was once too slow is not waited for again until it answers."""
        with self._lock:
            came = self._lock.wait_for(until, 0 if self._late else self._limit)
            self._late = not came
        return came

    def _work(self) -> None:
        failures = 0
        while not self._ended:
            with self._lock:
                wanted = self._wanted
            came_through = self._try(wanted)
            failures = 0 if came_through else failures + 1
            self._rest(PAUSES[min(failures, len(PAUSES)) - 1] if failures else self._every)

    def _try(self, wanted: int) -> bool:
        """Connect and share until there is nothing to do; tells whether that came through."""
        try:
            with self._connect() as upstream:
                exchange = Exchange(self._file, self._settings)
                try:
                    self._share(exchange, upstream)
                finally:
                    exchange.close()
        except OpskitError as error:
            self._failed(error)
            return False
        except Exception as error:  # noqa: BLE001 - a bug here must not end a rollout; it is told
            self._failed(ChangelogError(f"sync failed: {type(error).__name__}: {error}"))
            return False
        return self._done >= wanted

    def _share(self, exchange: Exchange, upstream: Upstream) -> None:
        """Sync, and again as long as there is news from this side; then for every look that is asked for."""
        while True:
            with self._lock:
                wanted = self._wanted
            self._succeeded(sync(exchange, upstream, pulled=self._has_pulled), wanted)
            with self._lock:
                if not self._lock.wait_for(
                    lambda: self._ended or self._wanted > self._done, self._every
                ):
                    continue  # time for the next look
                if self._ended and self._wanted <= self._done:
                    return

    def _has_pulled(self) -> None:
        with self._lock:
            self._pulled = True
            self._lock.notify_all()

    def _succeeded(self, done: Synced, wanted: int) -> None:
        with self._lock:
            self.error, self._done, self._pulled, self._late = None, wanted, True, False
            self._left = done.waiting
            self._warnings += done.warnings
            self._lock.notify_all()

    def _failed(self, error: OpskitError) -> None:
        with self._lock:
            self.error = error
            if isinstance(error, UpstreamLiesError) and error.what not in self._warnings:
                self._warnings.append(error.what)
            self._lock.notify_all()

    def _rest(self, seconds: float | None) -> None:
        """Wait for the next try: so long, or until there is something to push and the upstream was well."""
        with self._lock:
            self._waits = self.error is not None
            self._lock.notify_all()
            self._lock.wait_for(lambda: self._ended, seconds)
            self._waits = False

    def _waiting(self) -> int:
        """Count our events that the log of today has not."""
        try:
            return lag(self._file).waiting
        except ChangelogError:
            return 0
