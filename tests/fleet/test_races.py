"""Threads that share a host, a connection or a fleet meet at the worst moment, put there one after the other."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

import pytest

from opskit.config.secret import Secret
from opskit.errors import ConnectionLostError, HostError
from opskit.fleet.command import Command
from opskit.fleet.kept import Kept
from opskit.fleet.running import Running
from tests.fleet.opening import fleet_of, host_of
from tests.fleet.test_coming_back import on_a_thread, shaky
from tests.fleet.test_jump import behind
from tests.fleet.test_kept import ours
from tests.support.processes import at_home
from tests.support.waiting import until

if TYPE_CHECKING:
    from opskit.fleet.remote import Remote
    from opskit.fleet.wire import Wire
    from tests.support.hosts import Hosts
    from tests.support.proxy import Proxy

__all__ = ["shaky"]

STAYS = 'trap "" HUP; echo up; sleep 300'


def test_what_two_threads_left_running_behind_one_connection_is_ended_both(
    shaky: tuple[Remote, Proxy], hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote, proxy = shaky
    home = hosts.folder("web01")
    assert remote.execute(Command("true")).ok
    told, both, lost = remote.leave_behind, threading.Barrier(2), list[BaseException]()

    def together(pid: int) -> None:
        told(pid)
        both.wait(20)

    def work() -> None:
        try:
            remote.execute(Command(STAYS), watch=lambda *_: both.wait(20) or proxy.reset())
        except ConnectionLostError as error:
            lost.append(error)

    monkeypatch.setattr(remote, "leave_behind", together)
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(lost) == 2
    assert at_home([home]), "they run on, unseen"
    assert remote.execute(Command("true")).ok
    until(lambda: not at_home([home]), what="both to end")


def test_what_is_told_of_late_when_another_thread_has_connected_anew_is_ended_all_the_same(
    shaky: tuple[Remote, Proxy], hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote, proxy = shaky
    home = hosts.folder("web01")
    told = remote.leave_behind

    def late(pid: int) -> None:
        monkeypatch.undo()
        assert remote.execute(Command("true")).ok, "as the renewal of the lock does"
        told(pid)

    monkeypatch.setattr(remote, "leave_behind", late)
    with pytest.raises(ConnectionLostError):
        remote.execute(Command(STAYS), watch=lambda *_: proxy.reset())
    assert at_home([home]), "it runs on, unseen"
    assert remote.execute(Command("true")).ok
    until(lambda: not at_home([home]), what="it to end")


def test_who_resumes_has_waited_for_all_that_cancels() -> None:
    running, free, calls, cut = Running(), threading.Event(), list[int](), list[str]()

    def interrupt() -> None:
        calls.append(1)
        if len(calls) == 1:
            free.wait(20)

    with running.register(interrupt):
        running.cancel(lambda: cut.append("first"))
        until(lambda: len(calls) == 1)
        running.cancel(lambda: cut.append("second"))
        until(lambda: cut == ["second"])
        threading.Timer(0.2, free.set).start()
        running.resume()
        assert cut == ["second", "first"], "a connection of what comes next would be cut"
        assert not running.cancelled


def test_what_was_cancelled_says_so_though_others_may_work_again(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = hosts.folder("web01")
    with fleet_of(host_of(hosts, "web01")) as fleet:
        remote = fleet.remote("web01")
        ended = remote._ended

        def resumed_before(*given: object) -> Exception:
            fleet.resume()
            return ended(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(remote, "_ended", resumed_before)
        with on_a_thread(remote, Command('touch "$HOME/up"; sleep 300')) as came:
            until((home / "up").exists)
            fleet.cancel()
    assert "cancelled; its processes were ended" in str(came[0])


def test_a_task_waits_for_the_script_that_has_the_only_session(openssh_hosts: Hosts) -> None:
    openssh_hosts.odd("one", MaxSessions="1")
    home = openssh_hosts.folder("one")
    with fleet_of(host_of(openssh_hosts, "one")) as fleet:
        remote = fleet.remote("one")
        script = 'touch "$HOME/up"; while [ ! -e "$HOME/go" ]; do sleep 0.02; done'
        with on_a_thread(remote, ours(script)) as came:
            until((home / "up").exists)
            threading.Timer(1.0, (home / "go").touch).start()
            assert remote.connection.run("echo task").stdout == "task\n"
        assert getattr(came[0], "ok", came)
        assert remote.execute(ours("true")).ok


def test_who_waits_for_a_shell_to_end_is_told_when_its_last_script_has_ended_it() -> None:
    kept = Kept(cast("Any", None))
    kept.busy.acquire()
    ends: list[bool] = []
    waiting = threading.Thread(target=lambda: ends.append(kept.dismiss(60)))
    waiting.start()
    until(lambda: kept._dismissed)
    kept.release()
    until(lambda: ends, within=30, what="the end to be noticed")
    assert ends == [True]


def test_a_shell_that_somebody_wants_gone_amid_a_script_goes_when_that_has_ended(
    hosts: Hosts,
) -> None:
    home = hosts.folder("web01")
    with fleet_of(host_of(hosts, "web01")) as fleet:
        remote = fleet.remote("web01")
        script = 'touch "$HOME/up"; while [ ! -e "$HOME/go" ]; do sleep 0.02; done'
        with on_a_thread(remote, ours(script)):
            until((home / "up").exists)
            kept = remote._lines._kept
            assert not remote._lines.let_go()
            (home / "go").touch()
        assert kept
        assert kept.is_over, "it would hold its session for as long as the connection lasts"


def test_a_jump_host_that_was_not_reached_because_of_a_cancel_is_called_again(
    openssh_hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fleet_of(*behind(openssh_hosts, "web02", count=1)) as fleet:
        keep = fleet._dialer._keep

        def cancelled(wire: Wire) -> None:
            keep(wire)
            monkeypatch.undo()
            fleet.cancel()
            until(lambda: wire.closed)

        monkeypatch.setattr(fleet._dialer, "_keep", cancelled)
        with pytest.raises(HostError, match="cancelled"):
            fleet.remote("n0").execute(Command("true"))
        fleet.resume()
        assert fleet.remote("n0").execute(Command("true")).ok, "what runs there is asked now"


def test_fleets_apart_are_cancelled_and_resumed_apart(hosts: Hosts) -> None:
    with fleet_of(host_of(hosts, "web01")) as fleet:
        with fleet.apart() as other:
            fleet.vault.entrust(Secret("sesame open"), "web01", "root")
            fleet.cancel()
            assert other.remote("web01").execute(Command("true")).ok
            other.cancel()
            other.resume()
            with pytest.raises(HostError, match="cancelled before it began"):
                fleet.remote("web01").execute(Command("true"))
        fleet.resume()
        assert fleet.remote("web01").execute(Command("true")).ok
        assert fleet.vault.password_for("web01", "root"), "it is still known"
