"""Dropbear is a server like another: all that opskit does, it does there too."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.rollout.test_asleep import QUICK
from tests.rollout.test_locks import WAIT, let_go
from tests.rollout.trees import BUSYBOX, busybox_tools
from tests.support.dropbear import DropbearHosts, dropbear
from tests.support.light import TIMES, Light, finish, wait_for_file
from tests.support.missing import missing
from tests.support.processes import at_home
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


READ = 'IFS= read -r s && eval "$(printf %b "$s")"'


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DropbearHosts]:
    if dropbear() is None:
        missing("Dropbear or nss_wrapper")
    made = DropbearHosts(tmp_path_factory.mktemp("dropbear"))
    yield made
    made.close()


@pytest.fixture
def light(fleet: DropbearHosts, tmp_path: Path) -> Iterator[Light]:
    fleet.fresh()
    made = Light.create(tmp_path / "project", fleet)
    yield made
    made.end()
    fleet.clean()


def test_deploys_a_rollback_a_restart_and_questions(light: Light) -> None:
    light.commit("v2", files={"more": "m" * 200_000})
    light.commit("v3", files={"more": "m" * 200_000})
    light.deploy("v1")
    light.deploy("v2")
    light.deploy("v3")
    assert light.live() == light.on_all("v3")
    assert light.last()["hosts"]["web01"]["sent"]["files"] == 1
    light.rollback()
    light.restart()
    assert light.live() == light.on_all("v2")
    assert light.restarts("web04") == ["v1", "v2", "v3", "v2", "v2"]
    assert light.opskit("exec", "-H", "web01", "echo it").stdout == "it\n"
    assert light.opskit("status", "shop", "--json").json["data"]["services"][0]["well"]
    assert "0 bad" in light.opskit("doctor", expect=None).stdout
    assert light.locks() == []


def test_a_host_that_dies_in_the_restart_is_resumed(light: Light) -> None:
    light.commit("v2")
    light.deploy("v1")
    light.configure(restart=json.dumps(WAIT), ssh=QUICK)
    process = light.start("deploy", "shop", "v2", "-y")
    wait_for_file(light.hosts.folder("web01") / "waits")
    light.hosts.stop("web01")
    code, said, _ = finish(process)
    assert code == 1, said
    light.hosts.start("web01")
    light.configure()
    light.opskit("resume", light.log()[0]["id"], "-y")
    assert light.live() == light.on_all("v2")
    assert light.locks() == []


def test_a_run_that_is_told_to_stop_now_ends_what_runs_there(light: Light) -> None:
    light.commit("v2")
    light.deploy("v1")
    light.configure(restart=json.dumps(WAIT))
    process = light.start("deploy", "shop", "v2", "-y")
    wait_for_file(light.hosts.folder("web01") / "waits")
    process.send_signal(signal.SIGTERM)
    code, said, _ = finish(process)
    assert code == 130, said
    # Dropbear's own process for the session ends a moment after what it ran
    until(lambda: at_home([light.hosts.folder("web01")]) == [], what="all of it to end there")
    assert light.last()["hosts"]["web01"]["live"]
    let_go(light)


def test_health_is_asked_by_http_from_there(light: Light) -> None:
    port = light.hosts.host("web01").service_port
    serve = f'cd "$HOME/shop/current" && {{ python3 -m http.server -b 127.0.0.1 {port} >/dev/null 2>&1 & }}'
    health = f'{{ http = "http://127.0.0.1:{port}/version", {TIMES.replace("200ms", "5s")} }}'
    light.configure(hosts='"web01"', batches="[1]", restart=json.dumps(serve), health=health)
    light.deploy("v1")
    assert light.live_on("web01") == "v1"


@pytest.mark.skipif(not BUSYBOX, reason="no busybox")
def test_busybox_is_the_shell_and_all_the_tools(light: Light, tmp_path: Path) -> None:
    tools = busybox_tools(tmp_path / "tools")
    (tmp_path / "login").write_text(f"PATH={tools}; export PATH; exec {tools}/ash -c '{READ}'\n")
    light.hosts.odd("tiny", command=f"exec {tools}/ash {tmp_path}/login")
    light.configure(hosts='"tiny"', batches="[1]")
    light.commit("v2", files={"more": "m" * 200_000, "a b/c'd": "x", "\u8336": "tea"})
    light.commit("v3", files={"more": "m" * 200_000})
    for version in ("v1", "v2", "v3"):
        light.deploy(version)
    assert light.last()["hosts"]["tiny"]["sent"]["files"] == 1
    light.rollback()
    light.restart()
    assert (light.live_on("tiny"), light.restarts("tiny")) == (
        "v2",
        ["v1", "v2", "v3", "v2", "v2"],
    )
    assert (
        light.opskit("exec", "-H", "tiny", "readlink -f /proc/$$/exe").stdout
        == f"{os.path.realpath(BUSYBOX or '')}\n"
    )
    assert light.opskit("status", "shop", "--json", "--check-files").json["data"]["services"][0][
        "well"
    ]
    light.opskit("changelog", "verify", "--hosts")
    assert light.locks() == []
