"""Fabric tasks on real hosts: what they may do, what is shown, and what their failures say."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from opskit.config.secret import Secret
from opskit.errors import (
    CommandFailedError,
    CommandTimeoutError,
    ConfigError,
    HostError,
    HostUnfitError,
    UnknownNameError,
    UsageError,
)
from opskit.fleet.tasks import list_tasks
from tests.fleet.opening import all_of, fleet_of, host_of
from tests.support.processes import at_home
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from opskit.fleet.remote import Remote
    from tests.support.hosts import Hosts

HEAD = "from fabric import task\nimport invoke\n"


@pytest.fixture
def remote(any_hosts: Hosts) -> Iterator[Remote]:
    with fleet_of(host_of(any_hosts, "web01")) as fleet:
        yield fleet.remote("web01")


@pytest.fixture
def tasks(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "tasks.py"
        path.write_text(HEAD + text)
        return path

    return write


def test_a_task_runs_on_the_host_with_its_arguments_and_environment(
    remote: Remote, tasks: Callable[[str], Path]
) -> None:
    path = tasks(
        "@task\n"
        "def hello(c, name, times=1):\n"
        "    r = c.run(f'echo {name} {times} $TOKEN; echo oops >&2')\n"
        '    assert r.stdout.strip().endswith("it\'s a $(secret)")\n'
        "    print('printed')\n"
    )
    seen: list[tuple[str, bytes]] = []
    result = remote.run_task(
        path,
        "hello",
        {"name": "bob", "times": "3"},
        env={"TOKEN": Secret("it's a $(secret)")},
        watch=lambda kind, data: seen.append((kind, data)),
    )
    assert result.stdout == b"bob 3 [redacted]\nprinted\n"
    assert result.stderr == b"oops\n"
    assert b"".join(data for kind, data in seen if kind == "stdout") == result.stdout


def test_cd_prefix_local_and_hide_work(remote: Remote, tasks: Callable[[str], Path]) -> None:
    path = tasks(
        "@task\n"
        "def all_of_it(c):\n"
        "    c.run('mkdir -p ~/deep/er')\n"
        "    home = c.run('echo $HOME', hide=True).stdout.strip()\n"
        "    with c.cd(home + '/deep'), c.cd('er'), c.prefix('export A=b'):\n"
        "        assert c.run('pwd; echo $A', hide=True).stdout.split() == [home + '/deep/er', 'b']\n"
        "    c.local('echo here')\n"
        "    assert c.run('false', warn=True, hide=True).exited == 1\n"
        "    assert c.run('cat', hide=True).stdout == ''\n"
        "    assert c.original_host == 'web01'\n"
    )
    assert remote.run_task(path, "all-of-it", {}).stdout == b"here\n"


def test_put_and_get_need_an_sftp_server_and_say_so(
    openssh_hosts: Hosts, tasks: Callable[[str], Path], tmp_path: Path
) -> None:
    path = tasks(
        "import io\n"
        "@task\n"
        "def both(c, folder):\n"
        "    home = c.run('echo $HOME', hide=True).stdout.strip()\n"
        "    c.put(io.BytesIO(b'put'), home + '/file')\n"
        "    c.get(home + '/file', folder + '/got')\n"
    )
    openssh_hosts.odd("bare", Subsystem=None)
    with all_of(openssh_hosts) as fleet:
        fleet.remote("web01").run_task(path, "both", {"folder": str(tmp_path)})
        assert (tmp_path / "got").read_text() == "put"
        with pytest.raises(HostUnfitError, match="bare: no SFTP session") as caught:
            fleet.remote("bare").run_task(path, "both", {"folder": str(tmp_path)})
        assert "Subsystem sftp" in caught.value.hint


def test_a_terminal_is_given_where_it_is_asked_for(
    openssh_hosts: Hosts, tasks: Callable[[str], Path]
) -> None:
    path = tasks(
        "@task\n"
        "def tty(c):\n"
        "    long = 'x' * 9000\n"
        "    r = c.run(f'test -t 1 && echo terminal; echo {long} | wc -c', pty=True, env={'L': long})\n"
        "    assert r.stdout.split() == ['terminal', '9001'], r.stdout\n"
        "    assert c.run('stty -a', pty=True, hide=True).stdout.count(' echo ') == 1\n"
    )
    openssh_hosts.odd("bare", PermitTTY="no")
    with all_of(openssh_hosts) as fleet:
        assert b"terminal" in fleet.remote("web01").run_task(path, "tty", {}).stdout
        with pytest.raises(HostUnfitError, match="bare: it gives no terminal"):
            fleet.remote("bare").run_task(path, "tty", {})


def test_a_failed_command_says_which_and_shows_the_end_of_its_output(
    remote: Remote, tasks: Callable[[str], Path]
) -> None:
    path = tasks(
        "@task\ndef bad(c):\n    c.run('echo why; echo because >&2; exit 7', hide=True)\n"
    )
    with pytest.raises(CommandFailedError) as caught:
        remote.run_task(path, "bad", {})
    assert (
        caught.value.what == "task bad: `echo why; echo because >&2; exit 7` ended with status 7"
    )
    assert caught.value.output == "why\nbecause"


def test_an_exception_of_the_users_names_task_line_and_nothing_secret(
    remote: Remote, tasks: Callable[[str], Path]
) -> None:
    path = tasks("@task\ndef bug(c, token):\n    raise KeyError(token)\n")
    with pytest.raises(HostError) as caught:
        remote.run_task(
            path, "bug", {"token": "hunter2hunter2"}, env={"T": Secret("hunter2hunter2")}
        )
    assert caught.value.what == "task bug: KeyError: '[redacted]' (tasks.py:5)"


def test_an_exception_hides_secrets_before_it_is_made_one_line(
    remote: Remote, tasks: Callable[[str], Path]
) -> None:
    path = tasks("import os\n@task\ndef bug(c, word):\n    raise ValueError(f'no {word}')\n")
    secret = Secret("correct  horse\tbattery")
    with pytest.raises(HostError, match=r"ValueError: no \[redacted\]"):
        remote.run_task(path, "bug", {"word": secret.reveal()}, env={"TOKEN": secret})


def test_a_command_past_its_time_limit_is_ended_with_all_its_processes(
    any_hosts: Hosts, tasks: Callable[[str], Path]
) -> None:
    path = tasks(
        "@task\ndef slow(c):\n    c.run('trap \"\" TERM; sleep 300 & sleep 300; sleep 300', timeout=1)\n"
        "@task\ndef quiet(c):\n    c.run('sleep 300')\n"
    )
    with fleet_of(host_of(any_hosts, "web01"), command_timeout=1.0) as fleet:
        for name in ("slow", "quiet"):
            with pytest.raises(CommandTimeoutError, match="did not end within 1 s"):
                fleet.remote("web01").run_task(path, name, {})
            until(lambda: not at_home([any_hosts.folder("web01")]), what="no process to be left")


def test_cancel_ends_a_task_and_its_processes(
    any_hosts: Hosts, tasks: Callable[[str], Path]
) -> None:
    path = tasks("@task\ndef long(c):\n    c.run('echo up; sleep 300')\n")
    with all_of(any_hosts) as fleet:
        outcomes = fleet.each(
            lambda r: r.run_task(path, "long", {}, watch=lambda *_: fleet.cancel()),
            ["web01", "web02"],
        )
        began = time.monotonic()
        errors = [str(outcome.error) for outcome in outcomes]
        assert all("cancelled" in error for error in errors), errors
        assert time.monotonic() - began < 60
        folders = [any_hosts.folder(name) for name in any_hosts.names]
        until(lambda: not at_home(folders), what="no process to be left")


def test_a_daemon_that_keeps_the_output_open_does_not_hold_the_task(
    remote: Remote, tasks: Callable[[str], Path]
) -> None:
    path = tasks("@task\ndef up(c):\n    c.run('sleep 600 & echo started')\n")
    began = time.monotonic()
    assert remote.run_task(path, "up", {}).stdout == b"started\n"
    assert time.monotonic() - began < 60


def test_names_and_values_that_do_not_fit_are_usage_errors(
    remote: Remote, tasks: Callable[[str], Path]
) -> None:
    path = tasks("@task\ndef hello(c, name, times=1):\n    pass\n")
    with pytest.raises(UnknownNameError, match="no task 'helo'") as caught:
        remote.run_task(path, "helo", {})
    assert "hello" in caught.value.hint
    with pytest.raises(UsageError, match="needs a value for name"):
        remote.run_task(path, "hello", {})
    with pytest.raises(UsageError, match="times must be of type int, not 'x'"):
        remote.run_task(path, "hello", {"name": "a", "times": "x"})
    with pytest.raises(UsageError, match="no option 'nam'"):
        remote.run_task(path, "hello", {"nam": "a"})


def test_pre_and_post_tasks_run_around_it(remote: Remote, tasks: Callable[[str], Path]) -> None:
    path = tasks(
        "@task\ndef before(c):\n    c.run('echo 1')\n"
        "@task\ndef after(c, n):\n    c.run(f'echo {n}')\n"
        "@task(pre=[before], post=[invoke.call(after, 3)])\ndef middle(c):\n    c.run('echo 2')\n"
    )
    assert remote.run_task(path, "middle", {}).stdout == b"1\n2\n3\n"


def test_listing_tells_names_help_and_parameters(tasks: Callable[[str], Path]) -> None:
    path = tasks(
        "@task(help={'unit-name': 'which unit'})\n"
        "def restart_it(c, unit_name, wait: int = 30, hard=False):\n"
        '    """Restart a unit\n    of systemd.\n\n    More."""\n'
        "@invoke.task\ndef plain(c, speed=1.5):\n    pass\n"
        "inner = invoke.Collection('db')\n"
        "inner.add_task(plain)\n"
        "ns = invoke.Collection(restart_it, inner)\n"
    )
    plain, restart = list_tasks(path)
    assert (plain.name, restart.name) == ("db.plain", "restart-it")
    assert restart.help == "Restart a unit of systemd."
    assert [(p.name, p.kind, p.default, p.required, p.help) for p in restart.parameters] == [
        ("unit_name", str, None, True, "which unit"),
        ("wait", int, 30, False, ""),
        ("hard", bool, False, False, ""),
    ]
    assert list_tasks(path)[1].parameters == restart.parameters
    assert plain.parameters[0].kind is float


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("def broken(:\n", ":3: "),
        ("import nothing_like_this\n", ":3: ModuleNotFoundError: No module named"),
        ("def f():\n    return 1 / 0\nf()\n", ":4: ZeroDivisionError"),
        ("raise SystemExit('no')\n", ":3: SystemExit: no"),
        ("@task\ndef no_context():\n    pass\n", "TypeError"),
    ],
)
def test_a_broken_file_is_a_config_error_with_file_and_line(
    tasks: Callable[[str], Path], text: str, what: str
) -> None:
    path = tasks(text)
    with pytest.raises(ConfigError) as caught:
        list_tasks(path)
    assert str(path) in caught.value.what
    assert what in caught.value.what
    assert "\n" not in caught.value.what


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        list_tasks(tmp_path / "tasks.py")
    assert "opskit init" in caught.value.hint


def test_the_example_tasks_load_and_run(remote: Remote, request: pytest.FixtureRequest) -> None:
    path = request.config.rootpath / "tasks.py"
    assert {"disk", "uptime", "restart-service"} <= {info.name for info in list_tasks(path)}
    assert remote.run_task(path, "disk", {"limit": 101}).ok
    with pytest.raises(HostError, match=r"task disk: RuntimeError: .* more than -1%"):
        remote.run_task(path, "disk", {"limit": -1})
