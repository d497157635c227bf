"""Faults put into a running process by strace: killed, or told of a disk error, at the n-th call of a kind.

Other processes may write to the same changelog meanwhile, undisturbed.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.changelog import Changelog
from opskit.changelog.export import read
from tests.changelog.worker import receive
from tests.support.cli import REPOSITORY
from tests.support.missing import missing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CALLS = ("pwrite64", "ftruncate", "fdatasync", "fsync")
HEAVY = os.environ.get("OPSKIT_HEAVY") == "1"
"""Whether to try every point at which something may go wrong, not a few of them."""


@dataclass(frozen=True)
class Ran:
    """A worker that has ended: its exit code (-9 or 137 when killed) and what it printed."""

    code: int
    said: str

    @property
    def acknowledged(self) -> set[str]:
        return acknowledged(self.said)

    @property
    def killed(self) -> bool:
        return self.code in (-9, 128 + 9)


def need_strace() -> None:
    """Skip where strace is missing: durability is tested with it."""
    if shutil.which("strace") is None:
        missing("strace")


def worker(*arguments: object) -> list[str]:
    """Give the command line of `tests.changelog.worker`."""
    return [sys.executable, "-m", "tests.changelog.worker", *map(str, arguments)]


def run(
    first: Sequence[str], *others: Sequence[str], call: str, fault: str, when: str
) -> list[Ran]:
    """Run workers at once, the first of them with a fault in it; all must end by themselves or be killed."""
    inject = f"inject={call}:{fault}:when={when}"
    command = ["strace", "-f", "-o", os.devnull, "-e", f"trace={call}", "-e", inject, *first]
    started = [
        subprocess.Popen(
            line, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for line in (command, *others)
    ]
    ends = []
    for process in started:
        said, complained = process.communicate(timeout=60)
        assert "Traceback" not in complained, complained
        ends.append(Ran(process.returncode, said))
    return ends


def points(tmp_path: Path, command: Sequence[str], *, call: str, few: int) -> list[int]:
    """Give the numbers of the calls of a kind at which to put a fault: all, or the first, the last and some by chance."""
    trace = tmp_path / "count"
    counting = ["strace", "-f", "-o", str(trace), "-e", f"trace={call}", *command]
    subprocess.run(counting, cwd=REPOSITORY, check=True, capture_output=True, timeout=60)
    count = sum(f"{call}(" in line for line in trace.read_text().splitlines())
    assert count >= 1, f"the worker makes no {call}"
    if HEAVY or count <= few:
        return list(range(1, count + 1))
    seed = random.randrange(10000)
    print(f"seed {seed}: {few} of {count} points")
    ends = [1, count] if few > 1 else []
    return sorted([*ends, *random.Random(seed).sample(range(2, count), few - len(ends))])


def acknowledged(said: str) -> set[str]:
    """Give the ids of the events that the worker was told are durable."""
    return {line.split()[1][:10] for line in said.splitlines() if line.startswith("ACK ")}


def check_and_go_on(file: Path, expected: set[str]) -> set[str]:
    """Demand a sound changelog that has what was acknowledged and takes more; give all that it has."""
    with Changelog(file) as changelog:
        there = {note.id for note in changelog.notes()}
        assert expected <= there, f"lost: {expected - there}"
        assert changelog.verify() == []
        event = changelog.append("note", {"text": "after"})
        assert changelog.verify() == []
        assert {note.id for note in changelog.notes()} == there | {event.id}
    return there


def check_and_receive(file: Path, export: Path) -> None:
    """Demand that a pull that was cut short goes on where it was, and that all is there in the end."""
    lines = export.read_text().splitlines()
    receive(file, lines)
    with Changelog(file) as changelog:
        there = {note.id for note in changelog.notes()}
        assert {packet.hash.hex()[:10] for packet in read(lines, [])} <= there
        assert changelog.verify() == []


def exported(folder: Path, count: int) -> Path:
    """Write the export of another changelog with so many notes; gives the file."""
    lines: list[str] = []
    with Changelog(folder / "other" / "changelog.db", actor="other@test") as changelog:
        for number in range(count):
            changelog.append("note", {"text": f"other {number}", "hosts": ["web02"]})
        changelog.export(lines.append)
    file = folder / "export"
    file.write_text("".join(f"{line}\n" for line in lines))
    return file
