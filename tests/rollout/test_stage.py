"""Staging on real hosts: only what a host has not travels, wherever it was broken off, whatever stands there."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.rollout.trees import BUSYBOX, busybox_tools
from tests.support.light import Light
from tests.support.missing import forbidden
from tests.support.proxy import Proxy, proxied

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.hosts import Hosts

NUMBER, SIZE = 60, 200_000
BIG = NUMBER * SIZE


@pytest.fixture
def big(light: Light) -> Light:
    """A version v1 of many files on every host, and v2 with one of them changed."""
    light.configure(batches='["100%"]')
    folder = light.folder / "big"
    folder.mkdir()
    for number in range(NUMBER):
        (folder / str(number)).write_bytes(os.urandom(SIZE))
    light.commit("v1.1")
    light.deploy("v1.1")
    (folder / "7").write_bytes(b"changed")
    light.commit("v2")
    return light


@contextlib.contextmanager
def through(light: Light, host: str, *, cut_after: int = 1 << 50) -> Iterator[Proxy]:
    """Reach a host through a proxy for the block."""
    target = light.hosts.host(host)
    config, known = light.folder / "opskit.toml", target.known_hosts
    before, trusted = config.read_text(), known.read_text()
    with proxied(target.port, cut_after=cut_after) as proxy:
        key = " ".join(target.public_key.split()[:2])
        known.write_text(f"{trusted}[127.0.0.1]:{proxy.port} {key}\n")
        config.write_text(before.replace(f"port = {target.port}\n", f"port = {proxy.port}\n"))
        yield proxy
    config.write_text(before)
    known.write_text(trusted)


def unlock(light: Light, host: str) -> None:
    """A host that could not be told lets go by itself in 15 minutes; the test does not wait for it."""
    for lock in light.place(host).glob(".opskit/locks/*"):
        lock.unlink()


def same(light: Light, host: str) -> bool:
    argv = ["diff", "-r", light.folder / "big", light.place(host, "current", "big")]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def test_a_change_of_one_file_costs_kilobytes(big: Light) -> None:
    with through(big, "web02") as proxy:
        done = big.deploy("v2")
    assert "sends 2 of 62 files" in done.stdout
    assert "(the rest is there)" in done.stdout
    assert proxy.upward < 60_000, "of all that travels there, with every script and handshake"
    assert all(same(big, host) for host in big.hosts.names[:4])
    sent = big.last()["hosts"]["web02"]["sent"]
    assert sent["files"] == 2
    assert 0 < sent["bytes"] < 10_000


def test_what_is_there_already_is_not_sent_at_all(big: Light) -> None:
    with through(big, "web02") as proxy:
        assert "sends 0 of 62 files" in big.deploy("v1.1").stdout
    assert proxy.upward < 60_000


def test_hosts_with_different_releases_get_what_each_lacks(big: Light) -> None:
    big.deploy("v2", "-H", "web01")
    shutil.rmtree(big.place("web03"))
    (big.folder / "big" / "8").write_bytes(b"changed, too")
    big.commit("v3")
    said = big.deploy("v3").stdout
    assert all(same(big, host) for host in big.hosts.names[:4])
    line = next(line for line in said.splitlines() if line.startswith("sends"))
    assert "2 of 62 files" in line
    assert "3 of 62 files" in line
    assert "all of 62 files" in line
    assert "to 2 hosts" in line


def test_a_live_file_that_was_altered_is_found_told_and_sent(big: Light) -> None:
    live = big.place("web02", "current", "big")
    (live / "3").write_bytes(b"by hand")
    (live / "4").unlink()
    said = big.deploy("v2").stdout
    assert "warning: web02: " in said
    assert "is not as it was released, so more is sent, files: 2" in said
    assert all(same(big, host) for host in big.hosts.names[:4])
    assert big.last()["hosts"]["web02"]["sent"]["files"] == 4


@pytest.mark.parametrize("held", [b"", b"lies\n", None])
def test_a_host_without_a_manifest_that_holds_gets_everything(
    big: Light, held: bytes | None
) -> None:
    release = big.place("web02", "current").readlink().name
    manifest = big.place("web02", ".opskit", "release", release, "manifest")
    if held is None:
        manifest.unlink()
    else:
        manifest.write_bytes(held)
    big.deploy("v2")
    assert all(same(big, host) for host in big.hosts.names[:4])


def test_what_has_arrived_before_the_line_broke_is_not_sent_again(light: Light) -> None:
    light.configure(batches='["100%"]')
    folder = light.folder / "big"
    folder.mkdir()
    for number in range(NUMBER):
        (folder / str(number)).write_bytes(os.urandom(SIZE))
    light.commit("v2")
    with through(light, "web02", cut_after=BIG * 3 // 4):
        light.deploy("v2", expect=1)
    kept = list(light.place("web02", ".opskit", "incoming").iterdir())
    assert len(kept) == 1
    assert light.releases("web02") == []
    unlock(light, "web02")
    with through(light, "web02") as proxy:
        said = light.deploy("v2").stdout
    assert "what has not arrived yet of" in said
    # the server's own buffers, two megabytes, are lost with the connection
    assert proxy.upward < BIG * 0.6
    assert all(same(light, host) for host in light.hosts.names[:4])
    assert list(light.place("web02", ".opskit", "incoming").iterdir()) == []


def test_a_disk_without_room_for_two_is_seen_before_anything_is_sent(big: Light) -> None:
    home = big.hosts.folder("web02")
    saved = home / "shop"
    moved = big.folder.parent / "saved"
    saved.rename(moved)
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(home)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        forbidden("only root, with the right to mount, makes a small disk")
    try:
        subprocess.run(["cp", "-a", str(moved), str(saved)], check=True)
        done = big.deploy("v2", expect=1)
        assert "20 MiB free, 21 MiB needed" in done.stdout
        assert list(big.place("web02", ".opskit", "incoming").glob("*")) == []
        assert big.live_on("web02") == "v1.1"
    finally:
        subprocess.run(["umount", "-l", str(home)], check=True)


@pytest.mark.skipif(not BUSYBOX, reason="no busybox")
def test_a_host_with_nothing_but_busybox_is_a_host_too(
    openssh_hosts: Hosts, tmp_path: Path
) -> None:
    tools = busybox_tools(tmp_path / "tools")
    command = f'PATH={tools}; export PATH; exec {tools}/sh -c "$SSH_ORIGINAL_COMMAND"'
    openssh_hosts.odd("tiny", ForceCommand=command)
    light = Light.create(tmp_path / "project", openssh_hosts)
    light.configure(hosts='"tiny"', batches="[1]")
    light.commit("v2", files={"a b/\u8336": "x", "c\\d": "y"})
    light.commit("v3", files={"a b/\u8336": "x", "c\\d": "y"})
    light.deploy("v2")
    assert "sends 2 of 4 files" in light.deploy("v3").stdout
    assert light.live_on("tiny") == "v3"
    assert light.place("tiny", "current", "c\\d").read_text() == "y"
