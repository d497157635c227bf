"""A Unix socket of a host is asked through SSH: one question, one answer, bounded in size and time."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.config.secret import Redactor, Secret
from opskit.errors import HostError, HostUnfitError
from tests.fleet.opening import fleet_of, host_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.fleet.remote import Remote
    from tests.support.hosts import Hosts


@contextlib.contextmanager
def answering(answer: bytes, *, ends: bool = True) -> Iterator[tuple[str, list[bytes]]]:
    """Give a socket that takes a line, answers so, and ends; and what it was asked."""
    asked: list[bytes] = []
    over = threading.Event()

    def serve(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                wire, _ = server.accept()
                with wire, contextlib.suppress(OSError):
                    asked.append(wire.makefile("rb").readline())
                    wire.sendall(answer)
                    if not ends:
                        over.wait(100)

    with tempfile.TemporaryDirectory(prefix="opskit-ask-") as folder:
        path = Path(folder) / "s"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            server.listen()
            thread = threading.Thread(target=serve, args=(server,), daemon=True)
            thread.start()
            try:
                yield str(path), asked
            finally:
                over.set()
                server.shutdown(socket.SHUT_RDWR)
                thread.join(60)


@pytest.fixture
def remote(openssh_hosts: Hosts) -> Iterator[Remote]:
    redactor = Redactor([Secret("s3cret-of-mine")])
    with fleet_of(host_of(openssh_hosts, "web01"), redactor=redactor) as fleet:
        yield fleet.remote("web01")


def test_what_is_said_arrives_and_the_whole_answer_comes_back(remote: Remote) -> None:
    big = b"# pxname\n" + b"x" * 300_000
    with answering(big) as (path, asked):
        for _ in range(20):
            assert remote.ask_socket(path, b"show stat\n", timeout=60, most=10**6) == big
        assert asked == [b"show stat\n"] * 20


def test_an_answer_is_bounded_in_size_and_time(remote: Remote) -> None:
    with answering(b"x" * 5000) as (path, _):
        with pytest.raises(HostError, match="longer than 4999 bytes"):
            remote.ask_socket(path, b"?\n", timeout=60, most=4999)
        assert len(remote.ask_socket(path, b"?\n", timeout=60, most=5000)) == 5000
    with answering(b"wait", ends=False) as (path, _):
        began = time.monotonic()
        with pytest.raises(HostError, match=r"did not end its answer within 2 s"):
            remote.ask_socket(path, b"?\n", timeout=2, most=100)
        assert time.monotonic() - began < 60


def test_no_socket_there_is_a_host_error(remote: Remote) -> None:
    with pytest.raises(HostError, match="/nowhere/s: connection failed"):
        remote.ask_socket("/nowhere/s", b"?\n", timeout=60, most=100)


def test_a_host_that_forwards_none_says_so(openssh_hosts: Hosts) -> None:
    openssh_hosts.odd("shut", AllowStreamLocalForwarding="no")
    with answering(b"ok") as (path, _), fleet_of(host_of(openssh_hosts, "shut")) as fleet:
        with pytest.raises(HostError) as caught:
            fleet.remote("shut").ask_socket(path, b"?\n", timeout=60, most=100)
        assert isinstance(caught.value, HostUnfitError) or "connection failed" in str(caught.value)


def test_half_an_answer_of_a_fleet_that_is_cancelled_is_none(openssh_hosts: Hosts) -> None:
    with (
        answering(b"half", ends=False) as (path, asked),
        fleet_of(host_of(openssh_hosts, "web01")) as fleet,
    ):
        work = fleet.each(
            lambda remote: remote.ask_socket(path, b"?\n", timeout=60, most=100), ["web01"]
        )
        while not asked:
            time.sleep(0.01)
        fleet.cancel()
        (outcome,) = work
        assert "cancelled" in str(outcome.error)


def test_a_secret_in_an_answer_is_not_shown(remote: Remote) -> None:
    with answering(b"key s3cret-of-mine end") as (path, _):
        assert b"s3cret" not in remote.ask_socket(path, b"?\n", timeout=60, most=100)
