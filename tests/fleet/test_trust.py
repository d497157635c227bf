"""New host keys take the place of old ones: in the file that is meant, and not without the tool."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from opskit.errors import ConfigError, HostKeyError
from opskit.fleet import trust
from tests.fleet.opening import host_of

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.fleet.inventory import Host
    from tests.support.hosts import Hosts


def new_key(folder: Path) -> str:
    file = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)], check=True)
    return file.with_suffix(".pub").read_text()


@pytest.fixture
def host(openssh_hosts: Hosts, tmp_path: Path) -> Host:
    made = host_of(openssh_hosts, "web01")
    known = tmp_path / "dotfiles" / "known_hosts"
    known.parent.mkdir()
    known.write_bytes(b"".join(file.expanduser().read_bytes() for file in made.known_hosts))
    link = tmp_path / "known_hosts"
    link.symlink_to(known)
    return replace(made, known_hosts=(link,))


def test_a_known_hosts_that_is_a_link_stays_one(host: Host, tmp_path: Path) -> None:
    key = new_key(tmp_path)
    trust.replace_keys(host, key)
    (link,) = host.known_hosts
    assert link.is_symlink()
    words = [line.split()[2] for line in link.read_text().splitlines() if trust.known_name(host) in line.split()[0].split(",")]  # fmt: skip
    assert words == [key.split()[1]]


def test_without_ssh_keygen_it_is_said_before_and_no_traceback_after(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = new_key(tmp_path)
    with monkeypatch.context() as poor:
        poor.setenv("PATH", str(tmp_path))
        with pytest.raises(ConfigError, match="no ssh-keygen on this machine"):
            trust.demand_possible()
        with pytest.raises(
            HostKeyError, match=r"cannot be taken out of .*ssh-keygen: No such file"
        ):
            trust.replace_keys(host, key)
