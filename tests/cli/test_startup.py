"""Starting is fast because nothing heavy is imported before it is needed.

A command module imports click, the standard library and light opskit modules at its top. What needs fabric,
rich and the like is imported inside a function (see `opskit/cli/wiring.py`). If a test here fails, the
message names what was imported; `python -X importtime -m opskit --help` shows by whom.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from opskit.cli.app import app

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = {
    "fabric",
    "invoke",
    "paramiko",
    "rich",
    "asyncio",
    "cryptography",
    "ClusterShell",
    "psycopg",
    "markdown_it",
    "yaml",
}
LATE = {"opskit.rollout.steps", "opskit.rollout.report"}
"""What only a rollout needs."""
PROGRAM = """
import atexit, os, pathlib, sys
def note():
    pathlib.Path(os.environ["SEEN"]).write_text("\\n".join(sys.modules))
atexit.register(note)
leave = os._exit  # which a run ends with, and which calls nothing that is registered
os._exit = lambda code: (note(), leave(code))
from opskit.cli import main
main()
"""
CONFIG = """
[changelog]
name = "empty"
[environments.production]
hosts = ["web[01-20]"]
groups.web = "web[01-20]"
[services.shop]
path = "~/shop"
hosts = "@web"
source = { folder = "." }
"""


def heavy_imports(folder: Path, *args: str, **environment: str) -> set[str]:
    """Give what is heavy of what a run imports."""
    names = imported(folder, *args, **environment)
    return ({name.partition(".")[0] for name in names} & HEAVY) | (LATE & names)


def imported(folder: Path, *args: str, **environment: str) -> set[str]:
    """Run opskit and give the names of all modules that are there at its end."""
    seen = folder / "seen"
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, *args],
        cwd=folder,
        env={**os.environ, "SEEN": str(seen), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return set(seen.read_text().split())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "opskit.toml").write_text(CONFIG)
    return tmp_path


TASKS = """
from fabric import task

@task
def warm_cache(c): "Warm."
"""


@pytest.mark.parametrize(
    "line", ["--help", "--version", *(f"{name} --help" for name in sorted(app.commands))]
)
def test_help_imports_nothing_heavy(project: Path, line: str) -> None:
    assert heavy_imports(project, *line.split()) == set()


@pytest.mark.parametrize("line", ["--help", "--version"])
def test_help_reads_neither_configuration_nor_changelog(project: Path, line: str) -> None:
    packages = {f"opskit.{name}" for name in ("config", "fleet", "changelog")}
    assert imported(project, line) & packages == set()


def test_a_command_imports_no_other_commands_module(project: Path) -> None:
    names = {f"opskit.cli.{name}" for name in app.commands}
    assert imported(project, "deploy", "--help") & names == {"opskit.cli.deploy"}


@pytest.mark.parametrize("line", ["log", "log --json"])
def test_reading_an_empty_changelog_imports_nothing_heavy(project: Path, line: str) -> None:
    assert heavy_imports(project, *line.split()) == set()


@pytest.mark.parametrize(
    ("words", "current"),
    [
        ("opskit de", "1"),
        ("opskit run wa", "2"),
        ("opskit deploy --", "2"),
        ("opskit deploy sh", "2"),
        ("opskit deploy -H @w", "3"),
        ("opskit deploy -e prod", "3"),
    ],
)
def test_completion_imports_nothing_heavy(project: Path, words: str, current: str) -> None:
    (project / "tasks.py").write_text(TASKS)
    found = heavy_imports(
        project, _OPSKIT_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=current
    )
    assert found == set()


def test_this_test_can_fail(project: Path) -> None:
    (project / "sitecustomize.py").write_text("import asyncio")
    path = f"{project}:{os.environ['PYTHONPATH']}"
    assert heavy_imports(project, "--help", PYTHONPATH=path) == {"asyncio"}
