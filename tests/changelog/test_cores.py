"""Work that is shared out comes back whole and in order, whatever becomes of the processes that do it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.changelog import cores
from opskit.changelog.cores import Cores
from tests.support.cli import REPOSITORY
from tests.support.processes import descendants
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

PROGRAM = """
import os, sys
from opskit.changelog.cores import Cores
from tests.changelog.test_cores import process
if __name__ == "__main__":
    with Cores() as cores:
        assert os.getpid() not in {found for _, found in cores.each(process, range(40))}
        print("ready", flush=True)
        sys.stdin.read()
"""


def double(number: int) -> int:
    return 2 * number


def process(_: int) -> int:
    return os.getpid()


def die_elsewhere(number: int) -> int:
    """Work only in the process that runs the tests; in any other one, be killed."""
    if os.environ.get("OPSKIT_TEST_HERE") != str(os.getpid()):
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def test_pieces_come_back_in_their_order() -> None:
    with Cores() as shared:
        assert list(shared.each(double, range(50))) == [(n, 2 * n) for n in range(50)]


def test_few_pieces_are_made_ahead() -> None:
    made: list[int] = []

    def pieces() -> Iterator[int]:
        for number in range(1000):
            made.append(number)
            yield number

    with Cores() as shared:
        first = next(shared.each(double, pieces()))
    assert first == (0, 0)
    assert len(made) <= cores.WAITING * (os.cpu_count() or 1) + 1


def test_killed_processes_cost_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSKIT_TEST_HERE", str(os.getpid()))
    with Cores() as shared:
        assert [found for _, found in shared.each(die_elsewhere, range(20))] == [
            2 * number for number in range(20)
        ]


def test_where_no_process_can_be_had_the_work_is_done_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(count: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cores, "_pool", refuse)
    with Cores() as shared:
        assert {found for _, found in shared.each(process, range(5))} == {os.getpid()}


def test_nobody_stays_behind_when_the_first_process_is_killed(tmp_path: Path) -> None:
    with started(tmp_path) as first:
        workers = descendants(first.pid)
        assert workers
        first.kill()
    until(lambda: not alive(workers), what="the others to end")


def test_ctrl_c_is_left_to_the_first_process(tmp_path: Path) -> None:
    with started(tmp_path) as first:
        os.killpg(first.pid, signal.SIGINT)
        _, said = first.communicate(timeout=60)
    assert said.count(b"KeyboardInterrupt") <= 1


def started(folder: Path) -> subprocess.Popen[bytes]:
    """Start a program that shares work out, and waits when that is done."""
    script = folder / "program.py"
    script.write_text(PROGRAM)
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    first = subprocess.Popen(
        [sys.executable, str(script)], env=env, start_new_session=True, **pipes
    )
    assert first.stdout is not None
    assert first.stdout.readline() == b"ready\n"
    return first


def alive(pids: list[int]) -> bool:
    """Tell whether one of them still runs; one that only waits to be reaped does not."""
    stats = [Path(f"/proc/{pid}/stat") for pid in pids]
    return any(
        stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z" for stat in stats
    )
