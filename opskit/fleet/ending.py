"""The end of a remote process group: TERM, a moment, KILL, from a second channel."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opskit.config.secret import Redactor
from opskit.errors import HostError, HostUnfitError
from opskit.fleet import bootstrap
from opskit.fleet.command import Command
from opskit.fleet.session import Line, Session

if TYPE_CHECKING:
    from collections.abc import Callable

GRACE = 3.0
"""Seconds between TERM and KILL."""


def end_group(line: Line | None, pid: int, dial: Callable[[], Line]) -> bool:
    """End the group of shell `pid` on the host of `line`; tells whether no process of it is left.

    A host that opens no second channel (MaxSessions 1) gets a second connection from `dial`.
    """
    try:
        if line is not None and line.transport.alive:
            return _ask(line, pid)
    except HostUnfitError:
        pass
    except HostError:
        return False
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
