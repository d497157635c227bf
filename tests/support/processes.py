"""Processes found and ended by what they are: children of a server, or started in a host's home."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

PROC = Path("/proc")


def descendants(pid: int) -> list[int]:
    """Give every living child of `pid`, and their children."""
    parents = {child: int(stat[1]) for child, stat in _stats().items()}
    found = [pid]
    for parent in found:
        found += [child for child, its_parent in parents.items() if its_parent == parent]
    return found[1:]


def at_home(homes: Collection[Path]) -> list[int]:
    """Give every process whose environment has its HOME among `homes`, detached ones too."""
    marks = {os.fsencode(f"HOME={home}") for home in homes}
    return [pid for pid in _pids() if not marks.isdisjoint(_read(pid, "environ").split(b"\0"))]


def kill(pids: Collection[int]) -> None:
    """Send SIGKILL to all of them; those already gone are fine."""
    send(pids, signal.SIGKILL)


def send(pids: Collection[int], number: int) -> None:
    """Send a signal to all of them; those already gone are fine."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def freeze(pid: int) -> list[int]:
    """Stop a process and all that it has begun, also what it begins meanwhile; gives them when they stand still."""
    held: set[int] = set()

    def still() -> bool:
        family = {pid, *descendants(pid)}
        send(family - held, signal.SIGSTOP)
        known = family <= held
        held.update(family)
        return known and all(
            _read(each, "stat").rpartition(b")")[2][1:2] in b"TtZX" for each in held
        )

    until(still, what=f"{pid} and its children to stand still")
    return list(held)


def kill_all(find: Callable[[], Collection[int]]) -> None:
    """Kill what `find` gives until it gives nothing; some of it may start more meanwhile."""

    def none_left() -> bool:
        pids = find()
        kill(pids)
        return not pids and not find()  # amid an exec, a process shows no environment

    until(none_left, what="processes to end")


def _pids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def _read(pid: int, name: str) -> bytes:
    """Give what the kernel says of a process; nothing of one that is gone or somebody else's."""
    # Not by `ps`: its start costs ten times as much, and each test with hosts would need three.
    try:
        return (PROC / str(pid) / name).read_bytes()
    except OSError:
        return b""


def _stats() -> dict[int, list[bytes]]:
    """Give of each living process its state, its parent and what follows, see proc(5)."""
    # Zombies wait for their parent only; their state is Z and they hold nothing.
    stats = {pid: _read(pid, "stat").rpartition(b")")[2].split() for pid in _pids()}
    return {pid: stat for pid, stat in stats.items() if stat and stat[0] != b"Z"}
