from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog, open_changelog
from tests.support.browser import Browser, chromium
from tests.support.missing import missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.cli import Opskit

TOML = """
default_environment = "production"
[changelog]
name = "fleet"
[environments.production]
hosts = ["web[01-20]", "db01"]
[environments.staging]
hosts = ["stage01"]
"""


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A real Chromium; skipped where there is none, which CI must not do."""
    program = chromium()
    if program is None:
        missing("Chromium")
    opened = Browser(program, tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()


@pytest.fixture
def changelog() -> Iterator[Changelog]:
    """The changelog that the CLI reads, written here in place of rollouts."""
    with open_changelog("fleet", actor="ann@laptop") as opened:
        yield opened


@dataclass(frozen=True)
class Maker:
    """`web("-s", "shop")` makes the page and gives its file."""

    opskit: Opskit
    file: Path

    def __call__(self, *options: str) -> Path:
        self.opskit("log", "--web", self.file, *options)
        return self.file


@pytest.fixture
def web(opskit: Opskit, tmp_path: Path) -> Maker:
    """A project, and `opskit log --web` in it."""
    (tmp_path / "opskit.toml").write_text(TOML)
    return Maker(opskit, tmp_path / "page.html")
