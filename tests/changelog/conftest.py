from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog
from tests.changelog.keys import line
from tests.changelog.team import Team

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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
