"""A person's shell on a host: OpenSSH's own client, on the way that opskit goes, with the host keys checked."""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from opskit.fleet.interactive import ssh_line
from tests.fleet.opening import host_of

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.fleet.inventory import Host
    from tests.support.hosts import Hosts


def ran(host: Host, script: str = 'echo "$HOME"') -> subprocess.CompletedProcess[str]:
    """Run a script by the line that a person's shell is opened with, without a terminal."""
    line = [word for word in ssh_line(host) if word != "-t"]
    assert line[-2] == "--"
    return subprocess.run(
        [*line, script], capture_output=True, text=True, check=False, timeout=100,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize("hops", [(), ("web02",), ("web02", "web03")])
def test_it_reaches_a_host_and_one_behind_others(
    openssh_hosts: Hosts, hops: tuple[str, ...]
) -> None:
    way = tuple(host_of(openssh_hosts, hop) for hop in hops)
    done = ran(replace(host_of(openssh_hosts, "web01"), hops=way))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(openssh_hosts.folder("web01"))


@pytest.mark.parametrize("which", ["web01", "web02"])
def test_no_host_key_is_taken_on_trust(openssh_hosts: Hosts, tmp_path: Path, which: str) -> None:
    none = tmp_path / "nobody knows %h"
    none.touch()
    known = {n: host_of(openssh_hosts, n) for n in ("web01", "web02")}
    known[which] = replace(known[which], known_hosts=(none,))
    done = ran(replace(known["web01"], hops=(known["web02"],)))
    assert done.returncode == 255
    assert "Host key verification failed" in done.stderr
    assert none.read_text() == ""


def test_a_proxy_command_is_gone_through(openssh_hosts: Hosts) -> None:
    host = host_of(openssh_hosts, "web01")
    relay = "import socket,sys,threading,os\ns=socket.create_connection(('{}',{}))\nt=threading.Thread(target=lambda:[s.sendall(d) for d in iter(lambda:os.read(0,9999),b'')],daemon=True)\nt.start()\n[os.write(1,d) for d in iter(lambda:s.recv(9999),b'')]"
    proxy = shlex.join([sys.executable, "-c", relay.format(host.address, host.port)])
    done = ran(
        replace(
            host,
            address="192.0.2.1",
            host_key_alias=f"[{host.address}]:{host.port}",
            proxy_command=proxy,
        )
    )
    assert done.returncode == 0, done.stderr
