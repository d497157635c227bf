"""The test hosts themselves: real sessions, one home a host, nothing left behind."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tests.support.hosts import Hosts, Machine, answers, login_shell
from tests.support.processes import at_home, descendants, freeze, kill
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path


def ssh(machine: Machine, command: str) -> subprocess.CompletedProcess[str]:
    options = ["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]
    options += ["-o", f"UserKnownHostsFile={machine.known_hosts}", "-i", str(machine.key)]
    argv = ["ssh", *options, "-p", str(machine.port), f"{machine.user}@{machine.address}", command]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def test_each_host_has_a_home_of_its_own(any_hosts: Hosts) -> None:
    for name in any_hosts.names:
        said = ssh(any_hosts.host(name), 'echo "$HOME"; touch "$HOME/seen"')
        assert said.stdout == f"{any_hosts.folder(name)}\n", said.stderr
        assert [path.name for path in any_hosts.folder(name).iterdir()] == ["seen"]


def test_a_test_finds_every_home_empty_whatever_came_before(any_hosts: Hosts) -> None:
    assert [list(any_hosts.folder(name).iterdir()) for name in any_hosts.names] == [[]] * 4


def test_what_a_test_leaves_running_ends_with_it(any_hosts: Hosts) -> None:
    machine = any_hosts.host("web01")
    assert ssh(machine, "nohup sleep 300 >/dev/null 2>&1 </dev/null & echo").returncode == 0
    until(lambda: at_home([machine.folder]), what="the process to show its home")
    any_hosts.clean()
    assert not at_home([machine.folder])


def test_a_host_stops_and_starts_again_at_the_same_port(any_hosts: Hosts) -> None:
    machine = any_hosts.host("web02")
    any_hosts.stop("web02")
    assert not answers(machine)
    any_hosts.start("web02")
    assert ssh(machine, "echo back").stdout == "back\n"


def test_an_odd_host_can_have_another_login_shell(openssh_hosts: Hosts) -> None:
    machine = openssh_hosts.odd("odd", ForceCommand=login_shell("/bin/sh -u"))
    assert ssh(machine, "echo $NOTHING").returncode != 0
    assert ssh(machine, "echo $HOME").stdout == f"{machine.folder}\n"


def test_a_host_shuts_nobody_out_who_hangs_up_often_without_a_login(openssh_hosts: Hosts) -> None:
    machine = openssh_hosts.odd("patient")
    assert all(answers(machine) for _ in range(40))
    assert ssh(machine, "echo welcome").stdout == "welcome\n"


def test_what_is_frozen_begins_nothing_more_and_is_all_there_is(tmp_path: Path) -> None:
    begins = "for i in $(seq 400); do sleep 300 & done; wait"
    busy = subprocess.Popen(["sh", "-c", begins], env={**os.environ, "HOME": str(tmp_path)})
    until(lambda: len(descendants(busy.pid)) > 20, what="some of them to have begun")
    kill(freeze(busy.pid))
    busy.wait()
    until(lambda: not at_home([tmp_path]), what="none to be left")
