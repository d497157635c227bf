"""Whatever is wrong with a host: one clear line, the right exit code, nothing half done, and a record of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.hosts import login_shell
from tests.support.light import TIMES, Light, finish, wait_for_file
from tests.support.missing import forbidden
from tests.support.proxy import proxied

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.hosts import Hosts

QUICK = 'connect_timeout = "4s"\nchannel_timeout = "4s"\nkeepalive = "1s"'
WAIT = 'touch "$HOME/waits"; while [ ! -e "$HOME/go" ]; do sleep 0.05; done; cat version >>"$HOME/restarts"'
BIG = 3_000_000


def halves(light: Light, host: str) -> list[str]:
    """Give what a half done deploy would have left in sight of the service."""
    releases = light.place(host, "releases")
    found = [path.name for path in releases.iterdir() if not (path / "version").exists()] if releases.is_dir() else []  # fmt: skip
    return found + [path.name for path in light.place(host).glob(".current.*")]


def commit_big(light: Light, tag: str) -> None:
    (light.folder / "big").write_bytes(os.urandom(BIG))
    light.commit(tag)


def test_a_host_that_is_down_stops_a_deploy_before_anything_is_touched(any_light: Light) -> None:
    any_light.commit("v2")
    any_light.deploy("v1")
    any_light.hosts.stop("web03")
    before = any_light.tree()
    done = any_light.deploy("v2", expect=1)
    assert any_light.tree() == before
    assert "web03" in done.stderr
    outcomes = any_light.outcomes()
    assert outcomes == any_light.on_all("skipped") | {"web03": "unreachable"}
    assert "web03" in any_light.last()["reason"]


def test_a_host_that_is_down_may_be_within_the_budget(light: Light) -> None:
    light.configure(max_failures="1")
    light.hosts.stop("web03")
    light.deploy("v1", expect=3)
    assert light.live() == light.on_all("v1") | {"web03": ""}


def test_a_host_that_dies_in_the_restart_is_not_called_done(any_light: Light) -> None:
    any_light.commit("v2")
    any_light.deploy("v1")
    any_light.configure(restart=json.dumps(WAIT), ssh=QUICK)
    process = any_light.start("deploy", "shop", "v2", "-y")
    wait_for_file(any_light.hosts.folder("web01") / "waits")
    any_light.hosts.stop("web01")
    code, said, _ = finish(process)
    assert code == 1, said
    assert any_light.outcomes()["web01"] in ("failed", "unknown")
    assert any_light.last()["hosts"]["web01"]["live"] == ""
    assert any_light.live()["web02"] == "v1"
    any_light.hosts.start("web01")
    shown = any_light.opskit("status", "shop", expect=1).stdout
    assert "drifted" in shown or "unknown" in shown


def test_a_host_that_hangs_is_given_up_in_time(light: Light) -> None:
    light.commit("v2")
    light.deploy("v1")
    light.configure(restart=json.dumps(WAIT), ssh=QUICK)
    process = light.start("deploy", "shop", "v2", "-y")
    wait_for_file(light.hosts.folder("web01") / "waits")
    with light.frozen("web01"):
        code, said, _ = finish(process)
    assert code == 1, said
    assert "web01" in light.last()["reason"]
    assert light.live()["web02"] == "v1"


def test_a_host_that_hangs_from_the_start_is_unreachable(light: Light) -> None:
    light.configure(ssh=QUICK)
    with light.frozen("web02"):
        light.deploy("v1", expect=1)
    assert light.outcomes() == light.on_all("skipped") | {"web02": "unreachable"}


@pytest.mark.parametrize("hang", [False, True])
def test_a_connection_that_breaks_in_the_midst_leaves_no_half_release(
    light: Light, hang: bool
) -> None:
    commit_big(light, "v2")
    light.deploy("v1")
    with proxied(light.hosts.host("web02").port, cut_after=BIG // 2, hang=hang) as proxy:
        light.configure(ssh=QUICK)
        config = light.folder / "opskit.toml"
        direct = config.read_text()
        port = f"port = {light.hosts.host('web02').port}\n"
        line = light.hosts.host("web02").known_hosts
        line.write_text(
            line.read_text() + _known(light.hosts, "web02", proxy.port),
        )
        config.write_text(direct.replace(port, f"port = {proxy.port}\n"))
        done = light.deploy("v2", expect=1)
        assert proxy.cuts
    assert light.outcomes()["web02"] in ("failed", "unreachable")
    assert "web02" in done.stdout
    assert light.live() == light.on_all("v1")
    assert halves(light, "web02") == []
    assert light.releases("web02") == ["v1"]
    config.write_text(direct)
    _until_unlocked(light, "web02")
    light.deploy("v2")
    assert light.live() == light.on_all("v2")
    assert not list(light.place("web02", ".opskit", "incoming").glob("*"))


def _known(hosts: Hosts, name: str, port: int) -> str:
    key = " ".join(hosts.host(name).public_key.split()[:2])
    return f"[127.0.0.1]:{port} {key}\n"


def _until_unlocked(light: Light, host: str) -> None:
    """A host that could not be told lets go by itself in 15 minutes; the test does not wait for it."""
    for lock in light.place(host).glob(".opskit/locks/*"):
        lock.unlink()


@pytest.fixture
def small_disk(light: Light) -> Iterator[Light]:
    """A host whose home is a disk of a few megabytes."""
    home = light.hosts.folder("web02")
    mount = ["mount", "-t", "tmpfs", "-o", "size=14m", "tmpfs", str(home)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        forbidden("only root, with the right to mount, makes a small disk")
    yield light
    subprocess.run(["umount", "-l", str(home)], check=True)


def test_a_disk_too_small_is_seen_before_anything_is_sent(small_disk: Light) -> None:
    small_disk.deploy("v1")
    (small_disk.hosts.folder("web02") / "ballast").write_bytes(b"\0" * 6_000_000)
    done = small_disk.deploy("v1", expect=1)
    assert "MiB free, 10 MiB needed" in done.stdout
    assert small_disk.live() == small_disk.on_all("v1")


def test_a_file_that_cannot_grow_fails_the_staging_of_that_host(openssh_hosts: Hosts, tmp_path: Path) -> None:  # fmt: skip
    """RLIMIT_FSIZE stands for a disk that fills up between the look at it and the last byte."""
    command = 'trap "" XFSZ; ulimit -f 2000; exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"'
    openssh_hosts.odd("full", ForceCommand=command)
    light = Light.create(tmp_path / "project", openssh_hosts)
    light.configure(hosts='"web01,full"', batches="[1]")
    light.deploy("v1")
    commit_big(light, "v2")
    done = light.deploy("v2", expect=1)
    assert "full" in light.last()["reason"]
    assert "the release cannot be unpacked" in done.stdout
    assert light.live_on("full") == light.live_on("web01") == "v1"
    assert light.releases("full") == ["v1"]
    assert not list(light.place("full", ".opskit", "incoming").glob("*"))
    assert halves(light, "full") == []
    assert light.locks() == []


def test_a_service_path_that_cannot_be_written_is_said_at_once(light: Light) -> None:
    (light.hosts.folder("web02") / "shop").write_text("a file in the way")
    done = light.deploy("v1", expect=1)
    assert "web02" in done.stdout
    assert light.outcomes()["web02"] == "failed"
    assert light.live() == light.on_all("")


SHELLS = [path for path in ("/bin/tcsh", "/usr/bin/fish", "/usr/bin/zsh", "/bin/dash", "/bin/bash") if Path(path).exists()]  # fmt: skip
ODD: dict[str, dict[str, str | None]] = {
    **{Path(shell).name: {"ForceCommand": login_shell(shell)} for shell in SHELLS},
    "no-sftp": {"Subsystem": None},
    "one-session": {"MaxSessions": "1"},
    "noisy": {"ForceCommand": f"echo Welcome; echo to >&2; {login_shell('/bin/sh')}"},
    "strict": {"PermitTTY": "no", "AllowAgentForwarding": "no"},
}


@pytest.fixture
def odd(request: pytest.FixtureRequest, openssh_hosts: Hosts, tmp_path: Path) -> Light:
    """A light project on one odd host, made with these lines of sshd_config."""
    openssh_hosts.odd("odd", **request.param)
    light = Light.create(tmp_path / "project", openssh_hosts)
    light.configure(hosts='"odd"', batches="[1]")
    light.commit("v2")
    return light


def test_odd_hosts_are_hosts_too(openssh_hosts: Hosts, tmp_path: Path) -> None:
    for name, lines in ODD.items():
        openssh_hosts.odd(name, **lines)
    light = Light.create(tmp_path / "project", openssh_hosts)
    light.configure(hosts=json.dumps(",".join(ODD)), batches='["100%"]')
    light.commit("v2")
    light.deploy("v1")
    light.deploy("v2")
    assert {name: light.live_on(name) for name in ODD} == dict.fromkeys(ODD, "v2")
    assert {name: light.restarts(name) for name in ODD} == {name: ["v1", "v2"] for name in ODD}
    light.rollback()
    assert {name: light.live_on(name) for name in ODD} == dict.fromkeys(ODD, "v1")
    for name in ODD:
        assert light.opskit("exec", "-H", name, "echo it").stdout == "it\n", name
    assert light.opskit("status", "shop", "--json").json["data"]["services"][0]["well"]


@pytest.mark.parametrize("odd", [{"AllowTcpForwarding": "no"}], indirect=True)
def test_a_host_that_forwards_nothing_says_what_to_change(odd: Light) -> None:
    port = '{ http = "http://127.0.0.1:{port}/", TIMES }'.replace("TIMES", TIMES)
    odd.configure(hosts='"odd"', batches="[1]", health=port)
    done = odd.deploy("v1", expect=1)
    assert "AllowTcpForwarding" in done.stdout


def test_a_login_that_runs_nothing_is_said_so(openssh_hosts: Hosts, tmp_path: Path) -> None:
    openssh_hosts.odd("shut", ForceCommand="echo 'account locked'; exit 1")
    light = Light.create(tmp_path / "project", openssh_hosts)
    light.configure(hosts='"shut"')
    done = light.deploy("v1", expect=1)
    assert "runs no commands" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_an_unknown_and_a_changed_host_key_are_refused(light: Light) -> None:
    known = light.hosts.host("web01").known_hosts
    before = known.read_text()
    mine = f"[127.0.0.1]:{light.hosts.host('web01').port} "
    other = light.hosts.host("web02").public_key.split()[1]
    try:
        for text in (
            "".join(row for row in before.splitlines(keepends=True) if not row.startswith(mine)),
            "".join(f"{mine}ssh-ed25519 {other}\n" if row.startswith(mine) else row for row in before.splitlines(keepends=True)),
        ):  # fmt: skip
            known.write_text(text)
            light.deploy("v1", expect=1)
            assert light.outcomes()["web01"] == "unreachable"
            assert light.tree() == {}
    finally:
        known.write_text(before)


def test_git_that_is_not_installed_is_one_line(light: Light, tmp_path: Path) -> None:
    tools = tmp_path / "no-git"
    tools.mkdir()
    (tools / "ssh").symlink_to(shutil.which("ssh") or "/usr/bin/ssh")
    done = light.deploy("v1", expect=2, env={"PATH": str(tools)})
    assert "git is not installed" in done.stderr
