"""A port behind a host, as a Unix socket of this machine: for a real PostgreSQL, and for anything that speaks TCP."""

from __future__ import annotations

import contextlib
import socket
import stat
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.config.reading import parse
from opskit.errors import ConfigError, ConnectionLostError, HostError, HostUnfitError
from opskit.fleet import open_host
from opskit.fleet.command import Command
from opskit.fleet.forward import forward
from opskit.fleet.tunnel import open_channel
from tests.fleet.opening import fleet_of, host_of
from tests.support.hosts import free_port
from tests.support.postgres import server
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.fleet.remote import Remote
    from tests.support.hosts import Hosts
    from tests.support.postgres import Server


CLOSED = "the server closed the connection unexpectedly"


@contextlib.contextmanager
def echo() -> Iterator[tuple[int, list[socket.socket]]]:
    """Serve TCP connections that say back what they hear, and `bye` at the end; gives the port and the connections."""
    listener = socket.create_server(("127.0.0.1", 0))
    open_now: list[socket.socket] = []

    def answer(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(65536):
                connection.sendall(data)
            connection.sendall(b"bye")

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                open_now.append(connection)
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1]), open_now
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def dial(way: tuple[str, int]) -> socket.socket:
    """Connect to a forwarded port, as libpq does."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(60)
    connection.connect(f"{way[0]}/.s.PGSQL.{way[1]}")
    return connection


def say(connection: socket.socket, data: bytes) -> bytes:
    """Say something and give the echo."""
    sender = threading.Thread(target=connection.sendall, args=(data,))
    sender.start()
    heard = bytearray()
    while len(heard) < len(data):
        piece = connection.recv(1 << 20)
        assert piece
        heard += piece
    sender.join()
    return bytes(heard)


@pytest.fixture
def remote(any_hosts: Hosts) -> Iterator[Remote]:
    with fleet_of(host_of(any_hosts, "web01")) as fleet:
        yield fleet.remote("web01")


def test_bytes_go_both_ways_on_several_connections_until_each_end(remote: Remote) -> None:
    with echo() as (port, _), forward(remote, "127.0.0.1", port) as way:
        connections = [dial(way) for _ in range(4)]
        for number, connection in enumerate(connections):
            assert say(connection, b"%d" % number * 300_000) == b"%d" % number * 300_000
        for connection in connections:
            with connection:
                connection.shutdown(socket.SHUT_WR)
                assert connection.recv(10) == b"bye"
                assert connection.recv(10) == b""
        assert remote.execute(Command("echo the connection is free")).ok


def test_only_this_user_can_get_at_it_and_nothing_is_left(remote: Remote) -> None:
    with echo() as (port, _), forward(remote, "127.0.0.1", port) as (folder, number):
        assert stat.S_IMODE(Path(folder).stat().st_mode) == 0o700
        assert [each.name for each in Path(folder).iterdir()] == [f".s.PGSQL.{number}"]
        left = dial((folder, number))
        assert say(left, b"hello") == b"hello"
    with left:
        assert left.recv(10) == b""
    assert not Path(folder).exists()
    until(lambda: "forward" not in {each.name for each in threading.enumerate()})


def test_for_tls_it_is_a_port_of_loopback_and_nothing_is_left(remote: Remote) -> None:
    with echo() as (port, _), forward(remote, "127.0.0.1", port, tcp=True) as way:
        assert way[0] == "127.0.0.1"
        for number in range(3):
            with socket.create_connection(way, timeout=60) as connection:
                assert say(connection, b"%d" % number * 300_000) == b"%d" % number * 300_000
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(way, timeout=60)
    until(lambda: "forward" not in {each.name for each in threading.enumerate()})


def test_a_server_that_hangs_up_is_heard_of(remote: Remote) -> None:
    with echo() as (port, served), forward(remote, "127.0.0.1", port) as way:
        with dial(way) as connection:
            assert say(connection, b"one") == b"one"
            served[0].shutdown(socket.SHUT_RDWR)
            assert connection.recv(10) == b""
        with dial(way) as again:
            assert say(again, b"two") == b"two"


def test_a_port_where_nobody_listens_is_an_error_at_once(remote: Remote) -> None:
    port = free_port()
    way = forward(remote, "127.0.0.1", port)
    with pytest.raises(HostError, match=f"127.0.0.1:{port}: connection failed"):
        way.__enter__()


def test_a_host_that_forwards_nothing_says_what_decides(openssh_hosts: Hosts) -> None:
    openssh_hosts.odd("shut", AllowTcpForwarding="no")
    with fleet_of(host_of(openssh_hosts, "shut")) as fleet, echo() as (port, _):
        way = forward(fleet.remote("shut"), "127.0.0.1", port)
        with pytest.raises(HostUnfitError) as caught:
            way.__enter__()
        assert "AllowTcpForwarding" in caught.value.hint


def test_a_socket_of_the_host_is_reached_on_several_connections(openssh_hosts: Hosts) -> None:
    import psycopg

    with (
        server() as database,
        fleet_of(host_of(openssh_hosts, "web01")) as fleet,
        forward(fleet.remote("web01"), socket_of(database), 0) as (folder, port),
    ):
        url = database.url()
        connections = [psycopg.connect(url, host=folder, port=port) for _ in range(3)]
        for connection in connections:
            with connection:
                row = connection.execute("SELECT repeat('x', 1000000)").fetchone()
                assert row == ("x" * 1_000_000,)
        with ThreadPoolExecutor(8) as pool:  # of sockets and of ports, all asked for at once
            remote = fleet.remote("web01")
            asked = [(socket_of(database), 0), ("127.0.0.1", database.port)] * 8
            opened = list(pool.map(lambda one: open_channel(remote.line(), *one, 60.0), asked))
        for channel in opened:
            channel.sendall(struct.pack("!II", 8, 80877103))  # "TLS?"
            assert channel.recv(1) == b"N"
            channel.close()
        assert remote.execute(Command("echo the connection is free")).ok


def test_a_socket_that_is_not_there_is_named(any_hosts: Hosts) -> None:
    with fleet_of(host_of(any_hosts, "web01")) as fleet:
        way = forward(fleet.remote("web01"), "/nowhere/it's/.s.PGSQL.5432", 0)
        with pytest.raises(HostError, match=r"no socket /nowhere/it's/\.s\.PGSQL\.5432") as caught:
            way.__enter__()
        assert "does its server run there" in caught.value.hint


@pytest.mark.parametrize("option", ["AllowStreamLocalForwarding", "AllowTcpForwarding"])
def test_a_host_that_forwards_to_no_socket_says_what_decides(
    openssh_hosts: Hosts, tmp_path: Path, option: str
) -> None:
    openssh_hosts.odd("shut", **{option: "no"})
    with fleet_of(host_of(openssh_hosts, "shut")) as fleet, socket.socket(socket.AF_UNIX) as there:
        there.bind(str(tmp_path / "socket"))
        there.listen()
        way = forward(fleet.remote("shut"), str(tmp_path / "socket"), 0)
        with pytest.raises(HostUnfitError, match="no connection to the socket") as caught:
            way.__enter__()
        assert option in caught.value.hint


def test_a_server_that_knows_no_sockets_is_no_riddle(demo_hosts: Hosts, tmp_path: Path) -> None:
    with (
        fleet_of(host_of(demo_hosts, "web01")) as fleet,
        socket.socket(socket.AF_UNIX) as there,
    ):
        there.bind(str(tmp_path / "socket"))
        there.listen()
        with pytest.raises(HostUnfitError, match="no connection to the socket"):
            forward(fleet.remote("web01"), str(tmp_path / "socket"), 0).__enter__()


def test_what_fails_later_takes_the_place_of_the_error_that_it_led_to(remote: Remote) -> None:
    def work() -> None:
        with echo() as (port, _), forward(remote, "127.0.0.1", port) as way:
            with dial(way) as first:
                assert say(first, b"one") == b"one"
            with nobody_listens_any_more(remote):
                hang_up(way)

    with pytest.raises(HostError, match="connection failed"):
        work()


def test_a_lost_connection_is_named(hosts: Hosts) -> None:
    def work() -> None:
        with (
            fleet_of(host_of(hosts, "web01")) as fleet,
            echo() as (port, _),
            forward(fleet.remote("web01"), "127.0.0.1", port) as way,
            dial(way) as connection,
        ):
            assert say(connection, b"one") == b"one"
            hosts.stop("web01")
            assert connection.recv(10) == b""
            raise OSError(CLOSED)

    with pytest.raises(ConnectionLostError, match="was lost"):
        work()


def test_an_error_that_has_nothing_to_do_with_the_way_stays_what_it_is(remote: Remote) -> None:
    def work() -> None:
        with echo() as (port, _), forward(remote, "127.0.0.1", port):
            raise OSError(CLOSED)

    with pytest.raises(OSError, match=CLOSED):
        work()


def test_postgresql_is_reached_through_a_bastion(hosts: Hosts) -> None:
    import psycopg

    with (
        server() as database,
        fleet_of(host_of(hosts, "web01")) as fleet,
        forward(fleet.remote("web01"), "127.0.0.1", database.port) as (folder, port),
    ):
        url = database.url()
        connections = [psycopg.connect(url, host=folder, port=port) for _ in range(3)]
        for connection in connections:
            with connection:
                row = connection.execute("SELECT repeat('x', 1000000)").fetchone()
                assert row == ("x" * 1_000_000,)


def test_one_host_is_opened_by_its_ssh_name(hosts: Hosts) -> None:
    text = hosts.toml().replace('"web01", ', "", 1).replace("web01,", "", 1)
    text += '[changelog]\nupstream = "postgresql://db/x"\nvia = "web01"\n'
    config = parse(text, hosts.base / "opskit.toml")
    machine = hosts.host("web01")
    with open_host(config, "web01") as remote:
        assert (remote.name, remote.host.port) == ("web01", machine.port)
        assert remote.execute(Command("pwd")).ok
    with open_host(config, f"somebody@web01:{machine.port}") as remote:
        assert (remote.host.user, remote.host.keys) == ("somebody", (machine.key,))
    with pytest.raises(ConfigError, match="is no host"):
        open_host(config, "no host").__enter__()


def socket_of(database: Server) -> str:
    """Give the path of a database's Unix socket."""
    return f"{database.folder}/.s.PGSQL.{database.port}"


@contextlib.contextmanager
def nobody_listens_any_more(remote: Remote) -> Iterator[None]:
    """Have every new channel of the block lead to a closed port."""
    transport, nowhere = remote.line().transport, free_port()
    real = transport.open_channel

    def elsewhere(kind: str, target: tuple[str, int], *more: object, **options: object) -> object:
        return real(kind, (target[0], nowhere), *more, **options)

    transport.open_channel = elsewhere
    try:
        yield
    finally:
        transport.open_channel = real


def hang_up(way: tuple[str, int]) -> None:
    """Behave like a database's client whose connection ends under it."""
    with dial(way) as connection:
        assert connection.recv(10) == b""
    raise OSError(CLOSED)
