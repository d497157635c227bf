"""This project's own history, deployed commit after commit to real hosts, and back again."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import HEAVY, REPOSITORY
from tests.support.light import Light

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.hosts import Hosts

UP, BACK = (5, 3) if HEAVY else (3, 2)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The newest of this repository; what is missing of its history (a shallow clone, none) is made up."""
    folder = tmp_path / "clone"
    try:
        clone = ["git", "-c", "safe.directory=*", "clone", "--quiet", "--no-local"]
        newest = ["--depth", str(UP), "--no-tags", str(REPOSITORY), str(folder)]
        subprocess.run([*clone, *newest], check=True, capture_output=True)
    except subprocess.CalledProcessError:
        subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    while len(revisions(folder)) < UP:
        number = len(revisions(folder))
        (folder / "made-up").write_text(f"{number}\n")
        who = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
        for words in (["add", "--all"], [*who, "commit", "--quiet", f"--message=Number {number}"]):
            subprocess.run(["git", "-C", str(folder), *words], check=True)
    return folder


def revisions(folder: Path) -> list[str]:
    """Give the newest commits, the oldest of them first."""
    command = ["git", "-C", str(folder), "rev-list", "--first-parent", f"--max-count={UP}", "HEAD"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return said.split()[::-1]


def tree_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


def test_up_through_the_newest_commits_and_back(
    any_hosts: Hosts, repository: Path, tmp_path: Path
) -> None:
    light = Light.create(tmp_path / "project", any_hosts)
    light.configure(
        source=f'{{ git = "{repository}" }}',
        restart='"echo \\"$OPSKIT_REVISION\\" >>\\"$HOME/restarts\\""',
        health=None,
        keep=str(UP),
    )
    shas = revisions(repository)
    for sha in shas:
        light.deploy(sha, "-m", f"Bring {sha[:8]}")
        subprocess.run(["git", "-C", str(repository), "checkout", "--quiet", sha], check=True)
        assert tree_of(light.place("web02", "current")) == tree_of(repository)
    for _ in range(BACK):
        light.rollback()
    left = shas[UP - BACK - 1]
    subprocess.run(["git", "-C", str(repository), "checkout", "--quiet", left], check=True)
    for name in any_hosts.names:
        assert light.restarts(name) == [*shas, *shas[-2 : -2 - BACK : -1]]
        assert tree_of(light.place(name, "current")) == tree_of(repository)
    assert light.opskit("status", "shop", "--json").json["data"]["services"][0]["well"]
    entries = light.log()
    assert [entry["to"]["revision"] for entry in entries] == light.restarts("web01")[::-1]
    assert [len(entry["commits"]) for entry in entries[BACK:-1]] == [1] * (UP - 1)
    assert light.locks() == []
