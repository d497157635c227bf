"""A place to run runbooks in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.runbook.scripted import Stage

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.hosts import Hosts


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A place without hosts: what runs, runs here."""
    return Stage(tmp_path)


@pytest.fixture
def fleet_stage(tmp_path: Path, hosts: Hosts) -> Stage:
    """A place with four real hosts, all of them in the group web."""
    return Stage(tmp_path, hosts)
