"""The end of a remote process group: TERM, a moment, KILL, from a second channel."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from opskit.errors import HostError
from opskit.fleet import bootstrap
from opskit.fleet.command import Command
from opskit.fleet.session import Line, Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from opskit.config.secret import Secret
    from opskit.fleet.vault import Vault

GRACE = 3.0
"""Seconds between TERM and KILL."""


def end_group(line: Line | None, pid: int, dial: Callable[[], Line], vault: Vault) -> bool:
    """End the group of shell `pid` on the host of `line`; tells whether no process of it is left.

    Where that connection gives no second channel (MaxSessions 1, or it ends meanwhile), `dial` gives another one; if it was lost, only
    a shell of ours is ended, as in `end_left`. What runs as somebody else is ended by sudo, with the password of the `vault` if sudo there wants one.
    """
    with contextlib.suppress(HostError):
        if line is not None and line.transport.alive:
            return _end(line, pid, vault)
    try:
        fresh = dial()
    except HostError:
        return False
    try:
        lost = line is None or not line.transport.alive
        return _end(fresh, pid, vault, ours=lost)
    except HostError:
        return False
    finally:
        fresh.transport.close()


def end_left(line: Line, pid: int, vault: Vault) -> None:
    """End the group of shell `pid`, which a connection that was lost left behind, if it still is a shell of ours.

    The host may have been started anew since, and somebody else have that number.
    """
    with contextlib.suppress(HostError):
        _end(line, pid, vault, ours=True)


def _end(line: Line, pid: int, vault: Vault, *, ours: bool = False) -> bool:
    said = _ask(line, Command(bootstrap.ending(pid, grace=GRACE, ours=ours)), vault)
    if bootstrap.OTHERS in said:
        by_sudo = Command(bootstrap.ending(pid, grace=GRACE), sudo="root")
        for password in vault.passwords_to_end(line.host.name):
            said = _ask(line, by_sudo, vault, password)
            if said:
                break
    return b"gone" in said


def _ask(line: Line, command: Command, vault: Vault, password: Secret | None = None) -> bytes:
    """Give what a command said that ended in time, b"" for another."""
    session = Session(line, command, vault.redactor, None, password)
    try:
        session.start()
        done = session.follow(time.monotonic() + GRACE + line.channel_timeout)
        return session.result().stdout if done else b""
    finally:
        session.close()
