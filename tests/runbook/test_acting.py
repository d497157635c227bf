"""Commands on real hosts: where they run, with what, how they end, and what is known of each."""

from __future__ import annotations

import signal
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest

from opskit.config.secret import Secret
from opskit.errors import UsageError
from opskit.runbook import acting, local, words
from opskit.runbook.acting import act
from opskit.runbook.model import Action, Expect
from opskit.runbook.talk import Reply
from tests.runbook.scripted import GO, Scripted, book_of
from tests.support.waiting import until

if TYPE_CHECKING:
    from opskit.runbook.ends import HostEnd
    from tests.runbook.scripted import Stage

TASKS = '''
from fabric import task

@task
def tell(c, word, loud=False):
    """Say it."""
    c.run(f'echo "{word} {loud} $server"')
'''


def action(text: str, *, on: str = "@web", language: str = "sh", **more: object) -> Action:
    return Action(1, language=language, text=text, on=on, **more)  # type: ignore[arg-type]


def done(
    stage: Stage, which: Action, *hosts: str, **env: str | Secret
) -> tuple[acting.Acted, dict[str, bytes]]:
    heard: dict[str, bytes] = {}
    lock = threading.Lock()

    def watch(host: str, _stream: str, data: bytes) -> None:
        with lock:
            heard[host] = heard.get(host, b"") + data

    with stage.hands() as hands:
        hands.fleet.vault.hide(value for value in env.values() if isinstance(value, Secret))
        return act(which, hosts or hands.select(which.on), env, hands, watch), heard


def test_every_host_gets_the_values_and_says_what_came_of_it(fleet_stage: Stage) -> None:
    acted, heard = done(fleet_stage, action('echo "$HOME $server"'), server="it's; web01")
    assert acted.outcome == "done"
    assert [end.name for end in acted.results] == ["web01", "web02", "web03", "web04"]
    for name, said in heard.items():
        assert said.decode().strip() == f"{fleet_stage.hosts.folder(name)} it's; web01"  # type: ignore[union-attr]


def test_batches_are_done_one_after_the_other_and_none_after_one_that_failed(
    fleet_stage: Stage,
) -> None:
    acted, _ = done(
        fleet_stage, action("case $HOME in *web02) exit 4;; esac; touch here", batch=1)
    )
    assert [end.outcome for end in acted.results] == ["done", "failed", "skipped", "skipped"]
    assert acted.outcome == "failed"
    assert acted.results[1].exit == 4


def test_it_is_run_again_only_where_it_did_not_end_well(fleet_stage: Stage) -> None:
    script = 'echo x >>"$HOME/did"; case $HOME in *web02) test -e "$HOME/ok";; esac'
    fence = f'<!-- opskit: on=@web batch=2 rollback="#back" -->\n```sh\n{script}\n```\n'
    talk = Scripted([GO, Reply("rest"), Reply("rest")])
    end, _ = fleet_stage.run(
        book_of(f"## Step 1\n\n{fence}\n## Back\n\n{fence.partition(chr(10))[2]}"), talk=talk
    )
    assert end.outcome == "suspended"
    assert fleet_stage.hosts
    homes = {name: fleet_stage.hosts.folder(name) for name in fleet_stage.hosts.names}
    assert {
        n: len((h / "did").read_text().split()) for n, h in homes.items() if (h / "did").exists()
    } == {"web01": 1, "web02": 3, "web03": 1, "web04": 1}
    assert "on web02: ended with status 1" in talk.asked[-1].text
    assert sorted(end.now.liabilities[0].hosts) == sorted(homes)


def test_what_is_expected_is_looked_for_on_each_host(fleet_stage: Stage) -> None:
    expect = Expect("exact", "ok\n", 9)
    acted, _ = done(
        fleet_stage, action("case $HOME in *web03) echo no;; *) echo ok;; esac", expect=expect)
    )
    assert [end.outcome for end in acted.results] == ["done", "done", "failed", "done"]
    assert acted.results[2].error == "expected exact `ok`, and it printed `no`"


def test_what_hosts_say_is_captured_once_if_it_is_the_same(fleet_stage: Stage) -> None:
    acted, _ = done(fleet_stage, action("echo same", capture="found"))
    assert acted.captured == "same"
    acted, _ = done(fleet_stage, action("basename $HOME", capture="found"), "web02", "web01")
    assert acted.captured == "web02\nweb01"


def test_a_command_that_takes_too_long_is_ended_on_its_host(fleet_stage: Stage) -> None:
    acted, _ = done(fleet_stage, action("echo begun; exec sleep 600", timeout=1.0), "web01")
    assert acted.outcome == "failed"
    assert "did not end within 1 s; its processes were ended" in acted.results[0].error


def test_a_host_that_does_not_answer_is_unreachable(fleet_stage: Stage) -> None:
    assert fleet_stage.hosts
    fleet_stage.hosts.stop("web02")
    acted, _ = done(fleet_stage, action("true"), "web01", "web02")
    assert [end.outcome for end in acted.results] == ["done", "unreachable"]


def test_a_task_gets_its_options_with_the_values_filled_in(fleet_stage: Stage) -> None:
    (fleet_stage.folder / "tasks.py").write_text(TASKS)
    which = action("tell --word $greeting --loud", language="task")
    acted, heard = done(fleet_stage, which, "web01", "web02", greeting="hello you", server="web09")
    assert acted.outcome == "done", acted
    assert heard["web01"] == b"hello you True web09\n"


def test_a_task_that_takes_too_long_is_ended(fleet_stage: Stage) -> None:
    (fleet_stage.folder / "tasks.py").write_text(
        TASKS.replace("c.run(f'echo", "c.run('exec sleep 600'); c.run(f'echo")
    )
    acted, _ = done(fleet_stage, action("tell --word x", language="task", timeout=0.5), "web01")
    assert acted.outcome == "failed"
    assert "did not end within 0.5 s" in acted.results[0].error


