"""Power cuts, replayed: every disk image that a recorded run could have left behind.

strace records what a process writes and syncs. What was synced is on the disk; of what was not,
the cut may have kept nothing, all, or any part, also half of a write. A new name is on the disk
when its folder was synced.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.cli import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLS = "openat,write,pwrite64,ftruncate,fsync,fdatasync,unlink"
SECTOR = 512
_CALL = re.compile(r"^\d+\s+(\w+)\((.*)\)\s+= (\d+)(?:<(.*)>)?$")
_ON_FILE = re.compile(r'^\d+<([^>]*)>(?:, "([^"]*)")?(?:, (\d+))?(?:, (\d+))?')


@dataclass(frozen=True)
class Call:
    """A call that succeeded: its name, the file, the bytes and the number that came with it."""

    name: str
    path: str
    data: bytes = b""
    number: int = 0


@dataclass
class OneFile:
    """What is on the disk for sure, what may be, and whether the name is."""

    synced: bytes = b""
    named: bool = False
    pending: list[Call] = field(default_factory=list)


def record(trace: Path, *arguments: str) -> list[Call]:
    """Run `python ARGUMENTS` under strace and give its writes and syncs, in order."""
    watched = [
        "strace",
        "-f",
        "-y",
        "-xx",
        "-s",
        "100000",
        "-e",
        f"trace={CALLS}",
        "-o",
        str(trace),
    ]
    command = [*watched, sys.executable, *arguments]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, timeout=60)
    found = (_call(line) for line in trace.read_text().splitlines())
    return [call for call in found if call is not None]


def _call(line: str) -> Call | None:
    match = _CALL.match(line)
    if match is None:
        return None
    name, arguments, _, opened = match.groups()
    if name == "openat":
        return Call("create", _bytes(opened).decode()) if "O_CREAT" in arguments else None
    if name == "unlink":
        return Call(name, _bytes(arguments.strip('"')).decode())
    on_file = _ON_FILE.match(arguments)
    if on_file is None:
        return None
    path, data, first, second = on_file.groups()
    number = int(second if name == "pwrite64" else first or 0)
    return Call(name, _bytes(path).decode(), _bytes(data or ""), number)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def images(
    calls: list[Call], folder: Path, seed: int
) -> Iterator[tuple[dict[str, bytes], list[str]]]:
    """Give each possible disk image of `folder` (file name to bytes), and what was acknowledged before."""
    files: dict[str, OneFile] = {}
    acknowledged: list[str] = []
    dice = random.Random(seed)
    for call in calls:
        if call.name == "write" and call.data.startswith(b"ACK "):
            acknowledged.append(call.data.decode().split()[1])
        elif Path(call.path) == folder and call.name == "fsync":
            for file in files.values():
                file.named = True
        elif Path(call.path).parent == folder:
            _apply(files.setdefault(Path(call.path).name, OneFile()), call)
        else:
            continue
        for keep in (lambda: False, lambda: True, lambda: dice.random() < 0.5):
            yield (
                {name: _cut(file, keep, dice) for name, file in files.items() if file.named},
                [*acknowledged],
            )


def _apply(file: OneFile, call: Call) -> None:
    assert call.name != "unlink", "this journal mode removes no file"
    if call.name in ("fsync", "fdatasync"):
        for pending in file.pending:
            file.synced = _written(file.synced, pending, len(pending.data))
        file.pending.clear()
    elif call.name != "create":
        file.pending.append(call)


def _cut(file: OneFile, keep: object, dice: random.Random) -> bytes:
    content = file.synced
    for call in file.pending:
        if callable(keep) and keep():
            whole = dice.random() < 0.8
            part = len(call.data) if whole else dice.randrange(0, len(call.data) + 1, SECTOR)
            content = _written(content, call, part)
    return content


def _written(content: bytes, call: Call, length: int) -> bytes:
    if call.name == "ftruncate":
        return content[: call.number].ljust(call.number, b"\0")
    start = call.number if call.name == "pwrite64" else len(content)
    data = call.data[:length]
    return content[:start].ljust(start, b"\0") + data + content[start + len(data) :]
