"""Commits that are not at hand are said, and not taken for commits that say nothing."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from opskit.blame.model import Candidate, History
from opskit.blame.text import compare
from opskit.changelog import Commit
from tests.support.repositories import repository

if TYPE_CHECKING:
    from collections.abc import Sequence
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


def missing(candidates: Sequence[Candidate], cache: Path | None = None) -> Sequence[str]:
    return compare(candidates, "two is wrong", cache=cache).missing


def test_a_repository_that_has_the_commits_lacks_nothing(deploy: Candidate) -> None:
    assert missing([deploy, Candidate("note", "note", NOW)]) == ()


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
        (said,) = missing([moved(deploy, at)])
        assert said.startswith(f"what 7kkef1e6k7 brought is not in {at}: ")


def test_what_was_read_before_is_at_hand(deploy: Candidate, tmp_path: Path) -> None:
    compare([deploy], "two is wrong", cache=tmp_path / "cache")
    assert deploy.history
    shutil.rmtree(deploy.history.repository)
    assert missing([deploy], tmp_path / "cache") == ()


def test_what_a_failed_run_says_of_itself_is_no_match_for_commits_that_nobody_could_read(deploy: Candidate, tmp_path: Path) -> None:  # fmt: skip
    away = moved(deploy, tmp_path / "gone")
    told = [
        replace(away, id=f"d{n}", commits=(Commit(f"{n}" * 40, f"Change number {n}", "Bo"),))
        for n in range(1, 9)
    ]
    failed = replace(away, id="failed", outcome="failed", text="TypeError: price is no number")
    assert "failed" not in compare([*told, failed], "KeyError: 'gyokuro'", cache=None).texts


def test_where_some_could_be_read_nothing_is_said_against_the_others_and_less_for_any(deploy: Candidate, tmp_path: Path) -> None:  # fmt: skip
    away = replace(moved(deploy, tmp_path / "gone"), commits=(Commit("1" * 40, "Fewer spoons", "Bo"),))  # fmt: skip
    others = [replace(away, id=f"d{n}") for n in range(3)]
    found = compare([deploy, *others], "two is wrong", cache=None)
    assert all(found.texts[one.id].bits == 0 for one in others if one.id in found.texts)
    assert 0 < found.texts[deploy.id].bits < 2
    assert "d0, d1, d2 brought is not in" in found.missing[0]