def test_a_secret_is_in_the_environment_and_nowhere_else(fleet_stage: Stage) -> None:
    secret = Secret("s3ntinel-on-hosts")
    acted, heard = done(
        fleet_stage,
        action(
            'test "$token" = s3nt""inel-on-hosts && echo "$token"; ps -ef | grep -c "[s]3ntinel"'
        ),
        "web01",
        token=secret,
    )
    assert heard["web01"] == b"[redacted]\n0\n"
    acted, heard = done(
        fleet_stage,
        action('test ${#token} = 17 && echo "$token"', on="local"),
        "local",
        token=secret,
    )
    assert (acted.outcome, heard["local"]) == ("done", b"[redacted]\n")


def test_python_and_opskit_run_here(stage: Stage) -> None:
    acted, heard = done(
        stage,
        action("import os; print(os.environ['n'])", on="local", language="python"),
        "local",
        n="3",
    )
    assert heard["local"] == b"3\n"
    acted, heard = done(stage, action("opskit --version", on="local", language="opskit"), "local")
    assert heard["local"].startswith(b"opskit ")
    assert acted.outcome == "done"
    acted, _ = done(stage, action("opskit hosts", on="local", language="opskit"), "local")
    assert (acted.outcome, acted.results[0].exit) == ("failed", 2)


def test_a_local_command_that_takes_too_long_is_ended_with_all_that_it_began(stage: Stage) -> None:
    acted, _ = done(
        stage, action("sleep 600 & echo $! >pid; wait", on="local", timeout=3.0), "local"
    )
    assert "did not end in time" in acted.results[0].error
    pid = int((stage.folder / "pid").read_text())
    until(lambda: not _lives(pid), what="the end of what it began")


def _lives(pid: int) -> bool:
    from pathlib import Path

    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


def test_ctrl_c_gives_a_script_that_calls_opskit_the_time_it_needs_and_then_less(
    stage: Stage,
) -> None:
    call = "sh -c 'trap \"echo ends; sleep 1; echo ended; exit\" INT; touch here; while sleep 1; do :; done'"
    patient = action(f": opskit\n{call} || exit\necho more", on="local")
    end = _interrupted(stage, patient, signals=1)
    assert (end.outcome, end.stdout.replace("more\n", "")) == ("interrupted", "ends\nended\n")
    deaf = action(": opskit\ntrap '' INT; touch here; while sleep 1; do :; done", on="local")
    end = _interrupted(stage, deaf, signals=2)
    assert (end.outcome, end.exit) == ("interrupted", -15)


def _interrupted(stage: Stage, which: Action, *, signals: int) -> HostEnd:
    """Give what came of a local command that got so many signals."""
    found: list[HostEnd] = []
    with stage.hands() as hands:
        made = acting._process(which, {}, hands, lambda *_: None)
        thread = threading.Thread(target=lambda: found.append(acting._local_end(made)))
        thread.start()
        until((stage.folder / "here").exists, what="it to begin")
        (stage.folder / "here").unlink()
        for _ in range(signals):
            made.interrupt()
        thread.join(60)
    return acting.judged(found[0], which, interrupted=True)


def test_ctrl_c_ends_a_command_that_is_being_started(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Starting(subprocess.Popen[bytes]):
        """Has begun, and whoever starts it does not know yet."""

        def __init__(self, *given: Any, **options: Any) -> None:
            super().__init__(*given, **options)
            until((stage.folder / "here").exists, what="it to begin")
            made.interrupt()

    with stage.hands() as hands:
        which = action("touch here; exec sleep 600", on="local")
        made = acting._process(which, {}, hands, lambda *_: None)
        monkeypatch.setattr(local.subprocess, "Popen", Starting)
        end = acting._local_end(made)
    assert (end.outcome, end.exit) == ("interrupted", -signal.SIGTERM)


@pytest.mark.parametrize("on", ["local", "@web"])
def test_ctrl_c_ends_a_command_where_it_runs(
    fleet_stage: Stage, on: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import _thread

    home = fleet_stage.hosts.folder("web01") if on == "@web" else fleet_stage.folder  # type: ignore[union-attr]
    script = (
        'cd "$HOME"; echo $$ >pid; exec sleep 600'
        if on == "@web"
        else "echo $$ >pid; exec sleep 600"
    )

    def interrupt() -> None:
        until(lambda: (home / "pid").exists() and (home / "pid").read_text().endswith("\n"))
        _thread.interrupt_main()

    thread = threading.Thread(target=interrupt)
    thread.start()
    acted, _ = done(fleet_stage, action(script, on=on), "web01" if on == "@web" else "local")
    thread.join()
    assert (acted.outcome, acted.left) == ("interrupted", False)
    until(lambda: not _lives(int((home / "pid").read_text())), what="the end of the command")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("opskit deploy $service -m $why", ["opskit", "deploy", "shop it", "-m", "a 'b'"]),
        ("opskit log ${service}x", ["opskit", "log", "shop itx"]),
    ],
)
def test_values_stay_inside_of_their_word(text: str, said: list[str]) -> None:
    assert words.split(text, {"service": "shop it", "why": "a 'b'"}) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("opskit deploy $flag", "would become the option"),
        ("opskit deploy $other", "has no value"),
        ("opskit note $token", "is a secret"),
        ("opskit log\nopskit log", "one command line"),
        ("opskit 'log", "is not closed"),
    ],
)
def test_no_value_becomes_an_option_and_no_secret_a_word(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        words.split(text, {"flag": "--yes", "token": Secret("hidden-token")})
