"""The route to a host is dropped in the midst of a deploy: it ends in time, says what it does not know, and is resumed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.rollout.ordeals import LIMIT, QUICK
from tests.rollout.test_locks import WAIT, let_go
from tests.support.light import Light, finish, wait_for_file
from tests.support.processes import at_home
from tests.support.routes import dropped, private_network
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.hosts import Hosts

FAR = "127.0.1.2"


def test_a_route_that_is_dropped_in_the_restart(openssh_hosts: Hosts, tmp_path: Path) -> None:
    with private_network():
        openssh_hosts.odd("near")
        openssh_hosts.odd("far", address=FAR)
        light = Light.create(tmp_path / "project", openssh_hosts)
        ours = {"hosts": '"near,far"', "batches": '["100%"]', "ssh": QUICK}
        light.configure(**ours)
        light.commit("v2")
        light.deploy("v1")
        light.configure(**ours, restart=json.dumps(WAIT))
        process = light.start("deploy", "shop", "v2", "-y")
        for name in ("near", "far"):
            wait_for_file(light.hosts.folder(name) / "waits")
        with dropped(FAR):
            (light.hosts.folder("near") / "go").touch()
            code, said, _ = finish(process, within=LIMIT)
        assert code == 3, said
        assert light.outcomes() == {"near": "done", "far": "failed"}
        assert light.last()["hosts"]["far"]["live"] == ""
        let_go(light)
        until(lambda: not at_home([light.hosts.folder("far")]), what="the orphan to end")
        light.configure(**ours)
        light.opskit("resume", light.log()[0]["id"], "-y")
        assert {light.live_on(name) for name in ("near", "far")} == {"v2"}
        assert light.locks() == []


def test_a_host_whose_route_is_dropped_is_left_out(openssh_hosts: Hosts, tmp_path: Path) -> None:
    with private_network():
        openssh_hosts.odd("near")
        openssh_hosts.odd("far", address=FAR)
        light = Light.create(tmp_path / "project", openssh_hosts)
        light.configure(hosts='"near,far"', batches='["100%"]', ssh=QUICK, max_failures="1")
        with dropped(FAR):
            done = light.deploy("v1", expect=3)
        assert f"{FAR}:{light.hosts.host('far').port} did not answer within 3 s" in done.stdout
        assert light.outcomes() == {"near": "done", "far": "unreachable"}
