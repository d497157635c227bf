"""The protocol's strings, byte for byte, and what any sh makes of them."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opskit.config.secret import Secret
from opskit.fleet import bootstrap

if TYPE_CHECKING:
    from pathlib import Path

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)
SHELLS = [
    shell for shell in ("dash", "bash", "busybox", "ksh", "mksh", "zsh") if shutil.which(shell)
]


def run_line(
    line: bytes, *, shell: str = "/bin/sh", rest: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    request = bootstrap.EXEC.replace("/bin/sh", shell, 1)
    return subprocess.run(
        ["/bin/sh", "-c", request], input=line + rest, capture_output=True, check=False
    )


def test_the_exec_request_is_a_constant_without_anything_a_foreign_shell_could_read() -> None:
    assert bootstrap.EXEC == (
        """exec /bin/sh -c 'IFS= read -r s && case $(command -v printf) in printf) s=$(printf %b "$s");; """
        """*) [ "$(command -v print)" = print ] || { echo opskit: this sh has no printf of its own >&2; exit 1; }; """
        """s=$(print -- "$s");; esac && eval "$s"'"""
    )
    assert bootstrap.EXEC.count("'") == 2
    assert not set("!\\\n`") & set(bootstrap.EXEC + bootstrap.EXEC_TTY)


def test_a_script_becomes_one_line_of_plain_ascii() -> None:
    assert bootstrap.encode("a b\\\né\t") == b"a b\\0134\\0012\\0303\\0251\\0011\n"
    with pytest.raises(ValueError, match="NUL"):
        bootstrap.encode("a\0b")


def test_the_whole_script_is_prologue_environment_and_script() -> None:
    env = {"A": "it's", "B": Secret("x")}
    assert bootstrap.whole_script("id", env, "m-1") == (
        "unset s\nprintf '%s %s\\n' m-1 $$ || exit\nprintf '%s\\n' m-1 >&2\n"
        "export A='it'\"'\"'s'\nexport B=x\nid\n"
    )


@settings(max_examples=60, deadline=None)
@given(script=TEXT, value=TEXT)
def test_any_text_and_value_arrive_unchanged(script: str, value: str) -> None:
    whole = f"printf '%s\\n' {shlex.quote(script)}\nprintf %s \"$V\""
    line = bootstrap.encode(bootstrap.exports({"V": value}) + whole)
    assert line.count(b"\n") == 1
    assert line.isascii()
    assert run_line(line).stdout == f"{script}\n{value}".encode()


@pytest.mark.parametrize("shell", SHELLS)
def test_the_rest_of_standard_input_is_the_commands(shell: str) -> None:
    name = "busybox sh" if shell == "busybox" else shell
    done = run_line(bootstrap.encode("cat; exit 3"), shell=name, rest=b"\0a\nb")
    assert (done.stdout, done.returncode) == (b"\0a\nb", 3)


@pytest.mark.parametrize("shell", SHELLS)
def test_any_byte_arrives_in_any_shell_and_no_program_sees_it(shell: str, tmp_path: Path) -> None:
    value = "".join(map(chr, range(1, 256))) + "€😀\n\\n \\0101 %s -n\n\nit's"
    line = bootstrap.encode(f"{bootstrap.exports({'V': Secret(value)})}env")
    spy = tmp_path / "printf"
    spy.write_text(
        f'#!/bin/bash\nprintf "%s" "$*" >>"{tmp_path}/seen"; exec /usr/bin/printf "$@"\n'
    )
    spy.chmod(0o755)
    request = bootstrap.EXEC.replace("/bin/sh", "busybox sh" if shell == "busybox" else shell, 1)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ran = subprocess.run(["/bin/sh", "-c", request], input=line, env=env, capture_output=True, check=False)  # fmt: skip
    assert f"V={value}\n".encode() in ran.stdout
    assert not (tmp_path / "seen").exists()


def test_a_shell_without_a_printf_of_its_own_runs_nothing(tmp_path: Path) -> None:
    poor = tmp_path / "env"
    poor.write_text("enable -n printf\n")
    ran = subprocess.run(
        ["bash", "-c", bootstrap.EXEC.replace("/bin/sh", "bash", 1)], input=bootstrap.encode("echo ran"),
        env={**os.environ, "BASH_ENV": str(poor)}, capture_output=True, check=False,
    )  # fmt: skip
    assert (ran.stdout, ran.returncode) == (b"", 1)
    assert ran.stderr == b"opskit: this sh has no printf of its own\n"


