"""Work that all cores share: pieces go to other processes, and what comes of them is given in their order.

Where other processes cannot be had (no memory, no semaphores, one was killed), this process does the work itself: slower, and
with the same result.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future, ProcessPoolExecutor
    from types import TracebackType

P = TypeVar("P")
R = TypeVar("R")

WAITING = 3  # pieces for each core that are made ahead: enough to keep it busy, few enough to fit in memory


class Cores:
    """As many processes as there are cores, from the first piece of work until the end of the `with` block."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._count = os.cpu_count() or 1

    def __enter__(self) -> Cores:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def begin(self, work: Callable[[P], R], piece: P) -> Started[P, R]:
        """Have one piece worked on; `work` is a function of a module; what it raises, `result` raises."""
        return Started(work, piece, self._submitted(work, piece))

    def each(self, work: Callable[[P], R], pieces: Iterable[P]) -> Iterator[tuple[P, R]]:
        """Give each piece with what came of it, in their order; few are taken from `pieces` ahead of that."""
        waiting: deque[Started[P, R]] = deque()
        for piece in pieces:
            waiting.append(self.begin(work, piece))
            if len(waiting) > WAITING * self._count:
                first = waiting.popleft()
                yield first.piece, first.result()
        for each in waiting:
            yield each.piece, each.result()

    def _submitted(self, work: Callable[[P], R], piece: P) -> Future[R] | None:
        from concurrent.futures.process import BrokenProcessPool

        try:
            if self._pool is None:
                self._pool = _pool(self._count)
            with _uninterrupted():
                return self._pool.submit(work, piece)
        except (OSError, ImportError, BrokenProcessPool):
            return None


class Started(Generic[P, R]):
    """A piece that is worked on."""

    def __init__(self, work: Callable[[P], R], piece: P, future: Future[R] | None) -> None:
        self._work = work
        self.piece = piece
        self._future = future

    def result(self) -> R:
        """Wait for what comes of it; if the process that had it is gone, work on it here."""
        from concurrent.futures.process import BrokenProcessPool

        if self._future is not None:
            try:
                return self._future.result()
            except (BrokenProcessPool, OSError):
                self._future = None
        return self._work(self.piece)


def _pool(count: int) -> ProcessPoolExecutor:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # not forked: a fork would take this process's open database and its threads' locks along
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(count, mp_context=context, initializer=_settle_in)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back: a process that is started meanwhile never sees it, not even before `_settle_in`."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _settle_in() -> None:
    """Leave Ctrl-C to the process that was started by hand, and end when it ends, even if it was killed."""
    import multiprocessing
    import threading
    from multiprocessing.connection import wait

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def follow() -> None:
        wait([parent.sentinel])
        os._exit(0)

    threading.Thread(target=follow, daemon=True).start()
