"""Ctrl-C in three stages: finish the batch and stop; stop now; leave at once."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from typing import TYPE_CHECKING

from opskit.cli.render import progress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from opskit.rollout.facts import Teller
    from opskit.rollout.stop import Stop

AGAIN = "Ctrl-C again"
SAID = {
    1: f"stops as soon as no host is left half-way; {AGAIN} to stop now",
    2: f"stops now and finds out what each host runs; {AGAIN} to leave at once",
}
LEFT = (
    b"opskit: left at once: commands may still run on hosts, and the changelog does not know how they end\n"
    b"  see: opskit status"
)
LEAVE_AT = 3
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def stoppable(stop: Stop, tell: Teller, *, resumable: str = "") -> Iterator[None]:
    """Turn Ctrl-C and a closed terminal into a wish to stop, SIGTERM into a wish to stop now.

    `resumable` is the rollout that somebody can go on with if this is left at once.

    Signals are counted in a thread of its own, by their numbers, which the system's handler writes to a socket: whichever
    thread the system gave them to, and whatever the main thread waits for, they are heard at once. A signal that whoever
    started us has had ignored, as nohup does, stays ignored.
    """
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)  # noqa: FBT003 - as the standard library has it
    heard = [n for n in SIGNALS if signal.getsignal(n) is not signal.SIG_IGN]
    then = f"; then: opskit resume {resumable}" if resumable else ""
    last = LEFT + f"{then}\n".encode()
    thread = threading.Thread(target=_listen, args=(ours, stop, tell, last), daemon=True)
    thread.start()
    outer = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    before = {number: signal.signal(number, _noted) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(outer)
        theirs.close()
        thread.join()
        ours.close()


def _noted(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: `_listen` has heard it."""


def _listen(ours: socket.socket, stop: Stop, tell: Teller, last: bytes) -> None:
    """Act on signals until the other end is closed; what prints or takes locks keeps no later signal waiting."""
    count = 0
    while said := ours.recv(64):
        for number in said:
            if number not in SIGNALS:
                continue
            count = counted(count, number)
            if count >= LEAVE_AT:
                progress.give_back_the_screen()
                os.write(2, last)
                os._exit(130)
            threading.Thread(target=_tell, args=(stop, tell, count), daemon=True).start()


def counted(count: int, number: int) -> int:
    """Give the wishes after a signal; a terminal that closes often says so more than once."""
    if number == signal.SIGHUP:
        return max(count, 1)
    return max(count + 1, 2) if number == signal.SIGTERM else count + 1


def _tell(stop: Stop, tell: Teller, count: int) -> None:
    from opskit.rollout.facts import Warned
    from opskit.rollout.stop import STOP_NOW

    stop.reach(min(count, STOP_NOW))
    said = SAID[min(count, 2)]
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a script's background job
        said = said.replace(AGAIN, f"`kill {os.getpid()}`")
    tell(Warned(said))
