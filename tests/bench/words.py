"""A symptom beside the commits of 40 deploys, in a repository of 100,000: what git and words cost, cold and warm."""

from __future__ import annotations

import itertools
import os
import random
import statistics
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.blame.model import Candidate, History
from opskit.blame.text import compare

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPLOYS, SIZE = 40, 5
FILES = 400
WORDS = 3000
LAST = 1000
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def main(commits: int, rounds: int) -> None:
    """Make the repository, and print the medians."""
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(folder) / "repository"
        make(repository, commits)
        candidates = deploys(repository)
        symptom = "\n".join(
            f"word{n} failed in word{n + 1}_word{n + 2}() of file{n}.py" for n in range(60)
        )
        cold, warm = [], []
        for number in range(rounds):
            cache = Path(folder) / f"cache{number}"
            cold.append(timed(candidates, symptom, cache))
            warm.append(timed(candidates, symptom, cache))
    print(
        f"{commits} commits, {DEPLOYS} deploys of {SIZE}, {rounds} rounds, seconds (and of a processor, git's with them)"
    )
    for name, times in (("cold", cold), ("warm", warm)):
        spent, own = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"{name}: {spent:.2f} ({own:.2f})")


def timed(candidates: list[Candidate], symptom: str, cache: Path) -> tuple[float, float]:
    began, used = time.perf_counter(), worked()
    found = compare(candidates, symptom, cache=cache)
    assert len(found.texts) == DEPLOYS
    return time.perf_counter() - began, worked() - used


def worked() -> float:
    """Give the seconds that this process and those that it started have used of a processor."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def make(repository: Path, commits: int) -> None:
    """Make a repository: each of its last commits changes three files, each before them one."""
    subprocess.run(["git", "init", "-q", "--bare", str(repository)], check=True)
    command = ["git", "-C", str(repository), "fast-import", "--quiet"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin
        for part in stream(commits):
            process.stdin.write(part)
    assert process.returncode == 0


def stream(commits: int) -> Iterator[bytes]:
    dice = random.Random(6)
    texts = {n: lines(dice, 100) for n in range(FILES)}
    for number in range(commits):
        few = number < commits - LAST
        yield f"commit refs/heads/main\ncommitter Ana <ana@example.org> {number} +0000\n".encode()
        yield data(f"Change {words(dice, 1)[0]}\n\n{' '.join(words(dice, 5 if few else 40))}\n")
        for name in dice.sample(range(FILES), 1 if few else 3) if number else range(FILES):
            texts[name] = lines(dice, 2) if few and number else changed(dice, texts[name])
            path = f"part{name % 20}/file{name}.py"
            yield f"M 644 inline {path}\n".encode() + data("".join(texts[name]))


def changed(dice: random.Random, text: list[str]) -> list[str]:
    at = dice.randrange(max(1, len(text) - 20))
    return text[:at] + lines(dice, 20) + text[at + 20 :]


def lines(dice: random.Random, count: int) -> list[str]:
    return [f"{'_'.join(words(dice, 2))} = {', '.join(words(dice, 5))}\n" for _ in range(count)]


def words(dice: random.Random, count: int) -> list[str]:
    return [f"word{dice.randrange(WORDS)}" for _ in range(count)]


def data(text: str) -> bytes:
    return f"data {len(text)}\n{text}\n".encode()


def deploys(repository: Path) -> list[Candidate]:
    """Give the last deploys as candidates."""
    command = [
        "git",
        "-C",
        str(repository),
        "rev-list",
        f"--max-count={DEPLOYS * SIZE + 1}",
        "main",
    ]
    shas = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    ends = shas[::SIZE]
    return [
        Candidate(new[:10], "deploy", NOW, history=History(repository, old, new))
        for new, old in itertools.pairwise(ends)
    ]
