"""Commands on many hosts at once, over real SSH."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from opskit.errors import HostError, UnknownNameError
from opskit.fleet.command import Command
from tests.fleet.opening import all_of, fleet_of, host_of
from tests.support.processes import at_home
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from opskit.fleet.remote import Remote
    from tests.support.hosts import Hosts


def test_a_command_runs_on_every_host_and_answers_by_inventory_name(any_hosts: Hosts) -> None:
    with all_of(any_hosts) as fleet:
        found = {
            o.host: o
            for o in fleet.run(Command("echo $HOME; echo no >&2; exit 3"), any_hosts.names)
        }

    assert set(found) == set(any_hosts.names)
    for name, outcome in found.items():
        assert outcome.error is None
        assert outcome.value is not None
        assert outcome.value.exit == 3
        assert outcome.value.stdout == f"{any_hosts.folder(name)}\n".encode()
        assert outcome.value.stderr == b"no\n"


def test_one_hosts_error_even_a_bug_is_only_its_own(hosts: Hosts) -> None:
    def work(remote: Remote) -> int:
        if remote.name == "web02":
            return 1 // 0
        if remote.name == "web03":
            raise SystemExit(3)
        return len(remote.execute(Command("true")).stdout)

    with all_of(hosts) as fleet:
        found = {outcome.host: outcome for outcome in fleet.each(work, hosts.names)}
    assert (
        str(found["web02"].error) == "web02: ZeroDivisionError: integer division or modulo by zero"
    )
    assert isinstance(found["web02"].error, HostError)
    assert found["web03"].error is not None
    assert (found["web01"].value, found["web04"].value) == (0, 0)


def test_never_more_hosts_at_once_than_allowed(hosts: Hosts) -> None:
    host = host_of(hosts, "web01")
    names = [f"n{number}" for number in range(12)]
    at_once, most, wanted, lock = 0, 0, 5, threading.Lock()

    def work(_remote: Remote) -> None:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        until(lambda: most >= wanted)
        time.sleep(0.05)  # one too many would come now
        with lock:
            at_once -= 1

    with fleet_of(*(replace(host, name=name) for name in names), parallel=5) as fleet:
        assert len(list(fleet.each(work, names))) == 12
        assert most == 5
        most, wanted = 0, 2
        assert len(list(fleet.each(work, names, parallel=2))) == 12
        assert most == 2
        assert list(fleet.each(work, [])) == []


def test_connections_are_kept_between_commands(hosts: Hosts) -> None:
    with all_of(hosts) as fleet:
        first = [fleet.remote(name).execute(Command("echo $PPID")).stdout for name in hosts.names]
        again = {o.host: o.value for o in fleet.run(Command("echo $PPID"), hosts.names)}
    assert [again[name].stdout for name in hosts.names if again[name]] == first


def test_an_unknown_host_is_an_unknown_name(hosts: Hosts) -> None:
    with all_of(hosts) as fleet, pytest.raises(UnknownNameError, match="web0l"):
        list(fleet.run(Command("true"), ["web0l"]))


def test_an_iterator_that_is_dropped_begins_no_more_hosts(hosts: Hosts) -> None:
    host, begun = host_of(hosts, "web01"), []
    names = [f"n{number}" for number in range(30)]

    def work(remote: Remote) -> None:
        begun.append(remote.name)
        time.sleep(0.05)

    with fleet_of(*(replace(host, name=name) for name in names), parallel=2) as fleet:
        outcomes = fleet.each(work, names)
        next(outcomes)
        outcomes.close()
        count = len(begun)
        time.sleep(0.3)
        assert len(begun) <= count + 2


def test_close_waits_for_nobody_and_leaves_no_threads(hosts: Hosts) -> None:
    before = threading.active_count()
    fleet = all_of(hosts)
    outcomes = fleet.run(Command("sleep 300"), hosts.names)
    consumer = threading.Thread(target=list, args=(outcomes,))
    consumer.start()
    until(lambda: len(at_home([hosts.folder(n) for n in hosts.names])) >= 4, what="the commands")
    began = time.monotonic()
    fleet.close()
    assert time.monotonic() - began < 60
    consumer.join(60)
    until(lambda: threading.active_count() <= before, what="the threads to end")


def test_a_ctrl_c_while_waiting_loses_no_outcome_and_leaves_nothing_running(hosts: Hosts) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with all_of(hosts) as fleet:
            outcomes = fleet.run(
                Command("echo up; sleep 300 & sleep 300"), hosts.names, watch=press_once()
            )
            with pytest.raises(KeyboardInterrupt):
                next(outcomes)
            fleet.cancel()
            errors = {outcome.host: str(outcome.error) for outcome in outcomes}
    finally:
        signal.signal(signal.SIGINT, before)
    assert set(errors) == set(hosts.names)
    assert all("cancelled" in error for error in errors.values())
    until(
        lambda: not at_home([hosts.folder(n) for n in hosts.names]), what="no process to be left"
    )


def press_once() -> Callable[[str, str, bytes], None]:
    """Give a watcher that presses Ctrl-C on the first output."""
    pressed = threading.Lock()

    def watch(_host: str, _kind: str, _data: bytes) -> None:
        if pressed.acquire(blocking=False):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    return watch
