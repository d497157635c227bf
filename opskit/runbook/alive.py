"""Whether a command that began on this machine still runs, though the opskit that began it is gone.

Each command has in its environment the id of the event by which it began: what has it, or was begun by what has it, is that command.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.changelog import this_machine
from opskit.changelog.body import part, text
from opskit.changelog.event import RUN_RESUMED, RUN_STARTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.changelog import Event

NAME = "OPSKIT_ACT"
PROC = Path("/proc")


def begin_of(events: Sequence[Event], step: str, number: int) -> str:
    """Give the id of the event by which a part of a step last began, "" if it did not."""
    same = (e.id for e in reversed(events) if _is_begin(e, step, number))
    return next(same, "")


def processes(began: str) -> tuple[int, ...]:
    """Give the processes of this machine that are of a command, by the id of the event by which it began; none where the system does not tell."""
    wanted = f"{NAME}={began}".encode()
    numbers = sorted(int(each.name) for each in PROC.glob("[0-9]*")) if began else []
    return tuple(n for n in numbers if n != os.getpid() and wanted in _environment(n))


def elsewhere(events: Sequence[Event], began: str) -> str:
    """Give the machine on which a command began, "" if that is this one."""
    host = ""
    for event in events:
        if event.header.kind in (RUN_STARTED, RUN_RESUMED):
            host = text(part(event.body, "machine"), "host")
        if event.id == began:
            break
    return host if host != this_machine()["host"] else ""


def _is_begin(event: Event, step: str, number: int) -> bool:
    body = event.body
    return (body.get("what"), body.get("step"), body.get("part")) == ("began", step, number)


def _environment(pid: int) -> list[bytes]:
    """Give the variables that a process was begun with; none of one that is not ours, or has ended."""
    try:
        return (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return []
