from __future__ import annotations

import time
from pathlib import Path

import pytest

from opskit.errors import ConfigError
from opskit.fleet.program import output
from tests.support.waiting import until


def run(command: str, folder: Path, timeout: float = 100.0, limit: int = 1_000_000) -> bytes:
    return output(command, what="the program", folder=folder, timeout=timeout, limit=limit)


def test_a_program_runs_in_its_folder_and_may_use_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("a b\n")
    assert run("cat hosts | tr ' ' ,", tmp_path) == b"a,b\n"


def test_much_output_on_both_streams_is_no_trouble(tmp_path: Path) -> None:
    assert len(run("seq 1 50000 >&2; seq 1 50000", tmp_path)) == 288894


def test_a_failure_is_told_with_the_last_line_of_standard_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the program ended with status 3") as caught:
        run("echo first >&2; printf 'no \\033[31mtoken\\n' >&2; exit 3", tmp_path)
    assert caught.value.hint == "no  [31mtoken"


def test_a_program_that_takes_too_long_is_ended_with_all_its_children(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(ConfigError, match="did not end within"):
        run("echo $$ > leader; sleep 987 & echo $! > child; wait", tmp_path, timeout=1.5)
    assert time.monotonic() - started < 60
    child = (tmp_path / "child").read_text().strip()
    until(lambda: is_gone(child), what="the child to end")


@pytest.mark.parametrize("command", ["yes", "head -c 2000000 /dev/zero"])
def test_a_program_that_prints_too_much_is_ended(tmp_path: Path, command: str) -> None:
    with pytest.raises(ConfigError, match="printed more than"):
        run(command, tmp_path)


def test_a_program_reads_nothing_from_us(tmp_path: Path) -> None:
    assert run("cat; echo end", tmp_path) == b"end\n"


def is_gone(pid: str) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"