@pytest.mark.parametrize("request_", [bootstrap.EXEC, bootstrap.EXEC_TTY])
def test_half_a_line_is_not_run(request_: str, tmp_path: Path) -> None:
    line = bootstrap.encode(f"touch {tmp_path}/half\ntouch {tmp_path}/whole")
    for length in range(len(line)):
        done = subprocess.run(
            ["/bin/sh", "-c", request_], input=line[:length], capture_output=True, check=False
        )
        assert done.returncode != 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("deaf", ["trap '' PIPE; ", ""])
def test_a_script_does_not_begin_where_nobody_hears_its_pid(
    shell: str, deaf: str, tmp_path: Path
) -> None:
    name = "busybox sh" if shell == "busybox" else shell
    line = bootstrap.encode(bootstrap.whole_script(f"touch {tmp_path}/begun", {}, "m-1"))
    nobody, out = os.pipe()
    os.close(nobody)
    try:
        request = deaf + bootstrap.EXEC.replace("/bin/sh", name, 1)
        subprocess.run(["/bin/sh", "-c", request], input=line, stdout=out, check=False)
    finally:
        os.close(out)
    assert not list(tmp_path.iterdir())


@given(
    noise=st.binary(max_size=300), rest=st.binary(max_size=300), cuts=st.lists(st.integers(0, 700))
)
def test_the_marker_is_found_however_the_stream_is_cut(
    noise: bytes, rest: bytes, cuts: list[int]
) -> None:
    stream = noise + b"opskit-1 4711\n" + rest
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    preamble = bootstrap.Preamble("opskit-1")
    shown = b"".join(preamble.feed(stream[a:b]) for a, b in pairwise(places))
    assert shown == rest
    assert preamble.pid == 4711


def test_a_profile_that_talks_for_ever_is_not_kept_in_memory() -> None:
    preamble = bootstrap.Preamble("opskit-1")
    for _ in range(100):
        assert preamble.feed(b"x" * 65536) == b""
    assert len(preamble.noise) <= bootstrap.NOISE
    assert preamble.feed(b"\nopskit-1 5\nhello") == b"hello"


def test_markers_differ() -> None:
    assert bootstrap.new_marker() != bootstrap.new_marker()


def test_ending_a_group_ends_all_of_it_and_says_so_though_nobody_buries_the_dead() -> None:
    with subprocess.Popen(
        ["/bin/sh", "-c", "trap '' TERM; sleep 300 & sleep 300"], start_new_session=True
    ) as group:
        done = subprocess.run(
            ["/bin/sh", "-c", bootstrap.ending(group.pid, grace=0.3)],
            capture_output=True,
            check=True,
        )
        group.wait(60)
    assert done.stdout == b"gone\n"
    listed = subprocess.run(["ps", "-A", "-o", "pgid=", "-o", "stat="], capture_output=True, text=True, check=True)  # fmt: skip
    left = [line.split() for line in listed.stdout.splitlines()]
    assert [state for of, state in left if of == str(group.pid) and state[0] != "Z"] == []


def test_a_process_that_is_its_own_parent_does_not_keep_an_end_from_coming(tmp_path: Path) -> None:
    """As the kernel of the BSDs is, in the list of processes."""
    process = subprocess.Popen(["sleep", "300"])
    ps = tmp_path / "ps"
    real = shutil.which("ps")
    ps.write_text(
        f"#!/bin/sh\ncase $* in *ppid*) printf '0 0\\n1 0\\n%s 1\\n5 0\\n' {process.pid};; *) exec {real} \"$@\";; esac\n"
    )
    ps.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    script = bootstrap.ending(process.pid, grace=0.1)
    ended = subprocess.Popen(["/bin/sh", "-c", script], env=env, stdout=subprocess.DEVNULL)
    try:
        assert process.wait(60) != 0
    finally:
        process.kill()
        process.wait()
        ended.kill()
        ended.wait()
