"""What sharing tells without being asked: what waits, and what was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.cli.sharing import OFFLINE
from tests.cli.test_sharing import Desk

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Opskit


@pytest.fixture
def desk(tmp_path: Path, opskit: Opskit) -> Desk:
    made = Desk(tmp_path, opskit)
    made.does("ana", "changelog", "init")
    return made


def test_offline_says_how_many_events_wait(desk: Desk) -> None:
    desk.does("ana", "note", "pushed")
    assert "wait" not in desk.does("ana", "log", "--offline").stderr
    said = desk.does("ana", "note", "one", "--offline").stderr
    assert said.endswith(f"1 event of this machine waits for the upstream: {OFFLINE}\n")
    desk.does("ana", "note", "two", "--offline")
    for words in (("log", "--offline"), ("log", "--json", "--offline")):
        said = desk.does("ana", *words).stderr
        assert f"2 events of this machine wait for the upstream: {OFFLINE}" in said
    assert "wait" not in desk.does("ana", "log").stderr


def test_init_says_when_it_made_the_folder_too(desk: Desk) -> None:
    desk.configure(upstream=f"file://{desk.folder}/shrae/log")
    said = desk.does("ana", "changelog", "init").stdout.splitlines()[0]
    assert said.endswith(
        "/shrae/log is ready; its folder was not there, and was made: is that the right path?"
    )
    (desk.folder / "made").mkdir()
    desk.configure(upstream=f"file://{desk.folder}/made/log")
    assert desk.does("ana", "changelog", "init").stdout.splitlines()[0].endswith("is ready")
