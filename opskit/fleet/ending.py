"""The end of a remote process group: TERM, a moment, KILL, from a second channel."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from opskit.config.secret import Redactor
from opskit.errors import HostError
from opskit.fleet import bootstrap
from opskit.fleet.command import Command
from opskit.fleet.session import Line, Session

if TYPE_CHECKING:
    from collections.abc import Callable

GRACE = 3.0
"""Seconds between TERM and KILL."""


def end_group(line: Line | None, pid: int, dial: Callable[[], Line]) -> bool:
    """End the group of shell `pid` on the host of `line`; tells whether no process of it is left.

    Where that connection gives no second channel (MaxSessions 1, or it ends meanwhile), `dial` gives another one.
    """
    with contextlib.suppress(HostError):
        if line is not None and line.transport.alive:
            return _ask(line, pid)
    try:
        fresh = dial()
    except HostError:
        return False
    try:
        return _ask(fresh, pid)
    except HostError:
        return False
    finally:
        fresh.transport.close()


def _ask(line: Line, pid: int) -> bool:
    command = Command(bootstrap.ending(pid, grace=GRACE))
    session = Session(line, command, Redactor(), None)
    try:
        session.start()
        done = session.follow(time.monotonic() + GRACE + line.channel_timeout)
        return done and b"gone" in session.result().stdout
    finally:
        session.close()
