"""The build runs once, here, with its own environment; it ends with its time, its failure, or our wish."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from opskit.config.secret import Redactor, Secret
from opskit.errors import BuildError, InterruptedRunError
from opskit.rollout.build import KEPT, build
from opskit.rollout.stop import Stop
from tests.support.waiting import until

TOKEN = Secret("s3cret-token")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tree"
    made.mkdir()
    return made


def run(command: str, folder: Path, *, timeout: float = 100.0, stop: Stop | None = None) -> None:
    build(
        command,
        folder=folder,
        log=folder.with_suffix(".log"),
        env={"TOKEN": TOKEN, "MODE": "fast"},
        timeout=timeout,
        redactor=Redactor((TOKEN,)),
        stop=stop or Stop(),
    )


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def pid_in(file: Path) -> int:
    return int(until(lambda: file.exists() and file.read_text().strip(), what="the build's child"))


def test_it_runs_in_the_tree_with_our_environment_and_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS", "ours")
    run('echo "$OURS $MODE $TOKEN $(pwd)" >out', folder)
    assert (folder / "out").read_text() == f"ours fast s3cret-token {folder}\n"


def test_it_reads_nothing_from_the_terminal(folder: Path) -> None:
    run("cat >out", folder)
    assert (folder / "out").read_text() == ""


def test_a_failure_says_its_status_and_its_last_lines_without_secrets(folder: Path) -> None:
    with pytest.raises(BuildError) as raised:
        run("seq 50; echo $TOKEN; printf 'caf\\351\\n' >&2; exit 7", folder)
    assert raised.value.what == "the build ended with status 7"
    assert raised.value.output.splitlines() == [
        *map(str, range(43, 51)),
        "[redacted]",
        "caf\ufffd",
    ]


def test_a_secret_is_hidden_though_what_is_kept_begins_amid_it(folder: Path) -> None:
    for newline in ("", "echo;"):
        endless = f"head -c {KEPT - 6} /dev/zero | tr '\\0' x"
        with pytest.raises(BuildError) as caught:
            run(f'printf %s "$TOKEN"; {newline} {endless}; exit 1', folder)
        assert "token" not in caught.value.output


def test_endless_output_is_bounded(folder: Path) -> None:
    with pytest.raises(BuildError) as raised:
        run("head -c 3000000 /dev/zero | tr '\\0' x; exit 1", folder)
    assert len(raised.value.output) <= 64 * 1024


def test_a_command_that_is_not_there_is_a_failure(folder: Path) -> None:
    with pytest.raises(BuildError, match="status 127") as raised:
        run("no-such-tool", folder)
    assert "no-such-tool" in raised.value.output


def test_time_is_up_for_all_that_it_has_started(folder: Path) -> None:
    began = time.monotonic()
    with pytest.raises(BuildError, match=r"took longer than 1\.5 s and was ended"):
        run("sleep 600 & echo $! >pid; wait", folder, timeout=1.5)
    assert time.monotonic() - began < 60
    until(lambda: not alive(pid_in(folder / "pid")))


def test_what_will_not_end_is_killed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opskit.rollout.build.GRACE", 0.3)
    stubborn = "(trap '' TERM; while :; do sleep 0.1; done) & echo $! >pid; wait"
    with pytest.raises(BuildError, match="was ended"):
        run(stubborn, folder, timeout=1.5)
    until(lambda: not alive(pid_in(folder / "pid")))


def test_the_first_wish_to_stop_ends_it(folder: Path) -> None:
    stop = Stop()
    wish = threading.Thread(target=lambda: pid_in(folder / "pid") and stop.request())
    wish.start()
    with pytest.raises(InterruptedRunError, match="the build was interrupted"):
        run("sleep 600 & echo $! >pid; wait", folder, stop=stop)
    wish.join()
    until(lambda: not alive(pid_in(folder / "pid")))


def test_a_wish_that_came_before_it_ends_it_at_once(folder: Path) -> None:
    stop = Stop()
    stop.request()
    with pytest.raises(InterruptedRunError):
        run("sleep 60", folder, stop=stop)


def test_it_leads_a_group_of_its_own(folder: Path) -> None:
    run("ps -o pgid= -p $$ >pgid", folder)
    assert int((folder / "pgid").read_text()) != os.getpgrp()
