"""The check's exit code says good, bad or cannot be tested, as for `git bisect run`; it ends with all that it started."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.blame.bisect.check import check
from opskit.errors import OpskitError
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.blame.bisect.record import Tested

SHA = "a" * 40


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
    with pytest.raises(OpskitError, match=r"the check (ended with|was ended by signal)"):
        run(command, tmp_path)


def test_it_knows_the_commit_and_its_words_are_kept_without_secrets(tmp_path: Path) -> None:
    told = run('echo "$OPSKIT_REVISION" in "$PWD"; echo hunter2 >&2; exit 1', tmp_path)
    assert told.output == f"{SHA} in {tmp_path}\n***"


def test_one_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    told = run("sleep 600 & echo $! >child; wait", tmp_path, timeout=0.5)
    assert (told.word, told.reason) == ("skip", "the check took longer than 0.5 s")
    child = (tmp_path / "child").read_text().strip()
    until(lambda: _is_gone(child), what="the child to end")


def _is_gone(pid: str) -> bool:
    from pathlib import Path

    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"
