"""One command on one host: what it gets, what it says, and how it ends, over real SSH."""

from __future__ import annotations

import hashlib
import os
import random
import secrets
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest

from opskit.config.secret import Redactor, Secret
from opskit.errors import (
    CommandTimeoutError,
    ConnectionLostError,
    HostError,
    HostUnfitError,
    UsageError,
)
from opskit.fleet.command import Command
from tests.fleet.opening import fleet_of, host_of
from tests.support.hosts import login_shell
from tests.support.processes import at_home, kill
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from opskit.fleet.remote import Remote
    from tests.support.hosts import Hosts

ROUNDS = 100 if os.environ.get("OPSKIT_HEAVY") else 4
SHELLS = ("dash", "bash", "tcsh", "fish")
AWKWARD = "a b'c\"d$e`f\\g!h\ni\tj;k&l|m<n>o(p)q{r}s*t?u[v]w~x#y%z=é\u2028€\x01\x7f"


@pytest.fixture
def remote(any_hosts: Hosts) -> Iterator[Remote]:
    with fleet_of(host_of(any_hosts, "web01")) as fleet:
        yield fleet.remote("web01")


def left_on(hosts: Hosts, name: str) -> list[int]:
    return at_home([hosts.folder(name)])


@pytest.mark.parametrize("shell", SHELLS)
def test_every_login_shell_gives_the_same_sh(openssh_hosts: Hosts, shell: str) -> None:
    openssh_hosts.odd("odd", ForceCommand=login_shell(shell))
    with fleet_of(host_of(openssh_hosts, "odd")) as fleet:
        script = (
            f"x={AWKWARD.count('a')}; cat <<'EOT'\n{AWKWARD}\nEOT\nprintf %s \"$V\"; cat; exit 9"
        )
        result = fleet.remote("odd").execute(
            Command(script, env={"V": AWKWARD}, input=b"\0in\xff")
        )
    assert result.stdout == f"{AWKWARD}\n{AWKWARD}".encode() + b"\0in\xff"
    assert (result.exit, result.stderr) == (9, b"")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_command_of_any_login_shell_is_ended_with_its_group(
    openssh_hosts: Hosts, shell: str
) -> None:
    openssh_hosts.odd("odd", ForceCommand=login_shell(shell))
    with fleet_of(host_of(openssh_hosts, "odd")) as fleet:
        with pytest.raises(CommandTimeoutError, match="its processes were ended"):
            fleet.remote("odd").execute(Command("sleep 300 & sleep 300 | cat", timeout=0.5))
        assert not left_on(openssh_hosts, "odd")


def test_what_profiles_say_is_dropped_and_what_the_command_says_is_not(
    openssh_hosts: Hosts,
) -> None:
    noise = "echo welcome; echo motd >&2; yes noise | head -c 100000; "
    openssh_hosts.odd("noisy", ForceCommand=noise + login_shell("bash"))
    with fleet_of(host_of(openssh_hosts, "noisy")) as fleet:
        result = fleet.remote("noisy").execute(Command("echo out; echo err >&2"))
    assert (result.stdout, result.stderr) == (b"out\n", b"err\n")


def test_a_login_that_runs_nothing_says_what_it_said(openssh_hosts: Hosts) -> None:
    openssh_hosts.odd("closed", ForceCommand="echo This account is closed.; exit 1")
    with (
        fleet_of(host_of(openssh_hosts, "closed")) as fleet,
        pytest.raises(HostUnfitError, match="runs no commands") as caught,
    ):
        fleet.remote("closed").execute(Command("true"))
    assert caught.value.output == "This account is closed."


def test_environment_and_script_stand_in_no_process_list(any_hosts: Hosts) -> None:
    name, secret = f"T_{secrets.token_hex(8)}", secrets.token_hex(16)
    with fleet_of(host_of(any_hosts, "web01")) as fleet:
        command = Command(f'ps axww -o args; echo "=${name}="', env={name: Secret(secret)})
        result = fleet.remote("web01").execute(command)
    assert b"printf %b" in result.stdout
    assert name.encode() not in result.stdout
    assert result.stdout.endswith(b"=[redacted]=\n")
    assert secret.encode() not in result.stdout


@pytest.mark.parametrize(
    "env", [{"A B": "x"}, {"1A": "x"}, {"A": "x\0y"}, {"": "x"}, {"A;id": "x"}]
)
def test_an_environment_that_no_shell_could_hold_is_refused(
    remote: Remote, env: dict[str, str]
) -> None:
    with pytest.raises(UsageError):
        remote.execute(Command("true", env=env))


def test_a_large_input_flows_while_output_flows_back(remote: Remote) -> None:
    blocks = [os.urandom(1 << 20) for _ in range(24)]
    asked: list[int] = []

    def source() -> Iterator[bytes]:
        for number, block in enumerate(blocks):
            asked.append(number)
            yield block

    result = remote.execute(Command("tee /dev/stderr | sha256sum", input=source))
    assert result.stdout.split()[0].decode() == hashlib.sha256(b"".join(blocks)).hexdigest()
    assert len(result.stderr) < 2 << 20
    assert result.truncated
    assert result.stderr.startswith(blocks[0][:1000])
    assert result.stderr.endswith(blocks[-1][-1000:])


