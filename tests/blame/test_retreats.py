"""A host goes back from what a rollout brought by whatever brings something older, be it a rollback or a deploy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog
from tests.blame.test_gather import candidates
from tests.changelog.writing import release, results, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOSTS = ("web01", "web02")


@pytest.fixture
def changelog(tmp_path: Path) -> Iterator[Changelog]:
    with Changelog(tmp_path / "state" / "changelog.db", actor="ana@laptop") as opened:
        yield opened


def deploy(changelog: Changelog, before: int, to: int, *, adds: range = range(0), hosts: tuple[str, ...] = HOSTS) -> str:  # fmt: skip
    """Write a deploy that adds commits, of which each is what the release of its number is made of."""
    commits = [{"sha": release(number)["revision"], "subject": f"Commit {number}", "author": "ana"} for number in adds]  # fmt: skip
    name = start(changelog, hosts=hosts, before=before, to=to, commits=commits)
    results(changelog, name, dict.fromkeys(hosts, "done"), before=before, to=to)
    return name


def gone(changelog: Changelog, name: str) -> set[str]:
    return set(candidates(changelog)[name].retreats)


def test_a_deploy_of_what_ran_there_long_before_takes_all_back_that_came_since(changelog: Changelog) -> None:  # fmt: skip
    first = deploy(changelog, 1, 2)
    bad, later = deploy(changelog, 2, 3), deploy(changelog, 3, 4)
    assert not gone(changelog, bad)
    deploy(changelog, 4, 2, hosts=("web01",))
    assert gone(changelog, bad) == gone(changelog, later) == {"web01"}
    assert not gone(changelog, first)
    assert "-H web02 " in candidates(changelog)[later].undo


def test_a_deploy_that_adds_no_commit_takes_back_what_is_newer_though_it_never_ran_there(changelog: Changelog) -> None:  # fmt: skip
    first = deploy(changelog, 1, 4, adds=range(2, 5))
    bad = deploy(changelog, 4, 8, adds=range(5, 9))
    deploy(changelog, 8, 3)
    assert gone(changelog, bad) == set(HOSTS)
    assert not gone(changelog, first)


def test_what_goes_back_to_the_middle_of_what_came_leaves_the_rest_of_it_there(changelog: Changelog) -> None:  # fmt: skip
    first = deploy(changelog, 1, 4, adds=range(2, 5))
    later = deploy(changelog, 4, 8, adds=range(5, 9))
    deploy(changelog, 8, 6)
    assert not gone(changelog, first)
    assert not gone(changelog, later)
    deploy(changelog, 6, 3)
    assert not gone(changelog, first)
    assert gone(changelog, later) == set(HOSTS)


def back(changelog: Changelog, before: int, to: int, *, hosts: tuple[str, ...] = HOSTS) -> str:
    name = start(changelog, hosts=hosts, before=before, to=to, action="rollback")
    results(changelog, name, dict.fromkeys(hosts, "done"), before=before, to=to, action="rollback")
    return name


def test_what_came_to_a_host_again_is_live_there_and_is_undone_on_all_that_run_it(changelog: Changelog) -> None:  # fmt: skip
    bad = deploy(changelog, 1, 2)
    back(changelog, 2, 1, hosts=("web01",))
    assert gone(changelog, bad) == {"web01"}
    deploy(changelog, 1, 2, hosts=("web01",))
    deploy(changelog, 2, 3)
    back(changelog, 3, 2)
    found = candidates(changelog)[bad]
    assert not found.retreats
    assert "-H 'web[01-02]' " in found.undo
    assert [host for host, spans in found.away.items() if len(spans) == 1] == ["web01"]
    back(changelog, 2, 1, hosts=("web02",))
    assert gone(changelog, bad) == {"web02"}
    assert "-H web01 " in candidates(changelog)[bad].undo
