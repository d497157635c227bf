"""Faults put into a running process by strace: killed, or told of a disk error, at the n-th call of a kind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog
from tests.support.cli import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

CALLS = ("pwrite64", "ftruncate", "fdatasync", "fsync")


def need_strace() -> None:
    """Skip where strace is missing; CI must have it."""
    if shutil.which("strace") is None:
        assert os.environ.get("CI") != "true", "CI must have strace: durability is tested with it"
        pytest.skip("strace is not installed")


def append_notes(file: Path, count: int, *, call: str, fault: str, when: str) -> tuple[int, str]:
    """Run the worker with a fault in it; give its exit code (-9 when killed) and what it printed."""
    inject = f"inject={call}:{fault}:when={when}"
    command = ["strace", "-f", "-o", os.devnull, "-e", f"trace={call}", "-e", inject]
    worker = [sys.executable, "-m", "tests.changelog.worker", str(file), str(count)]
    ran = subprocess.run(
        [*command, *worker],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in ran.stderr, ran.stderr
    return ran.returncode, ran.stdout


def acknowledged(said: str) -> set[str]:
    """Give the ids of the events that the worker was told are durable."""
    return {line.split()[1][:10] for line in said.splitlines() if line.startswith("ACK ")}


def check_and_go_on(file: Path, expected: set[str]) -> set[str]:
    """Demand a sound changelog that has what was acknowledged and takes more; give all that it has."""
    with Changelog(file) as changelog:
        there = {note.id for note in changelog.notes()}
        assert expected <= there
        assert changelog.verify() == []
        event = changelog.append("note", {"text": "after"})
        assert changelog.verify() == []
        assert {note.id for note in changelog.notes()} == there | {event.id}
    return there
