"""Processes found and ended by what they are: children of a server, or started in a host's home."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path


def descendants(pid: int) -> list[int]:
    """Give every living child of `pid`, and their children."""
    parents = {int(child): int(parent) for child, parent in (line.split() for line in _ps("ppid"))}
    found = [pid]
    for parent in found:
        found += [child for child, its_parent in parents.items() if its_parent == parent]
    return found[1:]


def at_home(homes: Collection[Path]) -> list[int]:
    """Give every process whose environment has its HOME among `homes`, detached ones too."""
    marks = [f" HOME={home} " for home in homes]
    lines = (f"{line} " for line in _ps("command", show="axeww"))
    return [int(line.split()[0]) for line in lines if any(mark in line for mark in marks)]


def kill(pids: Collection[int]) -> None:
    """Send SIGKILL to all of them; those already gone are fine."""
    send(pids, signal.SIGKILL)


def send(pids: Collection[int], number: int) -> None:
    """Send a signal to all of them; those already gone are fine."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def kill_all(find: Callable[[], Collection[int]]) -> None:
    """Kill what `find` gives until it gives nothing; some of it may start more meanwhile."""

    def none_left() -> bool:
        pids = find()
        kill(pids)
        return not pids and not find()  # amid an exec, a process shows no environment

    until(none_left, what="processes to end")


def _ps(column: str, *, show: str = "ax") -> list[str]:
    # Zombies wait for their parent only; their state is Z and they hold nothing.
    argv = ["ps", show, "-o", "state=,pid=," + column + "="]
    lines = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.split(None, 1)[1] for line in lines if not line.lstrip().startswith("Z")]
