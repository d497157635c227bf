from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog, database
from tests.changelog.keys import line
from tests.changelog.team import Team

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def quick_disk() -> Iterator[None]:
    """Do without waiting for the disk, where hundreds of databases are made."""
    with pytest.MonkeyPatch.context() as patch:
        quick = [
            "PRAGMA synchronous = OFF" if "synchronous" in s else s for s in database._SETTINGS
        ]
        patch.setattr(database, "_SETTINGS", tuple(quick))
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a changelog would be; nothing is there yet."""
    return tmp_path / "state" / "acme" / "changelog.db"


@pytest.fixture
def changelog(file: Path) -> Iterator[Changelog]:
    """A changelog of ann's, still empty."""
    with Changelog(file, actor="ann@laptop") as opened:
        yield opened


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    team = Team(tmp_path, {})
    people = ("ann", "bob", "eve")
    team.allow(*(f"{name}@example.com {line(team.key(name))}" for name in people))
    yield team
    for laptop in team.laptops.values():
        laptop.close()
