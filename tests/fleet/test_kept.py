"""Scripts of our own go to one shell that is kept open on a host, and none of them is the worse for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.config.secret import Secret
from opskit.errors import CommandTimeoutError, ConnectionLostError, HostError, UsageError
from opskit.fleet import bootstrap
from opskit.fleet.command import Command
from opskit.fleet.kept import Postamble, suits
from tests.fleet.opening import fleet_of, host_of
from tests.fleet.test_bootstrap import SHELLS, run_line
from tests.fleet.test_coming_back import on_a_thread, shaky
from tests.support.processes import at_home
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.fleet.remote import Remote
    from tests.support.hosts import Hosts
    from tests.support.proxy import Proxy

__all__ = ["shaky"]


@pytest.fixture
def remote(any_hosts: Hosts) -> Iterator[Remote]:
    with fleet_of(host_of(any_hosts, "web01")) as fleet:
        yield fleet.remote("web01")


def ours(script: str, **keys: object) -> Command:
    return Command(script, twice=True, **keys)  # type: ignore[arg-type]


def test_scripts_of_ours_share_a_shell_and_others_have_their_own(remote: Remote) -> None:
    said = [remote.execute(ours("echo $$")).stdout for _ in range(3)]
    assert len(set(said)) == 1
    assert remote.execute(Command("echo $$")).stdout != said[0]
    assert remote.execute(ours("echo $$")).stdout == said[0], "and it is still there"


def test_nothing_of_a_script_is_left_to_the_next(remote: Remote) -> None:
    env = {"LEFT": "x", "HIDDEN": Secret("sesame")}
    first = 'set -eu; umask 077; cd /; left=1; f() { :; }; trap "echo bye" EXIT; exec 3>&1; exit 7'
    done = remote.execute(ours(first, env=env))
    assert (done.exit, done.stdout) == (7, b"bye\n")
    look = 'echo "$-" | grep -c e; umask; pwd; echo "${left-none} ${LEFT-none} ${HIDDEN-none} ${s-none}"; f'
    done = remote.execute(ours(look))
    there = remote.execute(Command("umask; pwd")).text
    assert done.text == f"0\n{there}none none none none\n"
    assert (done.exit, b"f: " in done.stderr) == (127, True)


def test_output_and_status_are_as_they_would_be_elsewhere(remote: Remote) -> None:
    scripts = (
        "printf 'no newline'; printf 'nor here' >&2; exit 3",
        "printf '\\0\\377\\n\\n'; exec sh -c 'exit 9'",
        "seq 1 20000; seq 1 20000 >&2",
        "cat; echo \"$?\"",
        "false",
    )  # fmt: skip
    for script in scripts:
        there = remote.execute(Command(script))
        here = remote.execute(ours(script))
        assert (here.exit, here.stdout, here.stderr) == (there.exit, there.stdout, there.stderr)
        assert (here.host, here.truncated) == (there.host, there.truncated)


def test_lines_that_are_given_come_in_and_no_more(remote: Remote) -> None:
    script = 'IFS= read -r a; IFS= read -r b; printf "%s|%s|" "$a" "$b"; cat'
    for data in (b"one\n", b"it's \\n $HOME\n-n\nthird\n"):
        there = remote.execute(Command(script, input=data))
        assert remote.execute(ours(script, input=data)).stdout == there.stdout


def test_what_it_cannot_take_goes_elsewhere() -> None:
    elsewhere = (
        Command("true"),
        Command("true", twice=True, sudo="root"),
        Command("true", twice=True, input=lambda: [b"x"]),
        Command("true", twice=True, input=b"no end of a line"),
        Command("true", twice=True, input=b"\0\n"),
        Command("true", twice=True, input=b"x" * 100_000 + b"\n"),
        Command("#" * 100_000, twice=True),
    )
    assert not any(map(suits, elsewhere))


def test_a_nul_is_refused_and_the_next_script_runs(remote: Remote) -> None:
    with pytest.raises(UsageError, match="NUL"):
        remote.execute(ours("echo \0"))
    assert remote.execute(ours("echo here")).stdout == b"here\n"


def test_two_at_once_do_not_wait_for_each_other(remote: Remote, any_hosts: Hosts) -> None:
    home = any_hosts.folder("web01")
    wait = 'touch "$HOME/up"; while [ ! -e "$HOME/go" ]; do sleep 0.05; done; echo first'
    with on_a_thread(remote, ours(wait)) as came:
        until((home / "up").exists)
        assert remote.execute(ours('touch "$HOME/go"; echo second')).stdout == b"second\n"
    assert getattr(came[0], "stdout", came) == b"first\n"


def test_one_that_takes_too_long_is_ended_with_all_that_it_began(
    remote: Remote, any_hosts: Hosts
) -> None:
    home = any_hosts.folder("web01")
    assert remote.execute(ours("true")).ok
    script = "trap '' TERM; echo up; (trap '' TERM; sleep 300) & sleep 300; sleep 300"
    with pytest.raises(CommandTimeoutError, match="its processes were ended") as caught:
        remote.execute(ours(script, timeout=2))
    assert caught.value.output == "up"
    assert not at_home([home])
    assert remote.execute(ours("echo again")).stdout == b"again\n"


def test_a_shell_that_somebody_ends_is_not_missed(remote: Remote) -> None:
    kill = "kill -s KILL {pid}; while kill -s 0 {pid} 2>/dev/null; do sleep 0.05; done"
    pid = remote.execute(ours("echo $$")).text.strip()
    remote.execute(Command(kill.format(pid=pid)))
    assert remote.execute(ours("echo here")).stdout == b"here\n"


def test_a_script_whose_shell_is_ended_amid_it_is_run_again_elsewhere(remote: Remote) -> None:
    count = 'echo >>"$HOME/tries"; [ $(wc -l <"$HOME/tries") -gt 1 ]'
    assert remote.execute(ours(f"{count} || kill -s KILL $$; echo done")).stdout == b"done\n"
    assert remote.execute(Command('cat "$HOME/tries"')).stdout == b"\n\n"


def test_one_whose_connection_is_lost_is_ended_and_run_again(
    shaky: tuple[Remote, Proxy], hosts: Hosts
) -> None:
    remote, proxy = shaky
    home = hosts.folder("web01")
    assert remote.execute(ours("true")).ok
    script = '[ -e "$HOME/was" ] && echo done || { touch "$HOME/was"; sleep 300; }'
    with on_a_thread(remote, ours(script)) as came:
        until((home / "was").exists)
        proxy.reset()
    assert getattr(came[0], "stdout", came) == b"done\n"
    until(lambda: len(at_home([home])) <= 1, what="the first to end")


def test_a_connection_that_dies_at_any_moment_loses_no_script(
    shaky: tuple[Remote, Proxy], hosts: Hosts
) -> None:
    remote, proxy = shaky
    for number in range(12):
        assert remote.execute(ours("true")).ok
        timer = threading.Timer(number * 0.002, proxy.reset)
        timer.start()
        done = remote.execute(ours(f"echo {number}"))
        timer.join()
        assert done.text == f"{number}\n"


def test_a_cancelled_one_is_ended(any_hosts: Hosts) -> None:
    home = any_hosts.folder("web01")
    with fleet_of(host_of(any_hosts, "web01")) as fleet:
        remote = fleet.remote("web01")
        assert remote.execute(ours("true")).ok
        with on_a_thread(remote, ours('touch "$HOME/up"; sleep 300')) as came:
            until((home / "up").exists)
            fleet.cancel()
        assert isinstance(came[0], HostError)
        assert "cancelled; its processes were ended" in str(came[0])
        fleet.resume()
        assert remote.execute(ours("echo on")).stdout == b"on\n"


def test_where_one_session_is_all_others_get_it(openssh_hosts: Hosts) -> None:
    openssh_hosts.odd("one", MaxSessions="1")
    with fleet_of(host_of(openssh_hosts, "one")) as fleet:
        remote = fleet.remote("one")
        first = remote.execute(ours('echo "$SSH_CONNECTION"')).stdout
        assert remote.execute(Command('echo "$SSH_CONNECTION"')).stdout == first, "one connection"
        assert remote.execute(ours('echo "$SSH_CONNECTION"')).stdout == first
        assert remote.connection.run('echo "$SSH_CONNECTION"').stdout.encode() == first


def test_a_task_gets_the_session_of_the_kept_shell(openssh_hosts: Hosts) -> None:
    openssh_hosts.odd("one", MaxSessions="1")
    with fleet_of(host_of(openssh_hosts, "one")) as fleet:
        remote = fleet.remote("one")
        assert remote.execute(ours("true")).ok
        assert remote.connection.run("echo task").stdout == "task\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_takes_turns(shell: str) -> None:
    if shell == "busybox":
        shell = "busybox sh"
    lines = [bootstrap.encode(bootstrap.KEEP)]
    scripts = ("set -eu; x=1; false; echo no", "cat; echo ${x-none}", "exit 4", "echo end >&2")
    for number, script in enumerate(scripts):
        given = "it's\nme\n" if number == 1 else ""
        lines.append(bootstrap.encode(bootstrap.turn(script, {}, f"m{number}", given=given)))
    done = run_line(b"".join(lines), shell=shell)
    assert done.stdout == b"m0 1\nit's\nme\nnone\nm1 0\nm2 4\nm3 0\n"
    assert done.stderr == b"m0\nm1\nm2\nend\nm3\n"
    half = run_line(lines[0] + lines[3][:-1], shell=shell)
    assert half.stdout == b"", "half a line is not run"


@given(
    st.binary(max_size=40),
    st.integers(0, 255),
    st.lists(st.integers(1, 9), max_size=60),
    st.sampled_from([b"", b"opskit-12", b"opskit-1\nopskit-1", b"\n"]),
)
def test_the_end_is_found_however_it_is_cut(
    said: bytes, status: int, cuts: list[int], nearly: bytes
) -> None:
    mark = "opskit-1234"
    said += nearly
    data, end, out = said + f"{mark} {status}\n".encode(), Postamble(mark), b""
    for size in [*cuts, len(data)]:
        out += end.feed(data[:size])
        data = data[size:]
    assert (out, end.found, end.status) == (said, True, status)


@pytest.mark.parametrize(
    "lie", [b"opskit-1 x\n", b"opskit-1 99999999999999\n", b"opskit-1 " + b"9" * 99]
)
def test_an_end_that_says_nothing_of_use_is_an_end(lie: bytes) -> None:
    end = Postamble("opskit-1")
    assert (end.feed(b"said" + lie), end.found, end.status, end.held) == (b"said", True, -1, b"")


def test_no_secret_stands_in_a_process_list(remote: Remote) -> None:
    script = "for i in 1 2 3; do ps -ef; ps -A -o args; done; sleep 0"
    done = remote.execute(
        ours(script, env={"WORD": Secret("open-sesame-1")}, input=b"open-barley-2\n")
    )
    assert b"sesame" not in done.stdout
    assert b"barley" not in done.stdout


def test_the_connection_is_asked_anew_only_once(shaky: tuple[Remote, Proxy]) -> None:
    remote, proxy = shaky
    with pytest.raises(ConnectionLostError):
        remote.execute(ours("echo up; sleep 300"), watch=lambda *_: proxy.reset())
