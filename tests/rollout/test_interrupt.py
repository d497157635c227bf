"""Ctrl-C, SIGTERM, SIGHUP, SIGKILL and closed pipes: a rollout ends as it should and the record says how."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.cli.stopping import SAID
from tests.support.cli import HEAVY, command
from tests.support.light import finish, hear, wait_for_file
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.support.light import Light

WAIT = 'touch "$HOME/waits"; while [ ! -e "$HOME/go" ]; do sleep 0.05; done; cat version >>"$HOME/restarts"'
ALIVE = "touch $HOME/waits; sh -c 'while :; do date +%s%N >\"$HOME/alive\"; sleep 0.02; done'"
SKIPPED = {"web02": "skipped", "web03": "skipped", "web04": "skipped"}


def in_canary(light: Light, restart: str = WAIT, *options: str) -> subprocess.Popen[str]:
    """Start a deploy of v2 over v1 that has reached the restart of web01."""
    light.commit("v2")
    light.deploy("v1")
    light.configure(restart=json.dumps(restart))
    process = light.start("deploy", "shop", "v2", "--yes", *options)
    wait_for_file(light.hosts.folder("web01") / "waits")
    return process


def let_go(light: Light) -> None:
    (light.hosts.folder("web01") / "go").touch()


def stands_still(file: Path) -> bool:
    seen = file.read_text()
    time.sleep(0.2)
    return file.read_text() == seen


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_once_finishes_the_batch_and_stops(any_light: Light, number: int) -> None:
    process = in_canary(any_light)
    process.send_signal(number)
    hear(process, SAID[1])
    assert process.poll() is None
    let_go(any_light)
    assert finish(process)[0] == 130
    assert any_light.live() == any_light.on_all("v1") | {"web01": "v2"}
    last = any_light.last()
    assert (last["outcome"], last["reason"]) == ("interrupted", "interrupted")
    assert any_light.outcomes() == {"web01": "done"} | SKIPPED
    assert any_light.locks() == []


@pytest.mark.parametrize(
    "signals", [[(signal.SIGINT, 1), (signal.SIGINT, 2)], [(signal.SIGTERM, 2)]]
)
def test_twice_stops_now_and_says_what_runs_where(
    any_light: Light, signals: list[tuple[int, int]]
) -> None:
    process = in_canary(any_light, ALIVE)
    alive = any_light.hosts.folder("web01") / "alive"
    wait_for_file(alive)
    for number, level in signals:
        process.send_signal(number)
        hear(process, SAID[level])
    code, said, _ = finish(process)
    assert code == 130, said
    assert stands_still(alive)
    last = any_light.last()
    assert last["outcome"] == "interrupted"
    assert last["hosts"]["web01"]["outcome"] == "failed"
    assert last["hosts"]["web01"]["live"] == any_light.release("web01") == last["to"]["release"]
    assert {name: last["hosts"][name]["outcome"] for name in SKIPPED} == SKIPPED
    assert any_light.locks() == []
    any_light.configure()
    any_light.deploy("v2")
    assert any_light.live() == any_light.on_all("v2")


def test_thrice_leaves_at_once_and_the_log_shows_it_unfinished(light: Light) -> None:
    process = in_canary(light)
    for level in (1, 2):
        process.send_signal(signal.SIGINT)
        hear(process, SAID[level])
    process.send_signal(signal.SIGINT)
    assert finish(process)[0] == 130
    assert light.log()[0]["outcome"] in ("unfinished", "interrupted")


def test_during_the_build_nothing_is_touched(light: Light) -> None:
    mark = light.folder / "building"
    light.configure(build=json.dumps(f"touch {mark}; sleep 300"))
    process = light.start("deploy", "shop", "v1", "-y")
    wait_for_file(mark)
    process.send_signal(signal.SIGINT)
    code, _, complaint = finish(process)
    assert code == 130
    assert "the build was interrupted" in complaint
    assert (light.tree(), light.last()["outcome"]) == ({}, "interrupted")


def test_while_bytes_travel_nothing_is_left_and_nothing_is_live(light: Light) -> None:
    (light.folder / "big").write_bytes(b"\0" * 60_000_000)
    light.commit("v2")
    light.deploy("v1", "-H", "web01")
    process = light.start("deploy", "shop", "v2", "-y")
    until(lambda: list(light.place("web01").glob(".opskit/incoming/*/tree")))
    process.send_signal(signal.SIGINT)
    code, _, _ = finish(process)
    assert code == 130
    assert light.live() == light.on_all("") | {"web01": "v1"}
    assert light.locks() == []
    assert light.last()["outcome"] == "interrupted"
    light.deploy("v2")
    assert light.live() == light.on_all("v2")


@pytest.mark.parametrize("moment", ["build", "restart"])
def test_a_killed_opskit_left_a_record_and_whole_hosts(light: Light, moment: str) -> None:
    light.commit("v2")
    light.deploy("v1")
    if moment == "build":
        mark = light.folder / "building"
        go = light.hosts.folder("web01") / "go"
        light.configure(
            build=json.dumps(f"touch {mark}; while [ ! -e {go} ]; do sleep 0.05; done")
        )
    else:
        mark = light.hosts.folder("web01") / "waits"
        light.configure(restart=json.dumps(WAIT))
    process = light.start("deploy", "shop", "v2", "-y")
    wait_for_file(mark)
    process.kill()
    finish(process)
    let_go(light)
    last = light.last()
    assert (last["outcome"], last["to"]["label"]) == ("unfinished", "v2")
    reached = {} if moment == "build" else {"web01": "unknown"}
    assert light.outcomes() == light.on_all("not reached") | reached
    page = light.opskit("log", last["id"]).stdout
    assert ("opskit status shop asks it" in page) == (moment == "restart")
    assert light.live()["web02"] == "v1"
    light.configure()
    if moment == "build":
        light.deploy("v2")
        assert light.live() == light.on_all("v2")


@pytest.mark.parametrize("after", [0.0, 0.15, 0.3, 0.45, 0.6] if HEAVY else [0.0, 0.2])
def test_killed_at_any_moment_hosts_run_the_old_or_the_new_whole(
    light: Light, after: float
) -> None:
    """The moments are of the clock, and what must hold does in each of them."""
    light.commit("v2")
    light.deploy("v1")
    runs = len(light.log())
    process = light.start("deploy", "shop", "v2", "-y")
    until(lambda: len(light.log()) > runs)
    time.sleep(after)
    process.kill()
    finish(process)
    assert set(light.live().values()) <= {"v1", "v2"}
    assert len(light.log()) == runs + 1
    changed = [name for name, version in light.live().items() if version == "v2"]
    for name in light.hosts.names:
        for release in light.place(name, "releases").iterdir():
            assert (release / "version").exists()
            assert light.place(name, ".opskit", "release", release.name, "info").exists()
    assert light.log()[0]["outcome"] in (("done",) if len(changed) == 4 else ()) + ("unfinished",)


@pytest.mark.parametrize("command_line", ["| head -1", "| true", ">&-", "2>&- | head -1"])
def test_a_reader_that_leaves_loses_no_rollout(light: Light, command_line: str) -> None:
    light.commit("v2")
    light.deploy("v1")
    words = " ".join(command("deploy", "shop", "v2", "-y"))
    script = f'{{ {words}; echo $? >"$1"; }} {command_line}'
    code = light.folder / "code"
    if command_line == ">&-":
        script = f'{words} >&-; echo $? >"$1"'
    subprocess.run(
        ["/bin/sh", "-c", script, "sh", str(code)],
        cwd=light.folder,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert light.live() == light.on_all("v2")
    assert light.last()["outcome"] == "done"
    assert code.read_text() == "0\n"


def test_nohup_is_respected(light: Light) -> None:
    light.commit("v2")
    light.deploy("v1")
    light.configure(restart=json.dumps(WAIT))
    argv = ["nohup", *command("deploy", "shop", "v2", "-y")]
    process = subprocess.Popen(
        argv, cwd=light.folder, stdin=-3, stdout=-1, stderr=-1, text=True, start_new_session=True
    )
    light.started.append(process)
    wait_for_file(light.hosts.folder("web01") / "waits")
    process.send_signal(signal.SIGHUP)
    for name in light.hosts.names:
        (light.hosts.folder(name) / "go").touch()
    assert finish(process)[0] == 0
    assert light.live() == light.on_all("v2")


def test_ctrl_c_while_hosts_are_asked_leaves_no_record(light: Light) -> None:
    light.deploy("v1")
    runs = len(light.log())
    with light.frozen("web01"):
        process = light.start("rollback", "shop", "-y")
        until(lambda: _connections(light.hosts.host("web01").port), what="a connection")
        process.send_signal(signal.SIGINT)
        code, _, complaint = finish(process)
    assert (code, complaint.strip()) == (130, "opskit: interrupted")
    assert len(light.log()) == runs


def _connections(port: int) -> list[str]:
    rows = (row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return [row[2] for row in rows if row[2].endswith(f":{port:04X}") and row[3] == "01"]