def test_input_waits_for_a_slow_reader_instead_of_filling_memory(openssh_hosts: Hosts) -> None:
    asked: list[int] = []

    def source() -> Iterator[bytes]:
        for number in range(64):
            asked.append(number)
            yield bytes(1 << 20)

    with fleet_of(host_of(openssh_hosts, "web01")) as fleet:
        work = Command("touch ~/up; sleep 300", input=source, timeout=100)
        outcomes = fleet.run(work, ["web01"])
        ends = threading.Thread(target=list, args=(outcomes,))
        ends.start()
        until((openssh_hosts.folder("web01") / "up").exists, what="the command to run")
        assert len(asked) < 16
        fleet.cancel()
        ends.join(60)
        assert not ends.is_alive()
        assert len(asked) < 16


def test_a_command_that_wants_no_input_is_not_held_by_it(remote: Remote) -> None:
    result = remote.execute(Command("exec true", input=lambda: iter([bytes(1 << 20)] * 8)))
    assert result.ok


def test_an_error_in_our_own_input_ends_the_command_and_is_raised(any_hosts: Hosts) -> None:
    def source() -> Iterator[bytes]:
        yield b"x"
        raise OSError("the archive is gone")

    with fleet_of(host_of(any_hosts, "web01")) as fleet:
        (outcome,) = fleet.run(Command("cat; sleep 300", input=source), ["web01"])
        assert "the archive is gone" in str(outcome.error)
        assert not left_on(any_hosts, "web01")


def test_watch_gets_output_as_it_comes_without_secrets_cut_in_two(any_hosts: Hosts) -> None:
    seen: list[tuple[str, bytes]] = []
    redactor = Redactor((Secret("hunter2-hunter2"),))
    with fleet_of(host_of(any_hosts, "web01"), redactor=redactor) as fleet:
        go = any_hosts.folder("web01") / "go"

        def watch(kind: str, data: bytes) -> None:
            seen.append((kind, data))
            go.touch()

        script = (
            "echo first; until [ -e ~/go ]; do sleep 0.05; done; printf hunter2; sleep 0.3; "
            "echo -hunter2; echo hunter2 alone; printf hunter2-hun"
        )
        result = fleet.remote("web01").execute(Command(script), watch=watch)
    assert seen[0] == ("stdout", b"first\n")
    assert b"".join(data for _, data in seen) == result.stdout
    assert result.stdout == b"first\n[redacted]\nhunter2 alone\nhunter2-hun"


def test_long_output_keeps_its_beginning_and_its_end(remote: Remote) -> None:
    result = remote.execute(Command("seq 1 1000000"))
    assert result.truncated
    assert result.stdout.startswith(b"1\n2\n")
    assert result.stdout.endswith(b"999999\n1000000\n")
    assert b"[opskit: output cut here]" in result.stdout
    assert len(result.stdout) < 1_200_000


def test_a_daemon_left_behind_does_not_hold_the_command(any_hosts: Hosts) -> None:
    with fleet_of(host_of(any_hosts, "web01")) as fleet:
        began = time.monotonic()
        result = fleet.remote("web01").execute(Command("nohup sleep 600 & echo started; exit 4"))
        assert (result.exit, result.stdout) == (4, b"started\n")
        assert time.monotonic() - began < 60
        assert left_on(any_hosts, "web01"), "the daemon lives on"


def test_a_command_that_closes_its_output_is_waited_for(remote: Remote) -> None:
    assert remote.execute(Command("exec >&- 2>&-; sleep 1; exit 5")).exit == 5


def test_a_group_that_ignores_term_is_killed(any_hosts: Hosts) -> None:
    script = "trap '' TERM HUP INT; echo up; (trap '' TERM; sleep 300) & sleep 300; sleep 300"
    with fleet_of(host_of(any_hosts, "web01")) as fleet:
        with pytest.raises(
            CommandTimeoutError, match="within 2 s; its processes were ended"
        ) as caught:
            fleet.remote("web01").execute(Command(script, timeout=2))
        assert caught.value.output == "up"
        assert not left_on(any_hosts, "web01")
        assert fleet.remote("web01").execute(Command("echo again")).ok, (
            "the connection still serves"
        )


def test_a_group_is_ended_where_only_one_session_is_allowed(openssh_hosts: Hosts) -> None:
    openssh_hosts.odd("one", MaxSessions="1")
    with fleet_of(host_of(openssh_hosts, "one")) as fleet:
        with pytest.raises(CommandTimeoutError, match="its processes were ended"):
            fleet.remote("one").execute(Command("sleep 300 & sleep 300", timeout=0.5))
        assert not left_on(openssh_hosts, "one")
        assert fleet.remote("one").execute(Command("true")).ok


