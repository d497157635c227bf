"""The demo's shop: starts, answers, restarts and stops with nothing but sh, ps and Python; its history is real."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest

from opskit.demo.shop.history import CHANGES, git, write_archives, write_files, write_repository
from tests.support.hosts import free_port
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.project import Project

VERSIONS = {change.tag: change for change in CHANGES if change.tag}


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Callable[[str], int]]:
    """Run the shop's control script in tmp_path; the shop is stopped at the end."""
    (tmp_path / "run").mkdir()
    port = str(free_port())

    def run(word: str) -> int:
        env = os.environ | {"PYTHON": sys.executable, "OPSKIT_VAR_port": port}
        return subprocess.run(["sh", tmp_path / "control", word], env=env, check=False).returncode

    yield run
    run("stop")


def pid(folder: Path) -> int:
    return int((folder / "run" / "pid").read_text())


def alive(number: int) -> bool:
    asked = ["ps", "-p", str(number), "-o", "state="]
    said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    return said.strip()[:1] not in ("", "Z")


def test_the_shop_restarts_and_stops(tmp_path: Path, control: Callable[[str], int]) -> None:
    write_files(tmp_path, VERSIONS["v1"].catalogue)
    assert control("restart") == 0
    first = pid(tmp_path)
    assert control("restart") == 0
    assert pid(tmp_path) != first
    assert not alive(first)
    assert control("start") == 0
    assert alive(pid(tmp_path))
    assert control("stop") == control("stop") == 0
    assert control("dance") == 2


def test_a_stale_pid_of_somebody_else_is_left_alone(
    tmp_path: Path, control: Callable[[str], int]
) -> None:
    write_files(tmp_path, VERSIONS["v1"].catalogue)
    (tmp_path / "run" / "pid").write_text(str(os.getpid()))
    assert control("stop") == 0


@pytest.mark.parametrize(
    ("version", "health"), [("v1", "ok v1"), ("v2", "ok v2"), ("v3", ""), ("v4", "ok v4")]
)
def test_good_versions_are_healthy_and_the_bad_one_is_not(
    project: Project, version: str, health: str
) -> None:
    host = project.hosts.host("web01")
    write_files(host.folder, VERSIONS[version].catalogue)
    (host.folder / "run").mkdir()
    env = os.environ | {
        "HOME": str(host.folder),
        "PYTHON": sys.executable,
        "OPSKIT_VAR_port": str(host.service_port),
    }
    subprocess.run(["sh", host.folder / "control", "start"], env=env, check=True)
    log = host.folder / "run" / "log"
    until(lambda: project.page("web01", "/health") or "cannot show" in log.read_text())
    assert project.page("web01", "/health").strip() == health


def test_the_repository_holds_the_whole_history(tmp_path: Path) -> None:
    write_repository(tmp_path / "shop")
    said = git(tmp_path / "shop", "log", "--format=%an: %s", "v1..v4")
    assert said.splitlines() == [f"{c.author}: {c.subject}" for c in reversed(CHANGES[1:])]
    assert git(tmp_path / "shop", "status", "--porcelain") == ""


def test_without_git_each_version_is_an_archive(tmp_path: Path) -> None:
    write_archives(tmp_path)
    for version in VERSIONS:
        with tarfile.open(tmp_path / f"shop-{version}.tar.gz") as archive:
            assert {"./shop.py", "./control", "./catalogue.json"} <= set(archive.getnames())
