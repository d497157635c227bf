"""A runtime socket that only root may open: spoken to by the real sudo, or told of before anything is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.rollout.test_drain import ALL_UP, BEHIND
from tests.support.haproxy import Answers, HAProxy
from tests.support.light import Light
from tests.support.sudoers import OPEN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.sudoers import SudoHosts


def test_a_socket_of_root_is_spoken_to_by_sudo(tmp_path: Path, sudo_hosts: SudoHosts) -> None:
    light = Light.create(tmp_path / "project", sudo_hosts)
    with Answers() as server, HAProxy(dict.fromkeys(sudo_hosts.names, server.port)) as edge:
        edge.folder.chmod(0o711)
        edge.wait_for(**ALL_UP)
        light.configure()
        light.deploy("v1")
        light.configure(extra=edge.toml("web04"), load_balancer=BEHIND)
        refused = light.restart(expect=5).stderr
        assert f"web04: deploy may not open {edge.socket}" in refused
        assert "say sudo = true" in refused
        light.configure(extra=f"{edge.toml('web04')}sudo = true", load_balancer=BEHIND)
        assert "sudo" in light.restart(expect=5).stderr, "it wants a password"
        sudo_hosts.rule("web04", OPEN)
        light.restart()
        assert [light.restarts(name) for name in sudo_hosts.names] == [["v1", "v1"]] * 4
        assert edge.words() == ALL_UP
        server.shutdown()
    light.end()
