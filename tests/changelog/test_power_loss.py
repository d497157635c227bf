"""The power fails at any moment: what was said to be durable is there afterwards, and nothing is damaged."""

from __future__ import annotations

import hashlib
import random
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog
from tests.changelog.faults import HEAVY, check_and_receive, exported, need_strace, worker
from tests.changelog.replay import images, record
from tests.changelog.worker import PAGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.changelog.replay import Image

SEEDS = 6 if HEAVY else 1
STATES = 10**6 if HEAVY else 700
ENOUGH = 3000 if HEAVY else 250
APPENDS = 12 if HEAVY else 5
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000 if HEAVY else 300)]


@pytest.fixture
def quick_disk() -> Iterator[Path]:
    """A folder in memory where there is one: what is tried there was on a disk before."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    need_strace()
    return tmp_path / "state" / "changelog.db"


def test_no_power_cut_loses_what_was_acknowledged(state: Path, quick_disk: Path) -> None:
    states = replayed([worker(state, APPENDS)], state, quick_disk, said=APPENDS, unsaid=1)
    print(f"FIGURES one process: {states} states, 0 lost, 0 damaged")
    assert states >= ENOUGH


def test_no_power_cut_hurts_several_processes_at_once(state: Path, quick_disk: Path) -> None:
    several = [worker(state, APPENDS, name) for name in ("ann", "bob", "eve")]
    states = replayed(several, state, quick_disk, said=3 * APPENDS, unsaid=3)
    print(f"FIGURES three processes: {states} states, 0 lost, 0 damaged")
    assert states >= ENOUGH


def test_no_power_cut_hurts_a_pull_beside_an_append(
    state: Path, quick_disk: Path, tmp_path: Path
) -> None:
    export = exported(tmp_path, 2 * APPENDS)
    both = [worker(state, "receive", export), worker(state, APPENDS)]
    states = replayed(both, state, quick_disk, said=3 * APPENDS, unsaid=PAGE + 1, export=export)
    print(f"FIGURES a pull beside an append: {states} states, 0 lost, 0 damaged")
    assert states >= ENOUGH


def replayed(
    commands: list[list[str]],
    file: Path,
    disk: Path,
    *,
    said: int,
    unsaid: int,
    export: Path | None = None,
) -> int:
    """Record the commands, and check images that they may leave; gives how many, all different, there were.

    `said` events are acknowledged in the end, and at most `unsaid` more are under way at any moment.
    """
    calls = record(file.parents[1] / "trace", *commands)
    seed = random.randrange(10000)
    print(f"seed {seed}")
    total = sum(1 for _ in images(calls, file.parent, 0)) * SEEDS
    wanted = set(random.Random(seed).sample(range(total), min(STATES, total)))
    found = (pair for n in range(SEEDS) for pair in images(calls, file.parent, seed + n))
    tried: set[bytes] = set()
    for number, (image, acknowledged) in enumerate(found):
        if number not in wanted or (key := fingerprint(image, acknowledged)) in tried:
            continue
        tried.add(key)
        after = disk / str(number)
        write(after, image)
        check(after / "changelog.db", acknowledged, unsaid)
        if export is not None and len(tried) % 8 == 0:
            check_and_receive(after / "changelog.db", export)
        shutil.rmtree(after)
    assert len(acknowledged) == said
    return len(tried)


def fingerprint(image: Image, acknowledged: Sequence[str]) -> bytes:
    digest = hashlib.sha256(repr(acknowledged).encode())
    for name, content in sorted(image.items()):
        digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.digest()


def write(folder: Path, image: Image) -> None:
    folder.mkdir()
    for name, content in image.items():
        (folder / name).write_bytes(content)


def check(file: Path, acknowledged: Sequence[str], unsaid: int) -> None:
    with Changelog(file) as changelog:
        there = {note.id for note in changelog.notes()}
        assert {name[:10] for name in acknowledged} <= there
        assert len(there) <= len(acknowledged) + unsaid
        assert changelog.verify() == []
