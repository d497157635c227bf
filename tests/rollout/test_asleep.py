"""A laptop that sleeps, is cut off or dies in the midst: whoever lost the hosts is refused by them, and each state is found out."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from opskit.cli.stopping import SAID
from tests.rollout.test_locks import WAIT, let_go
from tests.rollout.test_resume import resumed
from tests.support.light import finish, hear, wait_for_file
from tests.support.processes import at_home, descendants
from tests.support.waiting import until

if TYPE_CHECKING:
    import subprocess

    from tests.support.light import Light

SHORT = """
import sys
from opskit.rollout import locks, recorder
from opskit.cli import main
locks.LIFETIME = 2
recorder.this_machine = lambda: {"host": "ana's laptop", "pid": 1, "boot": "hers"}
sys.exit(main())
"""
QUICK = 'connect_timeout = "4s"\nchannel_timeout = "4s"\nkeepalive = "1s"'


def sleeper(light: Light) -> subprocess.Popen[str]:
    """Start a deploy of v2 whose lock lives for 2 s, and let it fall asleep in the canary's restart."""
    import subprocess

    light.commit("v2")
    light.commit("v3")
    light.deploy("v1")
    light.configure(restart=json.dumps(WAIT))
    process = subprocess.Popen(
        [sys.executable, "-c", SHORT, "deploy", "shop", "v2", "-y"],
        cwd=light.folder, stdin=-3, stdout=-1, stderr=-1, text=True,
        env={**os.environ, "OPSKIT_ACTOR": "ana"},
    )  # fmt: skip
    light.started.append(process)
    wait_for_file(light.hosts.folder("web01") / "waits")
    process.send_signal(signal.SIGSTOP)
    until(lambda: _is_over(light), what="the end of the lock")
    return process


def _is_over(light: Light) -> bool:
    ends = [
        int(str(lock.readlink()).split(":")[-2])
        for name in light.hosts.names
        for lock in light.place(name).glob(".opskit/locks/*")
    ]
    return time.time() > max(ends, default=0) + 1


def test_who_slept_through_his_lease_is_refused_by_the_hosts(light: Light, tmp_path: Any) -> None:
    process = sleeper(light)
    light.configure()
    other = {"OPSKIT_STATE_DIR": str(tmp_path / "other laptop"), "OPSKIT_ACTOR": "ben"}
    light.deploy("v3", "-H", "web[02-04]", env=other)
    process.send_signal(signal.SIGCONT)
    let_go(light)
    code, said, _ = finish(process)
    assert code == 3, said
    assert "the lock of this run is gone" in said
    assert light.live() == {"web01": "v2"} | dict.fromkeys(("web02", "web03", "web04"), "v3")
    assert light.log()[0]["outcome"] == "partial"
    assert light.locks() == []


def test_who_slept_and_was_not_missed_goes_on(light: Light) -> None:
    process = sleeper(light)
    process.send_signal(signal.SIGCONT)
    let_go(light)
    code, said, _ = finish(process)
    assert code == 0, said
    assert light.live() == light.on_all("v2")


def test_another_resumes_what_a_sleeper_left_and_the_sleeper_cannot_undo_it(
    light: Light, tmp_path: Any
) -> None:
    process = sleeper(light)
    light.configure()
    let_go(light)
    ben = {"OPSKIT_STATE_DIR": str(tmp_path / "other laptop"), "OPSKIT_ACTOR": "ben"}
    (events := tmp_path / "events").unlink(missing_ok=True)
    light.opskit("changelog", "export", str(events))
    light.opskit("changelog", "import", str(events), env=ben)
    rollout = light.log()[0]["id"]
    resumed(light, rollout, "--revert", env=ben)
    assert light.live() == light.on_all("v1")
    process.send_signal(signal.SIGCONT)
    code, said, _ = finish(process)
    assert code in (1, 3), said
    assert "the lock of this run is gone" in said
    assert light.live() == light.on_all("v1")
    for number, env in enumerate(({}, ben)):
        light.opskit("changelog", "export", str(tmp_path / f"all{number}"), env=env)
    light.opskit("changelog", "import", str(tmp_path / "all1"))
    light.opskit("changelog", "import", str(tmp_path / "all0"), env=ben)
    for env in ({}, ben):
        record = light.opskit("log", rollout, "--json", env=env).json["data"]["rollout"]
        assert record["outcome"] == "reverted"
        outcomes = {host["name"]: host["outcome"] for host in record["hosts"]}
        assert outcomes == light.on_all("not reached") | {"web01": "reverted"}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP, signal.SIGTERM])
