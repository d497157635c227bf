"""A run that is a fork is what a started one is: arguments, folder, environment, streams, exit code, end."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support import forks
from tests.support.cli import start

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = '[changelog]\nname = "empty"\n[environments.production]\nhosts = ["web[01-20]"]\n'
TELLS = """
import os, signal, sys, time
for stream in sys.stdin, sys.stdout, sys.stderr:
    print(stream.encoding, stream.errors, stream.isatty(), stream.seekable(), stream.line_buffering)
print(sys.argv, sys.path[:2], os.getcwd(), time.tzname, sorted(os.environ.items()))
print(sys.stdin.read(), os.getpgid(0), os.getsid(0), sorted(os.listdir("/proc/self/fd"))[:3])
print([signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)])
print("and this", file=sys.stderr)
from fabric import task
@task
def hello(c):
    "Say hello."
"""


def run(by: object, folder: Path, *words: str, **env: str) -> tuple[int, str, str]:
    full = {**os.environ, **env}
    done = by(words, cwd=folder, env=full, input="Grüße", timeout=60)  # type: ignore[operator]
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("words", ["", "--help", "hosts", "hosts --json", "hosts x", "log", "no"])
def test_it_says_and_ends_as_a_started_one(tmp_path: Path, words: str) -> None:
    (tmp_path / "opskit.toml").write_text(CONFIG)
    assert run(forks.run, tmp_path, *words.split()) == run(start, tmp_path, *words.split())


def test_it_finds_what_a_started_one_finds(tmp_path: Path) -> None:
    (tmp_path / "opskit.toml").write_text(CONFIG)
    (tmp_path / "tasks.py").write_text(TELLS)
    env = {"TZ": "Asia/Tokyo", "NAME": "ü"}
    code, said, complained = run(forks.run, tmp_path, "run", "--help", **env)
    assert (code, said, complained) == run(start, tmp_path, "run", "--help", **env)
    assert "Grüße" in said, complained
    assert "and this" in complained
    assert "'JST'" in said


def test_it_is_killed_when_its_time_is_over(tmp_path: Path) -> None:
    (tmp_path / "opskit.toml").write_text(CONFIG)
    (tmp_path / "tasks.py").write_text(
        "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(99)\n"
    )
    with pytest.raises(subprocess.TimeoutExpired):
        forks.run(["run", "--help"], cwd=tmp_path, env=os.environ, input="", timeout=1)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_many_run_at_once(tmp_path: Path) -> None:
    (tmp_path / "opskit.toml").write_text(CONFIG)
    with ThreadPoolExecutor(8) as pool:
        done = list(
            pool.map(lambda n: run(forks.run, tmp_path, "hosts", f"web{n:02}"), range(1, 21))
        )
    assert [f"web{n:02}" in said for n, (_, said, _) in enumerate(done, 1)] == [True] * 20
    assert {code for code, _, _ in done} == {0}
