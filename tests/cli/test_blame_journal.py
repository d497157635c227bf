"""`opskit blame --log unit:shop` on real hosts with the real sudo: what their journals say since when, as whoever may read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import journals
from tests.support.journals import Line
from tests.support.light import Light
from tests.support.sudoers import OPEN, SudoHosts

if TYPE_CHECKING:
    from pathlib import Path

SYMPTOM = "ERROR no price for sencha"


@pytest.fixture
def light(tmp_path: Path, sudo_hosts: SudoHosts) -> Light:
    made = Light.create(tmp_path / "project", sudo_hosts)
    for name in sudo_hosts.names:
        sudo_hosts.rule(name, OPEN)
    made.deploy("v1")
    made.commit("v2")
    made.deploy("v2", "-H", "web01,web02")
    return made


def logs(light: Light, host: str, *lines: Line, journalctl: str = "") -> Path:
    """Let a host's journal have these lines."""
    file = light.hosts.folder(host) / "x.journal"
    journals.write(file, lines)
    file.parent.chmod(0o777)
    assert isinstance(light.hosts, SudoHosts)
    light.hosts.tool(host, "journalctl", journalctl or journals.reader(file))
    return file


def blame(light: Light, log: str) -> Any:
    return light.opskit("blame", "-s", "shop", "--log", log, "--symptom", SYMPTOM, "--json", expect=None).json["data"]  # fmt: skip


def test_the_journals_of_hosts_tell_since_when_each_is_ill_and_which_are_well(
    light: Light,
) -> None:
    flips = {h["name"]: datetime.fromisoformat(h["at"]) for h in light.log()[0]["hosts"]}
    now = datetime.now(UTC)
    began = {host: at + timedelta(milliseconds=500) for host, at in flips.items()}
    for host, at in began.items():
        logs(light, host, Line(now - timedelta(hours=1), "fine"), Line(at, SYMPTOM))
    logs(light, "web03", Line(now - timedelta(hours=1), "fine"))
    logs(light, "web04", Line(now, SYMPTOM, unit="other.service"))
    data = blame(light, "unit:shop")
    asked = data["question"]
    assert {h: datetime.fromisoformat(at) for h, at in asked["onsets"].items()} == began
    assert set(asked["ill"]) == {"web01", "web02"}
    assert "web03" in asked["well"]
    assert any(line.startswith("web04: its journal shows us nothing of that unit") for line in data["missing"])  # fmt: skip
    assert data["suspects"][0]["id"] == light.log()[0]["id"]
    assert "unit:shop" in asked["onset_from"]


@pytest.mark.parametrize("rule", [OPEN, "deploy ALL=(ALL) ALL"])
def test_it_is_read_as_root_where_the_service_uses_sudo_and_nobody_is_asked_for_a_password(
    light: Light, rule: str
) -> None:
    light.configure(restart='{ command = "true", sudo = true }', health=None)
    file = logs(light, "web01", Line(datetime.now(UTC), SYMPTOM))
    assert isinstance(light.hosts, SudoHosts)
    light.hosts.rule("web01", rule)
    data = blame(light, "unit:shop")
    if rule == OPEN:
        assert data["question"]["ill"] == ["web01"]
        assert file.with_name("x.journal.asked").read_text() == "root\n"
    else:
        assert data["question"]["onsets"] == {}
        assert any(line.startswith("web01: ") and "password" in line for line in data["missing"])
    logs(light, "web01", Line(datetime.now(UTC), SYMPTOM, uid=60123))
    light.hosts.rule("web01", rule)
    assert list(blame(light, "user-unit:shop")["question"]["onsets"]) == ["web01"]


def test_a_host_whose_journal_hangs_or_lies_is_told_of_and_moves_no_terminal(light: Light) -> None:
    logs(light, "web01", journalctl="#!/bin/sh\necho 'now 1 +0000'; echo '1795714756.638101 web01 x: \033[2J ERROR no price for sencha'\n")  # fmt: skip
    shown = light.opskit("blame", "-s", "shop", "--log", "unit:shop", "--symptom", SYMPTOM, expect=None)  # fmt: skip
    assert "\033" not in shown.stdout + shown.stderr


@pytest.mark.parametrize(
    ("log", "what"),
    [("unit:a b", "names no unit of systemd"), ("unit:", "names no unit of systemd"), ("shop.service", "which folder of the hosts?")],
)  # fmt: skip
def test_what_is_no_log_is_an_error(light: Light, log: str, what: str) -> None:
    done = light.opskit("blame", "-s", "shop", "--log", log, "--symptom", SYMPTOM, expect=2)
    assert what in done.stderr
    assert "unit:shop" in done.stderr
