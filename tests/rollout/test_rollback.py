"""`opskit rollback`, end to end: back to what was last good on each host, whatever else is on fire."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import command

if TYPE_CHECKING:
    from tests.support.light import Light

ONE = {"hosts": '"web01"', "batches": "[1]"}


def test_a_rollback_goes_to_the_version_before(any_light: Light) -> None:
    any_light.commit("v2")
    any_light.deploy("v1")
    any_light.deploy("v2")
    done = any_light.rollback("-m", "v2 loses orders")
    assert any_light.live() == any_light.on_all("v1")
    assert any_light.restarts("web04") == ["v1", "v2", "v1"]
    assert "4 hosts: TO v1 (" in done.stderr
    assert ") FROM v2 (" in done.stderr
    last = any_light.last()
    assert (last["action"], last["to"]["label"], last["why"]) == (
        "rollback",
        "v1",
        "v2 loses orders",
    )
    assert any_light.releases("web01") == ["v1", "v2"]  # the bad one stays, as evidence
    assert any_light.locks() == []


def test_each_host_goes_back_to_its_own_last_good_version(light: Light) -> None:
    for version in ("v2", "v3"):
        light.commit(version)
    light.deploy("v1")
    light.deploy("v2", "-H", "web[01-02]")
    light.deploy("v3")
    shown = light.opskit("rollback", "shop", "-n").stdout
    assert "each to its own" in shown
    light.rollback()
    assert light.live() == {"web01": "v2", "web02": "v2", "web03": "v1", "web04": "v1"}
    live = light.opskit("status", "shop", "--json").json["data"]["services"][0]["hosts"]
    assert {host["host"]: host["live"]["label"] for host in live} == light.live()
    assert {host["host"]: host["recorded"]["label"] for host in live} == light.live()
    assert light.opskit("log", "--csv").stdout.splitlines()[1].split(",")[7:9] == ["v3", "v2 v1"]
    assert "v3 → v2, v1" in light.opskit("log").stdout


def test_what_was_bad_is_skipped_not_returned_to(light: Light) -> None:
    light.configure(**ONE)
    light.deploy("v1")
    for version in ("v2", "v3"):
        light.commit(version, good=False)
        light.deploy(version, expect=5)
        assert light.live_on("web01") == "v1"
    light.commit("v4")
    light.deploy("v4")
    light.rollback()
    assert light.live_on("web01") == "v1"


def test_two_rollbacks_go_two_versions_back_and_a_third_finds_nothing(light: Light) -> None:
    light.configure(**ONE)
    light.deploy("v1")
    for version in ("v2", "v3"):
        light.commit(version)
        light.deploy(version)
    light.rollback()
    assert light.live_on("web01") == "v2"
    light.rollback()
    assert light.live_on("web01") == "v1"
    before = light.tree()
    done = light.rollback(expect=1)
    assert "no earlier release that was good here" in done.stdout
    assert light.tree() == before
    assert light.last()["outcome"] == "failed"


def test_a_rollback_of_what_was_rolled_back_and_deployed_again(light: Light) -> None:
    light.configure(**ONE)
    light.commit("v2")
    for step in ("v1", "v2"):
        light.deploy(step)
    light.rollback()
    light.deploy("v2")
    light.rollback()
    assert light.live_on("web01") == "v1"


def test_a_version_deployed_twice_is_no_way_back_from_itself(light: Light) -> None:
    light.configure(**ONE)
    light.commit("v2")
    for version in ("v1", "v2", "v2"):
        light.deploy(version)
    light.rollback()
    assert light.live_on("web01") == "v1"


def test_a_host_never_deployed_to_has_nothing_to_go_back_to(light: Light) -> None:
    done = light.rollback(expect=1)
    assert "no earlier release" in done.stdout
    assert light.live() == light.on_all("")


def test_one_host_without_a_way_back_does_not_hold_the_others(light: Light) -> None:
    light.commit("v2")
    light.deploy("v1", "-H", "web[01-03]")
    light.deploy("v2")
    light.rollback(expect=3)
    assert light.live() == {"web01": "v1", "web02": "v1", "web03": "v1", "web04": "v2"}


def test_a_dead_host_does_not_hold_the_others(light: Light) -> None:
    light.commit("v2")
    light.deploy("v1")
    light.deploy("v2")
    light.hosts.stop("web01")
    light.rollback(expect=3)
    assert light.live() == {"web01": "v2", "web02": "v1", "web03": "v1", "web04": "v1"}
    assert light.outcomes()["web01"] == "unreachable"


def test_a_rollback_to_what_is_no_longer_healthy_stops_and_says_so(light: Light) -> None:
    light.commit("v2")
    light.deploy("v1")
    light.deploy("v2")
    light.make_sick("web01")
    light.rollback(expect=1)
    assert light.outcomes()["web01"] == "failed"
    assert light.live()["web02"] == "v2"
    assert light.last()["hosts"]["web01"]["live"] == light.release("web01")


def in_a_full_disk(light: Light, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run opskit where no file can grow, as on a full disk, whoever runs the tests."""
    script = 'trap "" XFSZ; ulimit -f 0; exec "$@"'
    argv = ["/bin/sh", "-c", script, "sh", *command(*arguments)]
    return subprocess.run(
        argv, cwd=light.folder, capture_output=True, text=True, timeout=100, check=False
    )


