"""Facts of deploys and rollbacks are read from the events that the engine writes, and commit times from git."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from opskit.blame.deeds import deed
from opskit.blame.leadtime import committed
from opskit.changelog import Changelog
from tests.changelog.writing import put, start, whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def changelog(tmp_path: Path) -> Iterator[Changelog]:
    with Changelog(tmp_path / "changelog.db", actor="ann") as opened:
        yield opened


def test_a_deploy_that_went_well_left_its_release_on_all_hosts(changelog: Changelog) -> None:
    commits = [{"sha": "a" * 40, "subject": "x", "author": "ann"}]
    found = deed(changelog.rollout(whole(changelog, commits=commits)))
    assert (found.kind, found.outcome, found.service) == ("deploy", "done", "shop")
    assert (found.stays, found.bad) == ({"web01", "web02"}, frozenset())
    assert found.brought == {"web01": "r2", "web02": "r2"}
    assert found.took == {"web01": "r1", "web02": "r1"}
    assert found.commits == ("a" * 40,)
    assert (found.ended - found.at).total_seconds() == pytest.approx(4.2)


def test_hosts_that_went_back_and_hosts_that_failed_are_told_apart(changelog: Changelog) -> None:
    name = start(changelog, hosts=("web01", "web02", "web03"), machine={"host": "elsewhere"})
    steps = [{"step": "stage", "ms": 9}, {"step": "switch", "ms": 1}, {"step": "check", "ms": 5}]
    told = [
        {"host": "web01", "outcome": "reverted", "from": "r1", "to": "r2", "live": "r1", "steps": steps},
        {"host": "web02", "outcome": "failed", "from": "r1", "to": "r2", "live": "r2", "steps": steps},
        {"host": "web03", "outcome": "failed", "from": "r1", "to": "r2", "live": "r1", "steps": steps[:1]},
    ]  # fmt: skip
    put(changelog, "rollout.hosts", {"results": told}, name)
    put(changelog, "rollout.finished", {"outcome": "failed", "ms": 9}, name)
    found = deed(changelog.rollout(name))
    assert (set(found.came), set(found.back)) == ({"web01", "web02"}, {"web01"})
    assert (found.stays, found.bad) == ({"web02"}, {"web02"})


def test_one_that_failed_before_it_came_to_a_host_is_not_live(changelog: Changelog) -> None:
    name = start(changelog)
    put(changelog, "rollout.finished", {"outcome": "failed", "reason": "the build broke"}, name)
    assert not deed(changelog.rollout(name)).is_live


def test_times_of_commits_come_from_the_repository(tmp_path: Path) -> None:
    def git(*words: str, **env: str) -> str:
        done = subprocess.run(["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", *words], env=env or None, check=True, capture_output=True, text=True)  # fmt: skip
        return done.stdout.strip()

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "x", GIT_COMMITTER_DATE="2026-03-04T12:00:00Z")
    sha = git("rev-parse", "HEAD")
    tree = git("rev-parse", "HEAD^{tree}")
    noon = datetime(2026, 3, 4, 12, tzinfo=UTC)
    assert committed(tmp_path, [sha, sha[:10], "f" * 40, tree, "--all", "HEAD"]) == {
        sha: noon, sha[:10]: noon,
    }  # fmt: skip
    assert committed(tmp_path / "nowhere", [sha]) == {}
    assert committed(tmp_path, []) == {}
