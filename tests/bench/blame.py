"""`opskit blame` on many events and a long history: a dense past of hundreds of rollouts a day, and recent deploys of a real repository."""

from __future__ import annotations

import compileall
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.changelog import Changelog
from tests.bench.changelog import SERVICES, expect, fill, timed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RECENT = 300
"""Deploys that are written today, of as many commits of the repository each as that has for them, ten at most."""
FLEET = 200
"""Hosts; those of the events are ten times as many, most of which are gone."""
WORDS = ("cart", "price", "login", "cache", "queue", "parser", "offer", "header", "retry", "token")
LATEST = "2020-01-14"
"""A day amid the events, two weeks after their first."""


def main(events: int, commits: int, rounds: int) -> None:
    """Make all of it, run everything and print a table."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with Changelog(folder / "state" / "bench" / "changelog.db", actor="w0") as changelog:
            changelog.append("note", {"text": "the first one"})
            fill(changelog, events)
        asking(folder, commits, rounds)


def asking(folder: Path, commits: int, rounds: int) -> None:
    """Time blame in a folder whose `state` holds a changelog: without and with a repository, cold and warm."""
    shas = history(folder / "repository", commits)
    with Changelog(folder / "state" / "bench" / "changelog.db", actor="w0") as changelog:
        deploys(changelog, shas)
        print(f"{changelog.count():,} events, {len(shas):,} commits")
    (folder / "opskit.toml").write_text(config())
    compileall.compile_dir(Path.cwd() / "opskit", quiet=1)  # as whoever installs opskit does
    past = ("blame", "--no-look", "--at", LATEST, "-s", "shop", "--symptom", "the cart is empty")
    now = ("blame", "--no-look", "-s", "shop", "--symptom", "no token for the cart in file_777.py")
    cache = folder / "cache" / "opskit" / "commits"
    start = [timed(opskit(folder, "--version")) for _ in range(rounds)]
    rows = {
        "a dense past": [timed(opskit(folder, *past)) for _ in range(rounds + 1)],
        "deploys of the repository, nothing kept": [
            timed(opskit(folder, *now)) for _ in cold(cache, rounds)
        ],
        "deploys of the repository": [timed(opskit(folder, *now)) for _ in range(rounds)],
    }
    print(f"start-up alone (--version): {statistics.median(start):.2f} s")
    for what, took in rows.items():
        print(
            f"  {what:40} first {took[0]:.2f} s, median {statistics.median(took):.2f} s (n = {len(took)})"
        )


def cold(cache: Path, rounds: int) -> Iterator[int]:
    """Forget, before each round, what was kept of commits."""
    for number in range(rounds):
        shutil.rmtree(cache, ignore_errors=True)
        yield number


def opskit(folder: Path, *words: str) -> Callable[[], None]:
    """Give what runs opskit and demands an answer."""
    argv = [sys.executable, "-m", "opskit", *words]
    places = {"OPSKIT_STATE_DIR": str(folder / "state"), "XDG_CACHE_HOME": str(folder / "cache")}
    env = {**os.environ, **places, "PYTHONPATH": str(Path.cwd())}

    def run() -> None:
        ran = subprocess.run(argv, cwd=folder, env=env, capture_output=True, check=False)
        expect(ran.returncode in (0, 1) and b"Traceback" not in ran.stderr, ran.stderr.decode())
        expect(b"Looked at" in ran.stdout or words == ("--version",), ran.stdout.decode())

    return run


def history(folder: Path, commits: int) -> list[str]:
    """Make a repository with so many commits, each of which changes one of a thousand files; gives their hashes."""
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    marks = folder / "marks"
    loader = ["git", "-C", str(folder), "fast-import", "--quiet", f"--export-marks={marks}"]
    with subprocess.Popen(loader, stdin=subprocess.PIPE) as process:
        assert process.stdin
        for number in range(1, commits + 1):
            word, file = WORDS[number % len(WORDS)], number % 1000
            said = f"Change the {word} of file {file}".encode()
            code = f"def {word}_{number}():\n    return {number}\n".encode()
            process.stdin.write(
                b"commit refs/heads/main\nmark :%d\ncommitter ana <ana@example.com> %d +0000\ndata %d\n%s\n"
                b"M 100644 inline file_%d.py\ndata %d\n%s\n"
                % (number, 1_600_000_000 + number, len(said), said, file, len(code), code)
            )
    expect(process.returncode == 0, "git fast-import failed")
    told = (line.split() for line in marks.read_text().splitlines())
    return [sha for _, sha in sorted((int(mark[1:]), sha) for mark, sha in told)]


def deploys(changelog: Changelog, shas: list[str]) -> None:
    """Write deploys of the newest commits, as they are written when they are made."""
    step = max(1, min(10, len(shas) // (RECENT + 1)))
    chosen = shas[-step * (RECENT + 1) :: step]
    for number, (old, new) in enumerate(pairwise(chosen)):
        names = {
            "service": "shop",
            "environment": "production",
            "rollout": f"now{number:06d}",
            "action": "deploy",
        }
        before, after = (
            {"release": f"rel{sha[:12]}", "revision": sha, "label": sha[:8]} for sha in (old, new)
        )
        hosts = [f"web{host:04d}" for host in range(4)]
        told = [{"name": host, "batch": 1, "from": before} for host in hosts]
        at = time.time_ns() // 1_000_000
        results = [{"host": h, "outcome": "done", "live": after["release"], "from": before["release"], "to": after["release"], "ms": 900, "at": at} for h in hosts]  # fmt: skip
        changelog.append("rollout.started", {"why": "", "to": after, "hosts": told}, **names)
        changelog.append("rollout.hosts", {"results": results}, **names)
        changelog.append(
            "rollout.finished", {"outcome": "done", "reason": "", "ms": 2000}, **names
        )


def config() -> str:
    services = [
        f'[services.{name}]\npath = "/srv/{name}"\nhosts = "@*"\nsource = {{ git = "repository" }}\n'
        for name in SERVICES
    ]
    shop = 'depends_on = ["search", "billing"]\n'
    where = f'[changelog]\nname = "bench"\n[environments.production]\nhosts = ["web[0000-{FLEET - 1:04d}]"]\n'
    return where + services[0] + shop + "".join(services[1:])
