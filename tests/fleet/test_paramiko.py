"""What opskit relies on inside paramiko and invoke: a new version that changes it must fail here."""

from __future__ import annotations

import inspect
import logging
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import invoke.runners
import paramiko
from paramiko.agent import AgentSSH
from paramiko.buffered_pipe import BufferedPipe
from paramiko.packet import Packetizer

from opskit.fleet.command import Command
from opskit.fleet.connection import CIPHERS, MACS, POSSIBLE_CIPHERS, Packets, Transport
from tests.fleet.opening import all_of, fleet_of, host_of
from tests.support.waiting import until

if TYPE_CHECKING:
    import pytest

    from tests.support.hosts import Hosts


def test_the_methods_that_we_replace_are_still_called_that() -> None:
    for name in ("start_handshake", "handshake_timed_out", "complete_handshake"):
        assert name in vars(Packetizer)
        assert name in vars(Packets)
    assert list(inspect.signature(paramiko.Transport._log).parameters)[:3] == [
        "self",
        "level",
        "msg",
    ]
    assert "data" in inspect.signature(paramiko.Transport._send_user_message).parameters
    opening = inspect.getsource(paramiko.Transport.open_channel)
    assert opening.count("self._send_user_message(m)") == 1, "what asks for a socket is put to it"
    assert "streamlocal" not in opening, "it can be left to paramiko now"
    assert "conn" in inspect.signature(AgentSSH._connect).parameters
    assert "msg" in inspect.signature(AgentSSH._send_message).parameters
    assert "event" in inspect.signature(BufferedPipe.set_event).parameters
    for name in ("read_proc_output", "respond", "echo", "kill", "stop", "timed_out"):
        assert hasattr(invoke.runners.Runner, name)


def test_every_algorithm_that_we_offer_is_known() -> None:
    assert set(POSSIBLE_CIPHERS) == set(paramiko.Transport._cipher_info)
    assert set(CIPHERS) <= set(POSSIBLE_CIPHERS)
    assert set(MACS) <= set(paramiko.Transport._mac_info)


def test_a_channel_has_what_a_session_looks_at(hosts: Hosts) -> None:
    with fleet_of(host_of(hosts, "web01")) as fleet:
        transport = fleet.remote("web01").line().transport
        channel = transport.open_session()
        assert isinstance(channel.in_buffer, BufferedPipe)
        assert isinstance(channel.in_stderr_buffer, BufferedPipe)
        assert isinstance(channel.status_event, threading.Event)
        assert (channel.eof_received, channel.exit_status) == (0, -1)
        channel.exec_command("cat")
        assert channel.out_window_size > 32 * 1024
        channel.close()


def transports() -> list[Transport]:
    return [thread for thread in threading.enumerate() if isinstance(thread, Transport)]


def test_a_connection_costs_one_thread_and_a_command_none(hosts: Hosts) -> None:
    until(lambda: not transports(), what="the connections of other tests to end")
    before = set(threading.enumerate())
    with all_of(hosts) as fleet:
        for name in hosts.names:
            assert fleet.remote(name).execute(Command("true")).ok
        assert len(transports()) == len(hosts.names)
        made = set(threading.enumerate()) - before
        assert len(made) == len(hosts.names) + 1, "and one guard"
    until(lambda: made.isdisjoint(threading.enumerate()), what="the threads to end")


def test_a_ping_is_answered(hosts: Hosts) -> None:
    with fleet_of(host_of(hosts, "web01")) as fleet:
        transport = fleet.remote("web01").line().transport
        asked = time.monotonic()
        transport.ping()
        until(lambda: transport.wire.heard > asked, what="an answer")


def test_paramiko_says_nothing_on_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("paramiko.transport").error("a traceback")
    assert capfd.readouterr() == ("", "")


def test_commands_do_without_invoke_and_tasks_still_find_it(hosts: Hosts) -> None:
    machine = hosts.host("web01")
    program = f"""
import sys
from pathlib import Path
from opskit.config.model import Ssh
from opskit.fleet import open_fleet
from opskit.fleet.command import Command
from opskit.fleet.inventory import Host, Inventory
host = Host("web01", "127.0.0.1", {machine.port}, {machine.user!r}, keys=(Path({str(machine.key)!r}),),
    identities_only=True, agent="none", known_hosts=(Path({str(machine.known_hosts)!r}),))
with open_fleet(Inventory("test", {{"web01": host}}), Ssh()) as fleet:
    assert fleet.remote("web01").execute(Command("true")).ok
    assert not {{"fabric", "invoke", "asyncio"}} & set(sys.modules), sorted(sys.modules)
    assert fleet.remote("web01").connection.run("echo by fabric", hide=True).stdout == "by fabric\\n"
"""
    subprocess.run([sys.executable, "-c", program], check=True)
