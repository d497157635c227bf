"""What journald has of a unit is a log, too: the very script, and what it finds in a real journal."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from opskit.blame import journal
from opskit.blame.journal import Journal, named
from opskit.blame.onsets import NOT_THERE, UNTOLD, read, script
from tests.support import journals
from tests.support.journals import Line

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.blame.onsets import Onset

SHELLS = [["sh"], *([["busybox", "sh"]] if shutil.which("busybox") else [])]
NOW = datetime.now(UTC).replace(microsecond=0)
BEGAN = NOW - timedelta(minutes=9)
LATER = NOW - timedelta(minutes=2)
WORDS = "it's \\n $HOME bad"
FIND = """{ n += length($0) + 1 }
/^[0-9]+[.][0-9]+ / { head = substr($0, 1, m); entries++ }
index($0, ENVIRON["w"]) { if (at != head) hits++; at = head; line = substr($0, 1, m)
  k[hits] = at; l[hits] = line; if (hits > b) { delete k[hits - 1]; delete l[hits - 1] } }
n > bytes { exit }
END { if (n > bytes || entries >= lines) print "cut"
  for (i in k) told++; if (hits > told) print "skipped " hits - told
  for (i in k) { print "own " k[i]; print "line " l[i] }
  if (!hits) print entries ? "none" : "nothing" }"""
LINES = (
    Line(NOW - timedelta(days=20), f"ERROR {WORDS}"),
    Line(NOW - timedelta(minutes=30), "fine"),
    Line(NOW - timedelta(minutes=20), f"ERROR {WORDS}", unit="other.service"),
    Line(BEGAN, f"\x1b[31mERROR {WORDS}"),
    Line(LATER, f"Traceback\n  File x\nKeyError: {WORDS}"),
    Line(NOW - timedelta(minutes=1), f"ERROR {WORDS}", unit="mine.service", uid=os.getuid()),
    Line(NOW - timedelta(minutes=1), f"ERROR {WORDS}", unit="yours.service", uid=os.getuid() + 1),
)


def ask(folder: Path, unit: str, shell: list[str], *, words: str = WORDS) -> Onset:
    """Run the script where journalctl reads a journal of ours."""
    log = named(unit)
    assert log
    env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    asked = time.time()
    text = script(log, words, since=NOW - timedelta(days=14))
    ran = subprocess.run([*shell, "-c", text], env=env, capture_output=True, check=True)
    return read("web01", ran.stdout.decode(), asked=asked, answered=time.time())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    journals.write(tmp_path / "x.journal", LINES)
    tool = tmp_path / "journalctl"
    tool.write_text(journals.reader(tmp_path / "x.journal"))
    tool.chmod(0o755)
    return tmp_path


def test_a_journal_is_asked_for_by_its_unit_and_for_no_more_than_is_looked_at() -> None:
    since = datetime(2026, 11, 12, 12, tzinfo=UTC)
    text = journal.script(
        Journal("shop@1.service"), since=since, most_bytes=1000, most_line=400, most_hits=9
    )
    assert text == (
        "command -v journalctl >/dev/null || { echo nojournal; exit 0; }\n"
        "journalctl --quiet --no-pager --all --output=short-unix --unit=shop@1.service --since=@1794484800"
        " --reverse --lines=200000 2>/dev/null |\n"
        f"  awk -v m=400 -v b=9 -v bytes=1000 -v lines=200000 '{FIND}'"
    )
    own = journal.script(
        Journal("a", user=True), since=since, most_bytes=1, most_line=1, most_hits=1
    )
    assert " --user-unit=a " in own


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_the_first_line_of_the_unit_in_that_time_tells_since_when(
    folder: Path, shell: list[str]
) -> None:
    found = ask(folder, "unit:shop", shell)
    assert (found.at, found.off, found.remark) == (BEGAN, 0.0, "")
    assert found.line.endswith(f"ERROR {WORDS}")
    assert ask(folder, "user-unit:mine", shell).at == NOW - timedelta(minutes=1)
    assert ask(folder, "unit:shop", shell, words="nowhere").remark == NOT_THERE
    for unit in ("unit:nope", "user-unit:yours", "user-unit:shop"):
        assert ask(folder, unit, shell).remark == UNTOLD["nothing"]


def test_of_a_long_journal_the_end_is_looked_at_and_that_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "MOST_LINES", 1)
    found = ask(folder, "unit:shop", ["sh"])
    assert found.at == LATER
    assert found.remark == "only the end of its log was looked at"


def test_a_host_without_journald_is_not_called_well(tmp_path: Path) -> None:
    for tool in ("date", "awk"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "")
    text = script(Journal("shop"), WORDS, since=NOW)
    ran = subprocess.run(["/bin/sh", "-c", text], env={"PATH": f"{tmp_path}"}, capture_output=True, check=True)  # fmt: skip
    found = read("web01", ran.stdout.decode(), asked=time.time(), answered=time.time())
    assert found.remark == UNTOLD["nojournal"]


@pytest.mark.parametrize("log", ["unit:", "unit:a b", "unit:-x", "unit:sh*p", "unit:a@.service", "user-unit:a/b", "unit:a\n"])  # fmt: skip
def test_what_is_no_name_of_a_unit_is_refused(log: str) -> None:
    with pytest.raises(ValueError, match=re.escape(log.partition(":")[2]) or "^$"):
        named(log)
    assert named("/var/log/unit:a") is None
