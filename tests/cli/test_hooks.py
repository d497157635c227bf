"""Hooks around real commands: told of what happens, never in its way."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.support.light import Light
from tests.support.receiver import receiving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Opskit
    from tests.support.hosts import Hosts

TOML = """
[changelog]
name = "test"
timeout = "60s"
[changelog.hooks.chat]
url_env = "CHAT"
format = "slack"
[environments.production]
hosts = ["web01"]
"""


@pytest.fixture
def light(tmp_path: Path, demo_hosts: Hosts) -> Light:
    return Light.create(tmp_path / "project", demo_hosts)  # type: ignore[return-value]


def test_a_deploy_tells_its_hooks_that_it_began_and_how_it_ended(light: Light) -> None:
    light.configure(extra='[changelog.hooks.chat]\nurl_env = "CHAT"\nformat = "slack"')
    with receiving() as receiver:
        done = light.deploy("v1", "-m", "the first", env={"CHAT": receiver.url})
        began, ended = (one.body["text"] for one in receiver.told)
    name = light.log()[0]["id"]
    assert began.startswith("deploy shop to v1")
    assert "began: the first (" in began
    assert f"opskit log {name}" in ended
    assert "in production: done after" in ended
    assert "hook" not in done.stderr


def test_a_hook_that_hangs_lets_a_deploy_be_as_it_is_and_is_told_once_at_its_end(
    light: Light,
) -> None:
    extra = '[changelog.hooks.chat]\nurl_env = "CHAT"'
    light.configure(extra=extra)
    began = time.monotonic()
    light.deploy("v1")
    alone = time.monotonic() - began
    light.commit("v2")
    with receiving("hang") as receiver:
        began = time.monotonic()
        done = light.deploy("v2", env={"CHAT": receiver.url})
        assert time.monotonic() - began < alone + 20
    assert light.live() == light.on_all("v2")
    assert light.last()["outcome"] == "done"
    lines = [line for line in done.stderr.splitlines() if "hook chat" in line]
    assert len(lines) == 1
    assert "was not told of 2 events" in lines[0]
    assert "s3cret" not in done.stderr + done.stdout


def test_a_note_is_told_and_waits_no_longer_than_the_limit(opskit: Opskit, tmp_path: Path) -> None:
    (tmp_path / "opskit.toml").write_text(TOML)
    with receiving() as receiver:
        done = opskit("note", "the cache was cold", env={"CHAT": receiver.url})
        assert receiver.told[0].body["text"].endswith("noted in production: the cache was cold")
        assert done.stderr == ""
    (tmp_path / "opskit.toml").write_text(TOML.replace('"60s"', '"1s"'))
    with receiving("hang") as receiver:
        began = time.monotonic()
        done = opskit("note", "again", env={"CHAT": receiver.url})
        assert time.monotonic() - began < 20
    assert done.stderr == "hook chat was not told of 1 event: no answer in time\n"
    assert done.stdout.startswith("noted ")
    unset = opskit("note", "and again", "--json")
    assert unset.stderr == "hook chat was not told of 1 event: $CHAT is not set\n"
    assert unset.json["status"] == "done"


def test_reading_tells_no_hook(opskit: Opskit, tmp_path: Path) -> None:
    (tmp_path / "opskit.toml").write_text(TOML)
    assert "hook" not in opskit("log").stderr


def test_hooks_are_listed_without_their_secrets_and_tested_on_demand(
    opskit: Opskit, tmp_path: Path
) -> None:
    (tmp_path / "opskit.toml").write_text(TOML)
    listed = opskit("changelog", "hooks").stdout.splitlines()
    assert listed[1].split(maxsplit=3)[:3] == ["chat", "slack", "$CHAT"]
    with receiving(200, 404) as receiver:
        env = {"CHAT": receiver.url, "OPSKIT_ACTOR": "ann@laptop"}
        assert "answered 200" in opskit("changelog", "hooks", "--test", env=env).stdout
        assert receiver.told[0].body == {
            "text": "ann@laptop noted: this is a test of the hooks in opskit.toml"
        }
        done = opskit("changelog", "hooks", "--test", "--json", env=env, expect=1)
    assert done.json["data"]["hooks"][0]["test"] == "failed: it answered 404"
    assert "s3cret" not in done.stdout + done.stderr
    assert opskit("log").stdout == ""
