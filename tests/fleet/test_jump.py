"""Hosts behind jump hosts: one connection per jump host, checked like any other."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from opskit.errors import HostKeyError, UnreachableError
from opskit.fleet.command import Command
from tests.fleet.opening import fleet_of, host_of

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.fleet.inventory import Host
    from tests.support.hosts import Hosts


def behind(hosts: Hosts, *hops: str, count: int = 12) -> list[Host]:
    """Give `count` names of web01, each reached through `hops`."""
    way = tuple(host_of(hosts, hop) for hop in hops)
    return [replace(host_of(hosts, "web01"), name=f"n{n}", hops=way) for n in range(count)]


def logins(hosts: Hosts, name: str) -> int:
    return len(re.findall("Accepted publickey", hosts.host(name).log.read_text()))


def test_all_targets_share_one_connection_to_the_jump_host(openssh_hosts: Hosts) -> None:
    targets = behind(openssh_hosts, "web02")
    jumps, own = logins(openssh_hosts, "web02"), logins(openssh_hosts, "web01")
    with fleet_of(*targets, handshakes_per_jump=3) as fleet:
        outcomes = list(fleet.run(Command("echo ok"), [target.name for target in targets]))
    assert [outcome.value.stdout if outcome.value else outcome.error for outcome in outcomes] == [
        b"ok\n"
    ] * 12
    assert logins(openssh_hosts, "web02") - jumps == 1
    assert logins(openssh_hosts, "web01") - own == 12


def test_several_hops_are_gone_one_after_the_other(openssh_hosts: Hosts) -> None:
    before = logins(openssh_hosts, "web03")
    with fleet_of(*behind(openssh_hosts, "web02", "web03", count=2)) as fleet:
        outcomes = list(fleet.run(Command("echo $SSH_CONNECTION"), ["n0", "n1"]))
    assert all(outcome.value and outcome.value.ok for outcome in outcomes), outcomes
    assert logins(openssh_hosts, "web03") - before == 1


def test_a_jump_host_with_an_unknown_key_is_refused(openssh_hosts: Hosts, tmp_path: Path) -> None:
    (target,) = behind(openssh_hosts, "web02", count=1)
    jump = host_of(openssh_hosts, "web02", known_hosts=(tmp_path / "none",))
    with (
        fleet_of(replace(target, hops=(jump,))) as fleet,
        pytest.raises(HostKeyError, match=r"n0: jump host web02: .* is not known"),
    ):
        fleet.remote("n0").execute(Command("true"))


def test_a_dead_jump_host_fails_all_its_targets_at_once(openssh_hosts: Hosts) -> None:
    targets = behind(openssh_hosts, "web02", count=20)
    openssh_hosts.stop("web02")
    began = time.monotonic()
    with fleet_of(*targets, connect_timeout=100) as fleet:
        outcomes = list(fleet.run(Command("true"), [target.name for target in targets]))
    assert time.monotonic() - began < 60
    assert {type(outcome.error) for outcome in outcomes} == {UnreachableError}
    assert "jump host web02" in str(outcomes[0].error)


def test_a_target_that_the_jump_host_cannot_reach_is_told_apart(openssh_hosts: Hosts) -> None:
    (target,) = behind(openssh_hosts, "web02", count=1)
    openssh_hosts.odd("shut", AllowTcpForwarding="no")
    through_shut = replace(target, name="n1", hops=(host_of(openssh_hosts, "shut"),))
    with fleet_of(replace(target, port=1), through_shut) as fleet:
        with pytest.raises(
            UnreachableError,
            match=r"jump host web02 cannot reach 127\.0\.0\.1:1: connection failed",
        ):
            fleet.remote("n0").execute(Command("true"))
        with pytest.raises(
            UnreachableError, match=r"jump host shut cannot reach .*: forbidden there"
        ) as caught:
            fleet.remote("n1").execute(Command("true"))
    assert "AllowTcpForwarding" in caught.value.hint


def test_a_command_behind_a_jump_host_is_ended_with_its_group(openssh_hosts: Hosts) -> None:
    from opskit.errors import CommandTimeoutError

    with fleet_of(*behind(openssh_hosts, "web02", count=1)) as fleet:
        with pytest.raises(CommandTimeoutError, match="its processes were ended"):
            fleet.remote("n0").execute(Command("sleep 300 & sleep 300", timeout=0.5))
        assert fleet.remote("n0").http_get is not None