def test_however_it_ends_it_says_what_is_next_and_resume_completes_it(
    light: Light, number: int
) -> None:
    light.commit("v2")
    light.deploy("v1")
    light.configure(restart=json.dumps(WAIT))
    process = light.start("deploy", "shop", "v2", "-y")
    wait_for_file(light.hosts.folder("web01") / "waits")
    process.send_signal(number)
    if number == signal.SIGHUP:
        hear(process, SAID[1])
        let_go(light)
    _, said, complaint = finish(process)
    rollout = light.log()[0]["id"]
    if number != signal.SIGKILL:
        assert f"opskit resume {rollout}" in said + complaint
    let_go(light)
    until(lambda: not at_home([light.hosts.folder("web01")]), what="the orphan to end")
    light.configure()
    resumed(light, rollout)
    assert light.live() == light.on_all("v2")
    assert light.last()["outcome"] == "done"
    assert light.locks() == []


def test_left_at_once_it_says_how_to_go_on(light: Light) -> None:
    light.commit("v2")
    light.deploy("v1")
    light.configure(restart=json.dumps(WAIT))
    process = light.start("deploy", "shop", "v2", "-y")
    wait_for_file(light.hosts.folder("web01") / "waits")
    with light.frozen("web01"):
        for level in (1, 2):
            process.send_signal(signal.SIGINT)
            hear(process, SAID[level])
        process.send_signal(signal.SIGINT)
        code, _, complaint = finish(process)
    assert code == 130
    rollout = light.log()[0]["id"]
    assert f"then: opskit resume {rollout}" in complaint
    let_go(light)
    until(lambda: not at_home([light.hosts.folder("web01")]), what="the orphan to end")
    light.configure()
    resumed(light, rollout)
    assert light.live() == light.on_all("v2")


@pytest.mark.parametrize("hang", [False, True])
def test_the_network_goes_in_the_midst_and_resume_finds_out(light: Light, hang: bool) -> None:
    light.commit("v2")
    light.deploy("v1")
    light.configure(restart=json.dumps(WAIT), ssh=QUICK)
    process = light.start("deploy", "shop", "v2", "-y")
    wait_for_file(light.hosts.folder("web01") / "waits")
    for name in light.hosts.names:
        _cut(light, name, hang=hang)
    code, said, _ = finish(process)
    assert code in (1, 3), said
    rollout = light.log()[0]["id"]
    assert f"opskit resume {rollout}" in said
    for name in light.hosts.names:
        light.hosts.restart(name)
    let_go(light)
    until(lambda: not at_home([light.hosts.folder("web01")]), what="the orphan to end")
    light.configure()
    resumed(light, rollout)
    assert light.live() == light.on_all("v2")
    assert light.last()["outcome"] == "done"
    assert light.locks() == []


def _cut(light: Light, name: str, *, hang: bool) -> None:
    """Let a host be out of reach: its server and connections stand still or are gone; commands run on."""
    from tests.support.processes import send

    server = light.hosts.server(name)
    connections = [pid for pid in descendants(server) if _is_sshd(pid)]
    send([server, *connections], signal.SIGSTOP if hang else signal.SIGKILL)


def _is_sshd(pid: int) -> bool:
    from pathlib import Path

    try:
        return Path(f"/proc/{pid}/comm").read_text().startswith("sshd")
    except OSError:
        return False
