"""Commits that are not at hand are said, and not taken for commits that say nothing."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from opskit.blame.model import Candidate, History
from opskit.blame.text import compare, lacking
from tests.support.repositories import repository

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def deploy(tmp_path: Path) -> Candidate:
    made = repository(tmp_path / "shop")
    old, new = (made.commit(each, {"a.py": f"{each} = 1\n"}) for each in ("one", "two"))
    return Candidate("7kkef1e6k7", "deploy", NOW, history=History(made.folder, old, new))


def moved(deploy: Candidate, folder: Path) -> Candidate:
    assert deploy.history
    return Candidate(deploy.id, "deploy", NOW, history=History(folder, deploy.history.old, deploy.history.new))  # fmt: skip


def test_a_repository_that_has_the_commits_lacks_nothing(deploy: Candidate) -> None:
    assert lacking([deploy, Candidate("note", "note", NOW)], cache=None) == ()


def test_a_repository_that_is_gone_shallow_or_broken_is_said(deploy: Candidate, tmp_path: Path) -> None:  # fmt: skip
    assert deploy.history
    folder = deploy.history.repository
    shallow, broken = tmp_path / "shallow", tmp_path / "broken"
    subprocess.run(["git", "clone", "-q", "--depth", "1", folder.as_uri(), shallow], check=True)
    shutil.copytree(folder, broken)
    for each in (broken / ".git" / "objects").glob("??/*"):
        each.chmod(0o600)
        each.write_bytes(b"broken")
    for at in (shallow, broken, tmp_path / "gone"):
        (said,) = lacking([moved(deploy, at)], cache=None)
        assert said.startswith(f"what 7kkef1e6k7 brought is not in {at}: ")


def test_what_was_read_before_is_at_hand(deploy: Candidate, tmp_path: Path) -> None:
    compare([deploy], "two is wrong", cache=tmp_path / "cache")
    assert deploy.history
    shutil.rmtree(deploy.history.repository)
    assert lacking([deploy], cache=tmp_path / "cache") == ()