def test_cancel_ends_everything_at_once_and_resume_allows_more(any_hosts: Hosts) -> None:
    names = ["web01", "web02", "web03"]
    with fleet_of(*(host_of(any_hosts, name) for name in names)) as fleet:
        up = threading.Semaphore(0)
        outcomes = fleet.run(
            Command("echo up; sleep 300 & sleep 300"), names, watch=lambda *_: up.release()
        )
        found: list[str] = []
        consumer = threading.Thread(target=lambda: found.extend(str(o.error) for o in outcomes))
        consumer.start()
        for _ in names:
            assert up.acquire(timeout=60)
        fleet.cancel()
        consumer.join(60)
        assert sorted(found) == [f"{name}: cancelled; its processes were ended" for name in names]
        assert not any(left_on(any_hosts, name) for name in names)
        with pytest.raises(HostError, match="cancelled before it began"):
            fleet.remote("web01").execute(Command("true"))
        fleet.resume()
        assert fleet.remote("web01").execute(Command("true")).ok


@pytest.mark.parametrize("sessions", ["10", "1"])
def test_cancel_at_any_moment_leaves_nothing_running(
    openssh_hosts: Hosts, tmp_path: Path, sessions: str
) -> None:
    openssh_hosts.odd("odd", MaxSessions=sessions)
    tasks = tmp_path / "tasks.py"
    tasks.write_text("from fabric import task\n@task\ndef long(c):\n    c.run('sleep 300')\n")
    seed = random.randrange(1000)
    print(f"seed {seed}")
    dice = random.Random(seed)
    told = ("odd: cancelled before it began", "odd: cancelled; its processes were ended")
    works: list[Callable[[Remote], object]] = [
        lambda remote: remote.execute(Command("sleep 300")),
        lambda remote: remote.run_task(tasks, "long", {}),
    ]
    with fleet_of(host_of(openssh_hosts, "odd")) as fleet:
        for number in range(ROUNDS):
            outcomes = fleet.each(works[number % 2], ["odd"])
            time.sleep(dice.uniform(0, 0.2))
            fleet.cancel()
            (outcome,) = outcomes
            assert str(outcome.error) in told, outcome.error
            until(lambda: not left_on(openssh_hosts, "odd"), what="no process to be left")
            fleet.resume()


def test_a_server_that_dies_under_a_command_is_a_lost_connection(any_hosts: Hosts) -> None:
    with fleet_of(host_of(any_hosts, "web01")) as fleet:

        def work(remote: Remote) -> None:
            remote.execute(Command("echo up; sleep 300"), watch=lambda *_: any_hosts.stop("web01"))

        (outcome,) = fleet.each(work, ["web01"])
        assert isinstance(outcome.error, ConnectionLostError)
        assert "how the command ended is not known" in outcome.error.what
        any_hosts.start("web01")
        assert fleet.remote("web01").execute(Command("true")).ok, "it connects anew"


def test_a_server_that_stands_still_is_given_up_after_three_keepalives(
    openssh_hosts: Hosts,
) -> None:
    with fleet_of(host_of(openssh_hosts, "web01"), keepalive=0.4) as fleet:
        stopped: list[int] = []

        def freeze(_kind: str, data: bytes) -> None:
            if not stopped:
                stopped.append(int(data))
                subprocess.run(["kill", "-STOP", data.strip()], check=True)

        began = time.monotonic()
        with pytest.raises(ConnectionLostError):
            fleet.remote("web01").execute(Command("echo $PPID; sleep 300"), watch=freeze)
        assert time.monotonic() - began < 60
        kill(stopped)


def test_a_quiet_command_on_a_living_host_is_not_given_up(any_hosts: Hosts) -> None:
    with fleet_of(host_of(any_hosts, "web01"), keepalive=1.0) as fleet:
        assert fleet.remote("web01").execute(Command("sleep 4; echo done")).stdout == b"done\n"


def test_a_shell_killed_on_the_host_has_no_exit_status(any_hosts: Hosts) -> None:
    with fleet_of(host_of(any_hosts, "web01")) as fleet:
        result = fleet.remote("web01").execute(Command("echo up; kill -KILL $$"))
    assert (result.ok, result.stdout) == (False, b"up\n")


def test_a_watcher_that_fails_leaves_nothing_running(any_hosts: Hosts) -> None:
    def watch(_kind: str, _data: bytes) -> None:
        raise ZeroDivisionError

    with fleet_of(host_of(any_hosts, "web01")) as fleet:
        with pytest.raises(ZeroDivisionError):
            fleet.remote("web01").execute(Command("echo up; sleep 300 & sleep 300"), watch=watch)
        assert not left_on(any_hosts, "web01")


def test_a_connection_that_died_between_two_commands_is_made_anew(any_hosts: Hosts) -> None:
    with fleet_of(host_of(any_hosts, "web01")) as fleet:
        assert fleet.remote("web01").execute(Command("true")).ok
        any_hosts.restart("web01")
        assert fleet.remote("web01").execute(Command("true")).ok
