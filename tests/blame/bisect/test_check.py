"""The check's exit code says good, bad or cannot be tested, as for `git bisect run`; it ends with all that it started."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from opskit.blame.bisect.check import check, script, told
from opskit.errors import OpskitError
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.blame.bisect.record import Tested

SHA = "a" * 40
SHELLS = [["sh"], *([["busybox", "sh"]] if shutil.which("busybox") else [])]


def run(command: str, folder: Path, *, timeout: float = 30.0) -> Tested:
    env = {"OPSKIT_REVISION": SHA}
    return check(command, SHA, folder=folder, env=env, timeout=timeout, hide=lambda said: said.replace("hunter2", "***"))  # fmt: skip


@pytest.mark.parametrize(
    ("code", "word"),
    [(0, "good"), (1, "bad"), (2, "bad"), (124, "bad"), (125, "skip"), (126, "bad"), (127, "bad")],
)
def test_the_exit_code_is_the_answer(tmp_path: Path, code: int, word: str) -> None:
    told = run(f"exit {code}", tmp_path)
    assert (told.sha, told.word, told.exit) == (SHA, word, code)


@pytest.mark.parametrize("command", ["exit 128", "exit 255", "kill -9 $$"])
def test_any_other_end_says_nothing_of_the_commit(tmp_path: Path, command: str) -> None:
    with pytest.raises(OpskitError, match=r"the check (ended with|was ended by a signal)"):
        run(command, tmp_path)


def test_it_knows_the_commit_and_its_words_are_kept_without_secrets(tmp_path: Path) -> None:
    told = run('echo "$OPSKIT_REVISION" in "$PWD"; echo hunter2 >&2; exit 1', tmp_path)
    assert told.output == f"{SHA} in {tmp_path}\n***"


def test_one_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    told = run("sleep 600 & echo $! >child; wait", tmp_path, timeout=3.0)
    assert (told.word, told.reason) == ("skip", "the check took longer than 3 s")
    child = (tmp_path / "child").read_text().strip()
    until(lambda: _is_gone(child), what="the child to end")


def test_a_check_on_the_host_runs_in_the_release_that_is_live_there() -> None:
    assert script("~/a shop", "test -e ok") == (
        """cd "$HOME"/'a shop'/current || { echo 'no release is live here' >&2; exit 255; }\n"""
        "OPSKIT_FOLDER=$(pwd -P); export OPSKIT_FOLDER\n"
        "test -e ok"
    )


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_what_the_host_says_is_judged_as_what_this_machine_says(
    tmp_path: Path, shell: list[str]
) -> None:
    (tmp_path / "releases" / "r 1").mkdir(parents=True)
    nowhere = subprocess.run([*shell, "-c", script(str(tmp_path), "true")], capture_output=True, check=False)  # fmt: skip
    with pytest.raises(OpskitError, match="the check ended with 255"):
        told(SHA, nowhere.returncode, "", 1.0, timeout=9)
    (tmp_path / "current").symlink_to("releases/r 1")
    ran = subprocess.run([*shell, "-c", script(str(tmp_path), 'echo "$OPSKIT_FOLDER"; exit 125')], capture_output=True, check=False)  # fmt: skip
    found = told(SHA, ran.returncode, ran.stdout.decode(), 1.5, timeout=9)
    assert (found.word, found.exit, found.ms) == ("skip", 125, 1500)
    assert found.output == str(tmp_path / "releases" / "r 1")
    assert told(SHA, None, "", 9.0, timeout=9).reason == "the check took longer than 9 s"


def _is_gone(pid: str) -> bool:
    from pathlib import Path

    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"
