"""A fleet on paper: an opskit.toml and a changelog that somebody wrote, for commands that ask no host anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.changelog import open_changelog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opskit.changelog import Changelog

TOML = """
default_environment = "production"
[changelog]
name = "test"
[environments.production]
hosts = ["web[01-03]"]
[environments.staging]
hosts = ["stage01"]
[services.search]
path = "~/search"
hosts = "{search_on}"
source = {{ folder = "." }}
[services.shop]
path = "~/shop"
hosts = "*"
source = {{ folder = "." }}
{shop}
"""


def configure(folder: Path, *, shop: str = "", search_on: str = "*") -> None:
    """Write an opskit.toml with two services: more lines of the shop, and the hosts of search."""
    (folder / "opskit.toml").write_text(TOML.format(shop=shop, search_on=search_on))


@pytest.fixture
def changelog() -> Iterator[Changelog]:
    """The changelog of the fleet, which ann writes."""
    with open_changelog("test", actor="ann") as opened:
        yield opened
