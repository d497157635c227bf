"""Where other tools fail in a rollback, opskit does not; and every failure of `anchors.py` has its test."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rollout.anchors import ANCHORS
from tests.support.cli import command
from tests.support.missing import missing

if TYPE_CHECKING:
    from tests.support.light import Light

TESTS = Path(__file__).parents[1]
ONE = {"hosts": '"web01"', "batches": "[1]"}
LINES = [line.split(" | ") for line in ANCHORS.strip().splitlines()]


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line[0]}: {line[1][:40]}")
def test_every_failure_has_a_test_or_is_said_to_be_tested_elsewhere(line: list[str]) -> None:
    tool, what, covered = line
    assert tool
    assert what
    named, _, elsewhere = covered.partition("elsewhere: ")
    assert named.split() or elsewhere
    for test in named.split():
        file, _, name = test.partition("::")
        assert re.search(rf"^def {name}\(", (TESTS / file).read_text(), re.MULTILINE), test


def test_five_failed_deploys_evict_no_good_release(light: Light) -> None:
    light.configure(**ONE, keep="2")
    light.commit("v2")
    light.deploy("v1")
    light.deploy("v2")
    for number in range(5):
        light.commit(f"bad{number}", good=False)
        light.deploy(f"bad{number}", expect=5)
    assert {"v1", "v2"} <= set(light.releases("web01"))
    assert light.live_on("web01") == "v2"
    light.rollback()
    assert light.live_on("web01") == "v1"


def test_the_newest_bad_releases_stay_as_evidence(light: Light) -> None:
    light.configure(**ONE, keep="2")
    light.deploy("v1")
    for number in range(4):
        light.commit(f"bad{number}", good=False)
        light.deploy(f"bad{number}", expect=5)
    light.commit("v2")
    light.deploy("v2")
    assert light.releases("web01") == ["v1", "bad2", "bad3", "v2"]


def test_what_was_written_into_an_old_release_changes_no_goal(light: Light) -> None:
    light.configure(**ONE)
    light.deploy("v1")
    for version in ("v2", "v3"):
        light.commit(version)
        light.deploy(version)
    oldest = min(light.place("web01", "releases").iterdir())
    (oldest / "production.log").write_text("somebody logs here\n")
    light.rollback()
    assert light.live_on("web01") == "v2"
    assert light.releases("web01") == ["v1", "v2", "v3"]


def test_half_a_release_is_no_way_back(light: Light) -> None:
    """As another tool, a copy by hand or a full disk may leave it, with the newest name and the newest time."""
    light.configure(**ONE)
    light.commit("v2")
    light.deploy("v1")
    light.deploy("v2")
    for name in ("20990101-000000-abcdefab", "0"):
        light.place("web01", "releases", name).mkdir()
    light.rollback()
    assert light.live_on("web01") == "v1"


def test_help_behind_a_rollback_asks_no_host(light: Light) -> None:
    for name in light.hosts.names:
        light.hosts.stop(name)
    for words in (("shop", "--help"), ("shop", "-e", "production", "--help"), ("--help",)):
        assert light.opskit("rollback", *words).stdout.startswith("Usage: opskit rollback")
    for name in light.hosts.names:
        light.hosts.start(name)
    assert light.log() == []


def test_who_and_why_are_never_commands_on_a_host(light: Light) -> None:
    light.configure(**ONE)
    light.commit("v2")
    nasty = "\"'; touch $HOME/pwned; $(touch $HOME/pwned) `touch $HOME/pwned`"
    who = {"OPSKIT_ACTOR": nasty}
    for version in ("v1", "v2"):
        light.deploy(version, "-m", nasty, "--irreversible", nasty, env=who)
    light.opskit("freeze", "-m", nasty, env=who)
    light.restart("--override-freeze", nasty, "-m", nasty, env=who)
    light.rollback("--past-irreversible", nasty, "-m", nasty, env=who)
    assert light.live_on("web01") == "v1"
    assert not (light.hosts.folder("web01") / "pwned").exists()
    receipts = light.place("web01", ".opskit", "receipts").read_text().split("\n\n")
    assert [json.loads(line)["actor"] for line in receipts] == [nasty] * 4
    assert light.last()["overrides"][0]["why"] == nasty


def test_a_batch_that_fails_as_a_whole_counts_as_the_hosts_that_it_has(light: Light) -> None:
    light.configure(batches="[1]", max_failures="1")
    light.make_sick("web01")
    light.deploy("v1", expect=3)
    assert light.outcomes() == light.on_all("done") | {"web01": "failed"}


def test_nobody_is_called_but_the_hosts(light: Light, tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if strace is None:
        missing("strace")
    light.configure(**ONE)
    calls = tmp_path / "calls"
    watched = [strace, "-f", "-qq", "-e", "trace=connect,sendto", "-o", calls]
    for words in (["deploy", "shop", "v1", "-y"], ["log"], ["doctor"], ["--version"]):
        argv = [*watched, "-A", *command(*words)]
        subprocess.run(argv, cwd=light.folder, capture_output=True, check=False)
    assert light.live_on("web01") == "v1"
    called = re.findall(
        r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"', calls.read_text()
    )
    assert {address for pair in called for address in pair if address} == {"127.0.0.1"}
