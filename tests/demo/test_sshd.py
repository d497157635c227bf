"""The demo's SSH server, driven by OpenSSH's client, paramiko and asyncssh as real clients drive a real host."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import asyncssh
import paramiko
import pytest

from tests.support.processes import at_home
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.hosts import Hosts, Machine

MEGABYTES = 24


@pytest.fixture
def machine(any_hosts: Hosts) -> Machine:
    """Each promise holds for OpenSSH's own server too: that is what makes it the right promise."""
    return any_hosts.host("web01")


@pytest.fixture
def client(machine: Machine) -> Iterator[paramiko.SSHClient]:
    client = paramiko.SSHClient()
    client.load_host_keys(str(machine.known_hosts))
    client.connect(
        machine.address,
        machine.port,
        machine.user,
        key_filename=str(machine.key),
        allow_agent=False,
        look_for_keys=False,
    )
    yield client
    client.close()


def ssh(
    machine: Machine, *command: str, data: bytes = b"", options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[bytes]:
    argv = ["ssh", *options, *ssh_argv(machine)[1:], machine.address, *command]  # the first wins
    return subprocess.run(argv, input=data, capture_output=True, timeout=100, check=False)


def ssh_argv(machine: Machine) -> list[str]:
    options = [
        "-F",
        "none",
        "-o",
        "BatchMode=yes",
        "-o",
        "IdentitiesOnly=yes",
        "-o",
        "LogLevel=ERROR",
    ]
    options += ["-o", f"UserKnownHostsFile={machine.known_hosts}", "-i", str(machine.key)]
    return ["ssh", *options, "-p", str(machine.port), "-l", machine.user]


def channel(client: paramiko.SSHClient, command: str) -> paramiko.Channel:
    transport = client.get_transport()
    assert transport
    opened = transport.open_session(timeout=60)
    opened.settimeout(100)
    opened.exec_command(command)
    return opened


def test_streams_and_the_exit_status_stay_apart(machine: Machine) -> None:
    said = ssh(machine, "cat; echo oops >&2; exit 7", data=b"hello")
    assert (said.stdout, said.stderr, said.returncode) == (b"hello", b"oops\n", 7)


def test_a_command_finds_the_hosts_home_and_a_clean_environment(demo_hosts: Hosts) -> None:
    machine = demo_hosts.host("web01")
    said = ssh(machine, "env; pwd; ps -o pgid= -p $$; echo $$", options=("-o", "SetEnv=FOO=bar"))
    *env, cwd, group, pid = said.stdout.decode().split("\n")[:-1]
    names = {line.split("=")[0] for line in env}
    assert names - {"PWD", "OLDPWD", "SHLVL", "_"} == {"HOME", "USER", "LOGNAME", "SHELL", "PATH"}
    assert f"HOME={machine.folder}" in env
    assert cwd == str(machine.folder)
    assert group.strip() == pid


@pytest.mark.parametrize("number", [1, 2, 9, 15])
def test_a_command_that_a_signal_killed_says_so(machine: Machine, number: int) -> None:
    async def run() -> asyncssh.SSHCompletedProcess:
        connection = await connected(machine)
        ended = await connection.run(f"kill -{number} $$", timeout=100)
        connection.close()
        return ended

    names = {1: "HUP", 2: "INT", 9: "KILL", 15: "TERM"}
    ended = asyncio.run(run())
    assert ended.exit_signal is not None
    assert ended.exit_signal[0] == names[number]


def test_megabytes_pass_both_ways_unchanged(machine: Machine) -> None:
    data = os.urandom(MEGABYTES << 20)
    said = ssh(machine, "cat", data=data)
    assert hashlib.sha256(said.stdout).digest() == hashlib.sha256(data).digest()


def test_data_passes_while_keys_are_exchanged_again(machine: Machine) -> None:
    data = os.urandom(MEGABYTES << 20)
    said = ssh(machine, "cat", data=data, options=("-o", "RekeyLimit=1M"))
    assert said.stdout == data


def test_a_client_that_does_not_read_holds_the_command_back(
    client: paramiko.SSHClient, any_hosts: Hosts
) -> None:
    written = any_hosts.folder("web01") / "written"
    running = channel(
        client,
        f"i=0; while [ $i -lt 400 ]; do head -c 65536 /dev/zero; i=$((i+1)); echo $i >{written}; done",
    )
    stuck = until(lambda: _settled(written))
    assert int(stuck) < 400
    assert sum(len(chunk) for chunk in iter(lambda: running.recv(1 << 20), b"")) == 400 * 65536
    assert running.recv_exit_status() == 0


def test_a_command_that_reads_nothing_does_not_stop_the_client(machine: Machine) -> None:
    said = ssh(machine, "exec 0<&-; sleep 0.2; echo done", data=os.urandom(8 << 20))
    assert (said.stdout, said.returncode) == (b"done\n", 0)


def test_the_end_of_input_reaches_the_command_and_output_may_follow(
    client: paramiko.SSHClient,
) -> None:
    running = channel(client, "cat; echo after")
    running.sendall(b"before\n")
    running.shutdown_write()
    assert b"".join(iter(lambda: running.recv(100), b"")) == b"before\nafter\n"


def test_the_exit_status_comes_although_a_child_keeps_the_output_open(
    client: paramiko.SSHClient, any_hosts: Hosts
) -> None:
    running = channel(client, "sleep 300 & exit 3")
    assert running.recv_exit_status() == 3
    assert not running.eof_received
    until(lambda: at_home([any_hosts.folder("web01")]))


def test_a_detached_service_outlives_the_connection(machine: Machine) -> None:
    said = ssh(machine, "nohup sleep 300 >/dev/null 2>&1 </dev/null & echo $!")
    assert said.returncode == 0
    os.kill(int(said.stdout), 0)


def test_commands_run_side_by_side_on_one_connection(client: paramiko.SSHClient) -> None:
    running = [channel(client, f"read line; echo {n} $line") for n in range(8)]
    for one in reversed(running):
        one.sendall(b"x\n")
    assert [one.recv(100) for one in running] == [f"{n} x\n".encode() for n in range(8)]


def test_a_connection_holds_ten_sessions_and_frees_them(client: paramiko.SSHClient) -> None:
    running = [channel(client, "cat") for _ in range(10)]
    with pytest.raises(paramiko.ChannelException):
        channel(client, "cat")
    running[0].shutdown_write()
    assert running[0].recv_exit_status() == 0
    running[0].close()
    assert until(lambda: _opens(client))


def test_a_channel_runs_one_command_only(client: paramiko.SSHClient) -> None:
    running = channel(client, "cat")
    with pytest.raises(paramiko.SSHException):
        running.exec_command("echo again")


def test_a_client_that_closes_a_busy_channel_keeps_its_connection(
    client: paramiko.SSHClient,
) -> None:
    for _ in range(30):
        busy = channel(client, "while :; do head -c 65536 /dev/zero; echo x >&2; done")
        busy.recv(10)
        busy.close()
    last = channel(client, "echo alive")
    assert last.recv(100) == b"alive\n"


def test_openssh_multiplexing_survives_interrupted_commands(
    machine: Machine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    control = tmp_path_factory.mktemp("c") / "s"
    shared = ["-o", f"ControlPath={control}"]
    master = subprocess.Popen([*ssh_argv(machine), *shared, "-MN", machine.address])
    until(control.exists)
    for _ in range(10):
        argv = [*ssh_argv(machine), *shared, machine.address, "yes"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as busy:
            assert busy.stdout
            busy.stdout.read(4096)
            busy.terminate()
    assert ssh(machine, "echo alive", options=tuple(shared)).stdout == b"alive\n"
    assert master.poll() is None
    master.kill()  # OpenSSH 9.2 sleeps on where a SIGTERM comes between its look for one and its poll
    master.wait()


def test_a_lost_connection_ends_its_commands(demo_hosts: Hosts) -> None:
    machine = demo_hosts.host("web01")
    argv = [*ssh_argv(machine), machine.address, "trap '' HUP; sleep 300; sleep 300"]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL) as lost:
        until(lambda: len(at_home([machine.folder])) > 1)
        lost.kill()
    until(lambda: not at_home([machine.folder]))


def test_the_servers_end_ends_its_commands(demo_hosts: Hosts) -> None:
    machine = demo_hosts.host("web01")
    argv = [*ssh_argv(machine), machine.address, "trap '' TERM; sleep 300; sleep 300"]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as cut:
        until(lambda: len(at_home([machine.folder])) > 1)
        demo_hosts.terminate("web01")
        assert cut.wait(60) == 255
    until(lambda: not at_home([machine.folder]))


def test_a_port_of_the_host_is_reached_through_it(
    client: paramiko.SSHClient, echo_port: int
) -> None:
    transport = client.get_transport()
    assert transport
    data = os.urandom(3 << 20)
    with closing(
        transport.open_channel("direct-tcpip", ("127.0.0.1", echo_port), ("", 0))
    ) as there:
        sender = threading.Thread(target=_send, args=(there, data))
        sender.start()
        assert b"".join(iter(lambda: there.recv(65536), b"")) == data
        sender.join()


def test_a_closed_port_is_refused_and_the_connection_lives_on(
    client: paramiko.SSHClient, any_hosts: Hosts
) -> None:
    transport = client.get_transport()
    assert transport
    closed = ("127.0.0.1", any_hosts.host("web01").service_port)
    with pytest.raises(paramiko.ChannelException) as refused:
        transport.open_channel("direct-tcpip", closed, ("", 0), timeout=60)
    assert refused.value.code == 2  # connect failed, RFC 4254, 5.1
    assert channel(client, "echo alive").recv(10) == b"alive\n"


def test_only_the_loopback_is_reached_through_a_demo_host(demo_hosts: Hosts) -> None:
    loud = ("-o", "LogLevel=INFO")
    said = ssh(demo_hosts.host("web01"), options=(*loud, "-W", "192.0.2.1:80"))
    assert said.returncode == 255
    assert b"administratively prohibited" in said.stderr


def test_nobody_gets_in_without_the_key(
    machine: Machine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("k") / "other"
    subprocess.run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-f", str(other)], check=True)
    argv = [str(other) if word == str(machine.key) else word for word in ssh_argv(machine)]
    denied = subprocess.run([*argv, machine.address, "id"], capture_output=True, check=False)
    assert denied.returncode == 255
    assert b"Permission denied (publickey)" in denied.stderr


def test_another_user_does_not_get_in_with_the_right_key(machine: Machine) -> None:
    said = ssh(machine, "id", options=("-l", "nobody-of-that-name"))
    assert (said.returncode, said.stdout) == (255, b"")


def test_a_terminal_and_forwards_back_are_refused_by_a_demo_host(demo_hosts: Hosts) -> None:
    machine = demo_hosts.host("web01")
    said = ssh(machine, "true", options=("-tt", "-o", "LogLevel=INFO"))
    assert b"PTY allocation request failed" in said.stderr
    forward = ("-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1")
    assert ssh(machine, "true", options=forward).returncode == 255


def test_keepalives_are_answered(machine: Machine) -> None:
    alive = ("-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=3")
    assert ssh(machine, "sleep 6; echo alive", options=alive).stdout == b"alive\n"


@pytest.mark.skipif(not shutil.which("scp"), reason="scp is not installed")
def test_scp_copies_a_file_there(
    machine: Machine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    here = tmp_path_factory.mktemp("f") / "file"
    here.write_bytes(os.urandom(100_000))
    there = machine.folder / "copy"
    options = [*ssh_argv(machine)[1:]]
    options[options.index("-p")] = "-P"
    login = options.index("-l")
    user = options[login + 1]
    del options[login : login + 2]
    argv = ["scp", "-O", *options, str(here), f"{user}@{machine.address}:{there}"]
    subprocess.run(argv, check=True, timeout=100)
    assert there.read_bytes() == here.read_bytes()


def test_asyncssh_finds_nothing_to_complain_about(machine: Machine) -> None:
    async def run() -> list[str]:
        connection = await connected(machine)
        jobs = [connection.run(f"cat; echo {n}", input="x", timeout=100) for n in range(8)]
        said = [str(ended.stdout) for ended in await asyncio.gather(*jobs)]
        connection.close()
        await connection.wait_closed()
        return said

    assert asyncio.run(run()) == [f"x{n}\n" for n in range(8)]


def test_a_demo_host_is_up_as_soon_as_python_has_what_it_needs(demo_hosts: Hosts) -> None:
    took, alone = [], []
    for _ in range(3):  # the best counts: two cores are shared with others
        demo_hosts.stop("web01")
        began = os.times().elapsed
        demo_hosts.start("web01")
        took.append(os.times().elapsed - began)
        began = os.times().elapsed
        subprocess.run([sys.executable, "-c", "import paramiko"], check=True)
        alone.append(os.times().elapsed - began)
    assert min(took) < 4 * min(alone)


async def connected(machine: Machine) -> asyncssh.SSHClientConnection:
    return await asyncssh.connect(
        machine.address,
        machine.port,
        username=machine.user,
        client_keys=[str(machine.key)],
        known_hosts=str(machine.known_hosts),
        agent_path=None,
        config=None,
    )


@pytest.fixture
def echo_port() -> Iterator[int]:
    """A TCP server that sends back what it gets, until the end of it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_echo, args=(server,))
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def _send(there: paramiko.Channel, data: bytes) -> None:
    there.sendall(data)
    there.shutdown_write()


def _echo(server: socket.socket) -> None:
    with server.accept()[0] as client:
        while data := client.recv(65536):
            client.sendall(data)


def _settled(file: Path) -> str:
    """Give what stands in `file` if that has not changed for half a second, else nothing."""
    before = file.read_text() if file.exists() else ""
    time.sleep(0.5)
    return before if file.exists() and file.read_text() == before else ""


def _opens(client: paramiko.SSHClient) -> bool:
    try:
        return channel(client, "true").recv_exit_status() == 0
    except paramiko.ChannelException:
        return False
