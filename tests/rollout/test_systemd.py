"""Units of systemd that are restarted by sudo; a systemctl of our own stands for the one that no test host runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.light import Light
from tests.support.sudoers import OPEN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.sudoers import SudoHosts

# As systemctl(1) has it: a start job that fails is told and ends with 1, is-active ends with 3, and
# a unit that nobody knows ends `cat` with 1.
SYSTEMCTL = """#!/bin/sh
echo "$(id -un) $*" >>{log}
[ "$1" != --user ] || shift
case $1 in
  restart) [ ! -e {live}/bad ] || {{ echo "Job for $2 failed because the control process exited with error code." >&2; exit 1; }};;
  is-active) [ ! -e {live}/dies ] || exit 3;;
  status) echo "x $5 - The shop"; echo "     Active: failed (Result: exit-code)"; exit 3;;
  cat) [ "$2" = shop.service ] || {{ echo "No files found for $2." >&2; exit 1; }};;
esac
"""
JOURNALCTL = """#!/bin/sh
n=1; while [ $n -le 20 ]; do echo "Nov 26 web shop[7]: line $n of the journal"; n=$((n+1)); done
"""


@pytest.fixture
def light(tmp_path: Path, sudo_hosts: SudoHosts) -> Light:
    made = Light.create(tmp_path / "project", sudo_hosts)
    for name in sudo_hosts.names:
        sudo_hosts.rule(name, OPEN)
        log, live = made.hosts.folder(name) / "asked", made.place(name, "current")
        sudo_hosts.tool(name, "systemctl", SYSTEMCTL.format(log=log, live=live))
        sudo_hosts.tool(name, "journalctl", JOURNALCTL)
    made.configure(restart='{ systemd = "shop.service", sudo = true }', health=None)
    return made


def asked(light: Light, name: str) -> list[str]:
    return (light.hosts.folder(name) / "asked").read_text().splitlines()


def test_a_unit_is_restarted_as_root_and_looked_at(light: Light) -> None:
    light.deploy("v1")
    assert asked(light, "web01") == [
        "root restart shop.service",
        "root is-active --quiet shop.service",
    ]


@pytest.mark.parametrize("how", ["bad", "dies"])
def test_a_unit_that_does_not_come_up_tells_its_state_and_its_journal(
    light: Light, how: str
) -> None:
    light.deploy("v1")
    light.commit("v2", files={how: ""})
    light.deploy("v2", expect=5)
    said = light.last()["hosts"]["web01"]["output"]
    assert "Active: failed (Result: exit-code)" in said
    assert "line 1 of the journal" in said
    assert "line 20 of the journal" in said
    assert light.live() == light.on_all("v1")


def test_a_users_unit_wants_the_users_own_systemd(light: Light) -> None:
    light.configure(restart='{ systemd = "shop.service", user = true }', health=None)
    light.deploy("v1", expect=None)
    said = light.last()["hosts"]["web01"]["output"]
    assert said == "no systemd of deploy runs here: loginctl enable-linger deploy"


def test_the_doctor_names_a_unit_that_a_host_does_not_know(light: Light) -> None:
    assert "knows no unit" not in light.opskit("doctor", expect=None).stdout
    light.configure(restart='{ systemd = "shopp.service", sudo = true }', health=None)
    said = light.opskit("doctor", expect=None).stdout
    assert "shop: systemd there knows no unit shopp.service" in said
