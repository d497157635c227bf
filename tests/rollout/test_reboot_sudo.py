"""`opskit reboot` by the real sudo: the password is asked for once, and hosts go by `systemctl reboot`, if nobody says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.rollout.test_sudo import assert_nowhere, typed
from tests.support.light import Light
from tests.support.reboots import rebooting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.sudoers import SudoHosts


@pytest.fixture
def light(tmp_path: Path, sudo_hosts: SudoHosts) -> Iterator[Light]:
    made = Light.create(tmp_path / "project", sudo_hosts)
    for name in sudo_hosts.names:
        asked = sudo_hosts.folder(name) / "reboots"
        script = f'#!/bin/sh\n[ "$(id -u) $*" = "0 reboot" ] && echo >{asked}; exec sleep 30\n'
        sudo_hosts.tool(name, "systemctl", script)
    made.deploy("v1")
    yield made
    made.end()


def test_the_password_is_asked_for_once_and_then_all_hosts_reboot(light: Light) -> None:
    with rebooting(light) as fleet:
        screen = typed(light, "reboot", "-H", "web01,web02", "--yes")
        assert screen.end() == 0, screen.said
    assert screen.said.count("password for sudo of deploy on web[01-02]: ") == 1
    assert fleet.happened == ["web01", "web02"]
    assert_nowhere(light, screen)


def test_a_password_that_is_wrong_leaves_all_as_it_was(light: Light) -> None:
    with rebooting(light) as fleet:
        screen = typed(light, "reboot", "-H", "@web", "--yes", keys=("wrong", "wrong too"))
        assert screen.end() == 1
    assert fleet.happened == []
    assert light.log()[0]["action"] == "deploy"
