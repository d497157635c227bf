"""A host that goes away in the midst of things: it is waited for, asked again, and what was left running there is ended."""

from __future__ import annotations

import io
import subprocess
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from opskit.errors import ConnectionLostError, HostUnfitError, UnreachableError
from opskit.fleet.command import Command
from tests.fleet.opening import fleet_of, host_of
from tests.support.processes import at_home
from tests.support.proxy import proxied
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.fleet.remote import Remote
    from tests.support.hosts import Hosts
    from tests.support.proxy import Proxy


@contextmanager
def on_a_thread(remote: Remote, command: Command) -> Iterator[list[object]]:
    """Run a command beside the block; gives a list that gets what came of it."""
    came: list[object] = []

    def work() -> None:
        try:
            came.append(remote.execute(command))
        except BaseException as error:
            came.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    yield came
    thread.join(100)


@pytest.fixture
def shaky(hosts: Hosts) -> Iterator[tuple[Remote, Proxy]]:
    """A host behind a proxy, which it is known by."""
    machine = hosts.host("web01")
    with proxied(machine.port) as proxy:
        known = hosts.base / "known_hosts.shaky"
        key = " ".join(machine.public_key.split()[:2])
        known.write_text(f"[127.0.0.1]:{proxy.port} {key}\n")
        with fleet_of(host_of(hosts, "web01", port=proxy.port, known_hosts=(known,))) as fleet:
            yield fleet.remote("web01"), proxy


def test_a_host_that_is_started_anew_is_waited_for(hosts: Hosts) -> None:
    with fleet_of(host_of(hosts, "web01"), connect_timeout=60.0) as fleet:
        remote = fleet.remote("web01")
        assert remote.execute(Command("true")).ok
        hosts.stop("web01")
        with on_a_thread(remote, Command("echo back")) as came:
            time.sleep(0.5)  # the time that it is away
            hosts.start("web01")
        assert getattr(came[0], "stdout", came) == b"back\n"


def test_a_host_that_does_not_come_back_is_waited_for_once(hosts: Hosts) -> None:
    with fleet_of(host_of(hosts, "web01"), connect_timeout=3.0) as fleet:
        remote = fleet.remote("web01")
        assert remote.execute(Command("true")).ok
        hosts.stop("web01")
        seconds = []
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(UnreachableError, match="refused the connection"):
                remote.execute(Command("true"))
            seconds.append(time.monotonic() - began)
        assert seconds[0] > 0.5
        assert min(seconds[1:]) < seconds[0] / 2
        hosts.start("web01")
        assert remote.execute(Command("true")).ok


def test_a_host_that_was_never_there_is_not_waited_for(hosts: Hosts) -> None:
    hosts.stop("web01")
    with fleet_of(host_of(hosts, "web01"), connect_timeout=60.0) as fleet:
        began = time.monotonic()
        with pytest.raises(UnreachableError, match="refused the connection"):
            fleet.remote("web01").execute(Command("true"))
        assert time.monotonic() - began < 30


def test_what_does_no_harm_twice_is_run_again_when_its_connection_is_lost(
    shaky: tuple[Remote, Proxy], hosts: Hosts
) -> None:
    remote, proxy = shaky
    runs = hosts.folder("web01") / "runs"
    script = f"echo >>{runs}; while [ $(wc -l <{runs}) -lt 2 ]; do sleep 0.05; done; echo done"
    for twice in (True, False):
        runs.unlink(missing_ok=True)
        with on_a_thread(remote, Command(script, twice=twice)) as came:
            until(runs.exists)
            proxy.reset()
        if twice:
            assert getattr(came[0], "stdout", came) == b"done\n"
        else:
            assert isinstance(came[0], ConnectionLostError)


def test_what_a_lost_connection_left_running_is_ended_before_anything_else(
    shaky: tuple[Remote, Proxy], hosts: Hosts
) -> None:
    remote, proxy = shaky
    home = hosts.folder("web01")
    with pytest.raises(ConnectionLostError):
        remote.execute(Command('trap "" HUP; echo up; sleep 300'), watch=lambda *_: proxy.reset())
    assert at_home([home]), "it runs on, unseen"
    assert remote.execute(Command("true")).ok
    until(lambda: not at_home([home]), what="it to end")


def test_a_process_of_somebody_else_with_that_number_is_left_alone(
    shaky: tuple[Remote, Proxy],
) -> None:
    remote, proxy = shaky
    stranger = subprocess.Popen(["sleep", "300"], start_new_session=True)
    assert remote.execute(Command("true")).ok
    remote.leave_behind(stranger.pid)
    proxy.reset()
    until(lambda: not remote._lines._line or not remote._lines._line.transport.alive)
    assert remote.execute(Command("true")).ok
    assert not remote._lines._left
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


class Breaks(io.StringIO):
    """Where a task's output is shown, which has the connection reset as soon as there is some."""

    def __init__(self, proxy: Proxy) -> None:
        super().__init__()
        self._proxy = proxy

    def write(self, text: str) -> int:
        self._proxy.reset()
        return super().write(text)


@pytest.mark.parametrize("pty", [False, True])
def test_what_a_task_left_running_is_ended_too(
    shaky: tuple[Remote, Proxy], hosts: Hosts, pty: bool
) -> None:
    remote, proxy = shaky
    home = hosts.folder("web01")
    with pytest.raises(ConnectionLostError):
        remote.connection.run(
            'trap "" HUP; echo up; while :; do sleep 1; done', pty=pty, out_stream=Breaks(proxy)
        )
    assert at_home([home]), "it runs on, unseen"
    assert remote.execute(Command("true")).ok
    until(lambda: not at_home([home]), what="the task to end")


def test_a_host_with_one_session_only_takes_two_commands_at_once(openssh_hosts: Hosts) -> None:
    openssh_hosts.odd("one", MaxSessions="1")
    home = openssh_hosts.folder("one")
    with fleet_of(host_of(openssh_hosts, "one")) as fleet:
        remote = fleet.remote("one")
        wait = 'touch "$HOME/up"; while [ ! -e "$HOME/go" ]; do sleep 0.05; done; echo first'
        with on_a_thread(remote, Command(wait)) as came:
            until((home / "up").exists)
            assert remote.execute(Command('touch "$HOME/go"; echo second')).stdout == b"second\n"
        assert getattr(came[0], "stdout", came) == b"first\n"
        assert remote.execute(Command("echo third")).stdout == b"third\n"
    until(lambda: not at_home([home]), what="both connections to be gone")


def test_a_host_with_no_session_at_all_says_so(openssh_hosts: Hosts) -> None:
    openssh_hosts.odd("none", MaxSessions="0")
    refused = pytest.raises(HostUnfitError, match="opens no more sessions")
    with fleet_of(host_of(openssh_hosts, "none")) as fleet, refused:
        fleet.remote("none").execute(Command("true"))
