"""Power cuts, replayed: every disk image that a recorded run could have left behind.

strace records what processes write and sync. What was synced is on the disk; of what was not, the cut may have
kept nothing, all, or any part, also half of a write. A new name is on the disk when its folder was synced. Where
several processes run, a write counts from its beginning, a sync only for what was written before it began and
only when it has ended, and an event is acknowledged as soon as its process begins to say so.
"""

from __future__ import annotations

import random
import re
import shlex
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.cli import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

CALLS = "openat,write,pwrite64,ftruncate,fsync,fdatasync,unlink,unlinkat,rename,renameat,renameat2,link,linkat"
SYNCS = ("fsync", "fdatasync")
SECTOR = 512
_CALL = re.compile(r"^(\d+)\s+(\w+)\((.*)\)\s+= (\d+)(?:<(.*)>)?$")
_BEGUN = re.compile(r"^(\d+)\s+(\w+)\((.*?),? <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(\d+)\s+<\.\.\. (\w+) resumed>(.*)\)\s+= (-?\d+)")
_ON_FILE = re.compile(r'^\d+<([^>]*)>(?:, "([^"]*)")?(?:, (\d+))?(?:, (\d+))?')
Image = dict[str, bytes]


@dataclass(frozen=True)
class Call:
    """A call that succeeded: its name, the file, the bytes and the number that came with it; and its process.

    A sync is there twice, as it begins and as it ends; everything else as it begins.
    """

    process: str
    name: str
    path: str
    data: bytes = b""
    number: int = 0
    ends: bool = False


@dataclass
class OneFile:
    """What is on the disk for sure, what may be, and whether the name is."""

    synced: bytes = b""
    named: bool = False
    pending: list[Call] = field(default_factory=list)


def record(trace: Path, *commands: Sequence[str]) -> list[Call]:
    """Run commands at once under strace and give their writes and syncs, in order."""
    watched = ["strace", "-f", "-y", "-xx", "-s", "1000000", "-e", f"trace={CALLS}", "-o", str(trace)]  # fmt: skip
    script = "".join(f"{shlex.join(line)} & " for line in commands) + "wait"
    subprocess.run(
        [*watched, "/bin/sh", "-c", script],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        timeout=60,
    )
    return list(_calls(trace.read_text().splitlines()))


def _calls(lines: Iterable[str]) -> Iterator[Call]:
    begun: dict[str, Call | None] = {}
    for line in lines:
        if match := _CALL.match(line):
            yield from _both(_call(*match.group(1, 2, 3)))
        elif match := _BEGUN.match(line):
            call = begun[match[1]] = _call(*match.group(1, 2, 3))
            if call is not None and call.name != "create":
                yield call
        elif match := _RESUMED.match(line):
            yield from _resumed(begun.pop(match[1], None), int(match[4]))


def _resumed(call: Call | None, result: int) -> Iterator[Call]:
    if call is None:
        return
    if call.name == "create":
        yield from [call] if result >= 0 else []
        return
    assert result >= 0, f"it was taken for done: {call}"
    if call.name in SYNCS:
        yield _end(call)


def _both(call: Call | None) -> Iterator[Call]:
    if call is not None:
        yield call
        if call.name in SYNCS:
            yield _end(call)


def _end(call: Call) -> Call:
    return Call(call.process, call.name, call.path, ends=True)


def _call(process: str, name: str, arguments: str) -> Call | None:
    if name == "openat":
        path = _bytes(arguments.split(", ")[1].strip('"')).decode()
        return Call(process, "create", path) if "O_CREAT" in arguments else None
    on_file = _ON_FILE.match(arguments)
    if on_file is None:
        paths = [_bytes(word).decode() for word in re.findall(r'"([^"]*)"', arguments)]
        return Call(process, name, paths[0]) if paths else None
    path, data, first, second = on_file.groups()
    number = int(second if name == "pwrite64" else first or 0)
    return Call(process, name, _bytes(path).decode(), _bytes(data or ""), number)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def images(calls: list[Call], folder: Path, seed: int) -> Iterator[tuple[Image, list[str]]]:
    """Give each possible disk image of `folder` (file name to bytes), and what was acknowledged before."""
    files: dict[str, OneFile] = {}
    acknowledged: list[str] = []
    dice = random.Random(seed)
    syncing: dict[str, dict[str, list[Call]]] = defaultdict(dict)
    for call in calls:
        if call.name == "write" and call.data.startswith(b"ACK "):
            acknowledged += [line.split()[1] for line in call.data.decode().splitlines()]
        elif not _apply(files, call, folder, syncing[call.process]):
            continue
        for keep in (lambda: False, lambda: True, lambda: dice.random() < 0.5):
            yield (
                {name: _cut(file, keep, dice) for name, file in files.items() if file.named},
                [*acknowledged],
            )


def _apply(
    files: dict[str, OneFile], call: Call, folder: Path, seen: dict[str, list[Call]]
) -> bool:
    """Bring a call to the disk; tells whether it changed what may be there."""
    if call.name in SYNCS:
        return _synced(files, call, folder, seen)
    if Path(call.path).parent != folder:
        return False
    assert call.name in ("create", "write", "pwrite64", "ftruncate"), f"new here: {call}"
    file = files.setdefault(Path(call.path).name, OneFile())
    if call.name != "create":
        file.pending.append(call)
    return True


def _synced(
    files: dict[str, OneFile], call: Call, folder: Path, seen: dict[str, list[Call]]
) -> bool:
    """Remember in `seen` what is there as a sync begins; that is on the disk when it ends."""
    path = Path(call.path)
    if path == folder:
        names = [Call(call.process, "name", name) for name in files]
        for name in seen.pop("") if call.ends else ():
            files[name.path].named = True
        seen.update({} if call.ends else {"": names})
    elif path.parent == folder:
        file = files[path.name]
        for pending in seen.pop(call.path) if call.ends else ():
            file.synced = _written(file.synced, pending, len(pending.data))
            file.pending.remove(pending)
        seen.update({} if call.ends else {call.path: [*file.pending]})
    return call.ends and folder in (path, path.parent)


def _cut(file: OneFile, keep: Callable[[], bool], dice: random.Random) -> bytes:
    content = file.synced
    for call in file.pending:
        if keep():
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
