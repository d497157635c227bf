"""Whatever happens in a command, the reader gets one line or an envelope, and the true exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.cli import boundary
from opskit.cli.exits import EXITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.cli import Opskit

    Start = Callable[..., subprocess.Popen[str]]

PROGRAM = """\
import os, pathlib, signal, sys, time
import click
from opskit import errors
from opskit.cli import app, main, options
from opskit.cli.render import envelope, text

@app.app.command()
@click.argument("words", nargs=-1)
@click.option("--secret")
@options.as_json
def misbehave(words: tuple[str, ...], secret: str | None, as_json: bool) -> int | None:
    "Do something unexpected."
{body}

main()
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the real program with one more command, `misbehave`, whose body is given; it does not outlive the test."""
    started: list[subprocess.Popen[str]] = []

    def _start(body: str, *args: str, **options: object) -> subprocess.Popen[str]:
        program = tmp_path / "program.py"
        program.write_text(PROGRAM.format(body=textwrap.indent(textwrap.dedent(body), "    ")))
        process = subprocess.Popen(
            [sys.executable, str(program), "misbehave", *args],
            **{  # type: ignore[call-overload]
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
                "cwd": tmp_path,
            }
            | options,
        )
        started.append(process)
        return process

    yield _start
    for process in started:
        process.kill()
        process.communicate()


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    stdout, stderr = process.communicate(timeout=60)
    return process.returncode, stdout, stderr


def test_an_expected_error_is_one_line_and_a_hint(start: Start) -> None:
    code, stdout, stderr = finish(
        start("raise errors.LockedError('web01 is held by ann', hint='wait, or call ann')")
    )
    assert (code, stdout) == (4, "")
    assert stderr == "opskit: web01 is held by ann\n  wait, or call ann\n"


def test_a_hosts_error_shows_the_last_lines_that_the_host_said(start: Start) -> None:
    body = """
    said = "\\n".join(f"line {number}" for number in range(30))
    raise errors.CommandFailedError("web01", "restart ended with status 3", output=said)
    """
    code, _, stderr = finish(start(body))
    assert code == 1
    lines = stderr.splitlines()
    assert lines[0] == "opskit: web01: restart ended with status 3"
    assert lines[1:] == [f"  | line {number}" for number in range(20, 30)]


def test_what_a_host_said_cannot_command_the_terminal(start: Start) -> None:
    body = (
        r"raise errors.HostError('web01', 'said \x1b]0;owned\x07\nopskit: done', output='\x1b[2J')"
    )
    _, _, stderr = finish(start(body))
    assert stderr == ("opskit: web01: said \\x1b]0;owned\\x07\\nopskit: done\n" + "  | \\x1b[2J\n")


@pytest.mark.parametrize("code", sorted(EXITS))
def test_a_commands_number_is_the_exit_code(start: Start, code: int) -> None:
    assert finish(start(f"return {code}")) == (code, "", "")


def test_a_command_that_gives_nothing_is_done(start: Start) -> None:
    assert finish(start("text.say('hello')")) == (0, "hello\n", "")


def test_with_json_an_expected_error_is_an_envelope(start: Start) -> None:
    body = "raise errors.LoginError('web01', 'no key fits', hint='add one', output='bye')"
    code, stdout, stderr = finish(start(body, "--json"))
    assert (code, stderr) == (1, "")
    assert json.loads(stdout) == {
        "opskit": 1,
        "command": "misbehave",
        "status": "failed",
        "exit_code": 1,
        "data": {},
        "error": {
            "kind": "login",
            "what": "no key fits",
            "hint": "add one",
            "host": "web01",
            "output": "bye",
        },
    }


def test_with_json_a_usage_error_is_an_envelope_too(start: Start) -> None:
    code, stdout, stderr = finish(start("pass", "--json", "--no-such-option"))
    assert (code, stderr) == (2, "")
    envelope = json.loads(stdout)
    assert envelope["status"] == "usage"
    assert envelope["error"]["what"].startswith("no such option '--no-such-option'")
    assert envelope["error"]["hint"] == "see: opskit misbehave --help"


def test_with_json_a_crash_is_an_envelope_too(start: Start) -> None:
    code, stdout, stderr = finish(start("1 / 0", "--json"))
    assert (code, stderr) == (1, "")
    assert json.loads(stdout)["error"]["kind"] == "crash"


def test_json_behind_two_dashes_is_an_argument() -> None:
    assert boundary.wants_json(["exec", "--json", "--", "date"])
    assert not boundary.wants_json(["exec", "--", "date", "--json"])


def test_an_unknown_command_is_a_usage_error_that_names_the_nearest(opskit: Opskit) -> None:
    done = opskit("dploy", expect=2)
    assert done.stdout == ""
    assert done.stderr == "opskit: no command 'dploy'\n  did you mean 'deploy'?\n"


@pytest.mark.parametrize("words", [("log", "--grep"), ("log", "--actor"), ("log",), ("log", "-s")])
def test_a_word_that_is_no_text_is_a_usage_error(
    opskit: Opskit, words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "opskit.toml").write_text('[environments.production]\nhosts = ["web01"]\n')
    opskit("note", "something", cwd=tmp_path)
    done = opskit(*words, "a\udcff", cwd=tmp_path, expect=2)
    assert done.stderr == "opskit: a� is not UTF-8\n  type it in UTF-8, or leave it out\n"


def test_opskit_alone_shows_its_help_and_has_done_nothing(opskit: Opskit) -> None:
    done = opskit(expect=2)
    assert done.stderr.startswith("Usage: opskit")


def test_a_crash_is_one_line_and_a_report_to_paste(start: Start) -> None:
    code, stdout, stderr = finish(start("raise ValueError('surprise')", "word"))
    assert (code, stdout) == (1, "")
    line, hint = stderr.splitlines()
    assert line == "opskit: opskit has a bug: ValueError"
    report = Path(hint.rpartition(" ")[2])
    said = report.read_text(encoding="utf-8")
    assert report.is_relative_to(os.environ["OPSKIT_STATE_DIR"])
    assert report.stat().st_mode & 0o777 == 0o600
    assert "# opskit crashed: ValueError" in said
    assert "ValueError: surprise" in said


def test_a_report_holds_no_values_of_arguments_or_environment(start: Start) -> None:
    body = "raise ValueError(f'bad password: {os.environ[\"PASSWORD\"]} {words}')"
    args = ("--secret=hunter2", "--secret", "hunter3", "mysql -phunter4", "--", "--hunter5")
    environment = {**os.environ, "PASSWORD": "correct horse"}
    _, _, stderr = finish(start(body, *args, env=environment))
    said = Path(stderr.split()[-1]).read_text(encoding="utf-8")
    assert "bad password: $PASSWORD" in said
    assert "command: `opskit misbehave --secret=… --secret … … … …`" in said
    assert "hunter" not in said
    assert "correct horse" not in said


def test_a_report_goes_to_the_temporary_folder_if_the_state_cannot_be_written(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    environment = {
        **os.environ,
        "OPSKIT_STATE_DIR": str(tmp_path / "file"),
        "TMPDIR": str(tmp_path),
    }
    _, _, stderr = finish(start("1 / 0", env=environment))
    assert stderr.split()[-1].startswith(f"{tmp_path}/crash-")


def test_opskit_debug_shows_the_traceback(start: Start) -> None:
    code, _, stderr = finish(start("1 / 0", env={**os.environ, "OPSKIT_DEBUG": "1"}))
    assert code == 1
    assert stderr.startswith("Traceback (most recent call last):")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_interrupts_and_lets_the_command_clean_up(
    start: Start, number: signal.Signals
) -> None:
    body = """
    try:
        text.say("ready")
        time.sleep(60)
    finally:
        text.say("cleaned up")
    """
    process = start(body)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    code, stdout, stderr = finish(process)
    assert code == 130
    assert stdout == "cleaned up\n"
    assert stderr.strip() == "opskit: interrupted"


def test_under_nohup_a_hangup_is_ignored(start: Start) -> None:
    body = """
    text.say("ready")
    os.kill(os.getpid(), signal.SIGHUP)
    """
    process = start(body, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    assert finish(process) == (0, "ready\n", "")


def test_a_reader_that_has_gone_is_no_crash(start: Start) -> None:
    process = start("for number in range(100000): text.say(str(number))")
    assert process.stdout is not None
    assert process.stdout.readline() == "0\n"
    process.stdout.close()
    process.stdout = None
    code, _, stderr = finish(process)
    assert (code, stderr) == (1, "")


def test_work_goes_on_though_nobody_reads(start: Start, tmp_path: Path) -> None:
    body = """
    for number in range(10000):
        text.say_on(str(number))
    pathlib.Path("worked").touch()
    """
    process = start(body)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    assert finish(process)[0] == 0
    assert (tmp_path / "worked").exists()


def test_a_full_disk_is_one_line_and_not_done(start: Start) -> None:
    with Path("/dev/full").open("w") as full:
        code, _, stderr = finish(start("text.say('hello')", stdout=full))
    assert (code, stderr) == (1, "opskit: cannot write the output: No space left on device\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_not_change_the_exit_code(tmp_path: Path, closed: str) -> None:
    line = f'exec "{sys.executable}" -m opskit --version {closed}'
    assert subprocess.run(["/bin/sh", "-c", line], cwd=tmp_path, check=False).returncode == 0


@pytest.mark.parametrize(
    "encoding",
    [
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
)
def test_no_encoding_ends_a_run(start: Start, encoding: dict[str, str]) -> None:
    body = r"text.say('✓ schön → \udcff 本'); raise errors.RefusedError('日本')"
    process = start(body, env={**os.environ, **encoding}, text=False)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 5
    assert stdout.startswith(b"+ sch")
    assert stderr == b"opskit: \\u65e5\\u672c\n"


def test_where_nobody_can_answer_the_answer_is_no(start: Start) -> None:
    code, _, stderr = finish(start("options.ask('Go on?', yes=False)"))
    assert code == 5
    assert "--yes" in stderr
    assert finish(start("options.ask('Go on?', yes=True)"))[0] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rollback", "shop", "-H", "", "-m", "bad"), "-H is empty"),
        (("restart", "shop", "--hosts=", "-y"), "--hosts is empty"),
        (("verdict", "", "guilty", "-m", "it was"), "word 2 of the command is empty"),
        (("freeze", "", "-m", "so"), "word 2 of the command is empty"),
        (("blame", "--url", ""), "--url is empty"),
        (("changelog", "export", ""), "word 3 of the command is empty"),
    ],
)
def test_an_empty_word_as_of_a_variable_that_is_not_set_means_nothing_and_not_all(
    opskit: Opskit, words: tuple[str, ...], said: str
) -> None:
    assert f"opskit: {said}\n" in opskit(*words, expect=2).stderr
    told = opskit(*words, "--json", expect=2).json
    assert (told["error"]["kind"], told["error"]["what"]) == ("usage", said)


def test_words_of_commands_of_ones_own_may_be_empty() -> None:
    boundary._demand_words(["exec", "-H", "web01", "printf", "%s", ""])
    boundary._demand_words(["run", "greet", "--name", ""])
    boundary._demand_words(["log", "--", ""])


def test_a_closed_stream_gives_its_number_to_nothing_that_is_opened_later(tmp_path: Path) -> None:
    """Whoever writes to standard output would write into that."""

    def closed(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", 'exec "$0" "$@" >&-', sys.executable, *words],
            cwd=tmp_path, stderr=subprocess.PIPE, text=True, check=False,
            env={**os.environ, "OPSKIT_STATE_DIR": str(tmp_path / "state")},
        )  # fmt: skip

    shown = closed("-m", "opskit", "log", "--json")
    assert (shown.returncode, shown.stderr) == (2, "")  # no opskit.toml, said to nobody
    program = "import os, sys; from opskit.cli.render import terminal; terminal.make_streams_safe(); print('said'); sys.stderr.write(os.readlink('/proc/self/fd/1'))"
    assert closed("-c", program).stderr == os.devnull