@pytest.fixture
def with_two(light: Light) -> Light:
    light.commit("v2")
    light.deploy("v1")
    light.deploy("v2")
    return light


def test_a_full_disk_stops_a_deploy_before_it_touches_anything(with_two: Light) -> None:
    before = with_two.tree()
    done = in_a_full_disk(with_two, "deploy", "shop", "v1", "-y")
    assert (done.returncode, with_two.tree()) == (1, before), done
    assert "opskit: " in done.stderr


def test_a_full_disk_does_not_stop_a_rollback(with_two: Light) -> None:
    done = in_a_full_disk(with_two, "rollback", "shop", "-y")
    assert done.returncode == 0, done
    assert with_two.live() == with_two.on_all("v1")
    assert "the changelog does not say so" in done.stderr
    assert with_two.log()[0]["action"] == "deploy"


@pytest.mark.parametrize("broken", ["garbage", "folder", "state is a file"])
def test_a_broken_changelog_stops_a_deploy_and_not_a_rollback(
    with_two: Light, broken: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    state = tmp_path_factory.mktemp("state")
    if broken == "state is a file":
        state = state / "file"
        state.write_text("")
    else:
        file = state / "test" / "changelog.db"
        file.parent.mkdir()
        file.write_text("no database at all\n" * 1000) if broken == "garbage" else file.mkdir()
    env = {"OPSKIT_STATE_DIR": str(state)}
    before = with_two.tree()
    refused = with_two.deploy("v1", expect=1, env=env)
    assert with_two.tree() == before
    assert refused.stderr.splitlines()[0].startswith("deploy shop to v1")
    assert "opskit: " in refused.stderr
    done = with_two.rollback(env=env)
    assert with_two.live() == with_two.on_all("v1")
    assert "warning: " in done.stderr
    assert "opskit log" not in done.stdout, "it is not there"
    assert "which the changelog does not have" in done.stdout


def test_a_rollback_without_its_repository_or_its_tags(with_two: Light) -> None:
    shutil.rmtree(with_two.folder / ".git")
    with_two.rollback()
    assert with_two.live() == with_two.on_all("v1")


def test_what_was_not_recorded_is_seen_by_status(with_two: Light) -> None:
    assert in_a_full_disk(with_two, "rollback", "shop", "-y").returncode == 0
    done = with_two.opskit("status", "shop", expect=1)
    assert done.stdout.count("unrecorded") == 4
    assert done.stdout.count("which this changelog does not know") == 4


def test_a_release_that_is_gone_from_the_host_is_no_way_back(with_two: Light) -> None:
    live = Path(with_two.release("web01"))
    for release in with_two.place("web01", "releases").iterdir():
        if release.name != live.name:
            shutil.rmtree(release)
    with_two.rollback(expect=3)
    assert with_two.live() == with_two.on_all("v1") | {"web01": "v2"}
