"""What `opskit changelog verify` says of an upstream that is not the one that it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.test_sharing import Desk

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def desk(tmp_path: Path, opskit: Any) -> Desk:
    made = Desk(tmp_path, opskit)
    made.does("ana", "changelog", "init")
    return made


def test_an_upstream_that_was_known_and_is_empty_now_is_a_finding(desk: Desk) -> None:
    desk.does("ana", "note", "one")
    desk.share.write_bytes(b"")
    said = desk.does("ana", "changelog", "verify", expect=1)
    assert "it is known here as log " in said.stdout
    assert "and now it is empty" in said.stdout
    assert "--accept-new-log" in said.stderr
    assert "'It is gone'" in said.stderr


def test_another_log_is_told_once_with_what_it_most_likely_is(desk: Desk) -> None:
    desk.does("ana", "note", "one")
    desk.share.unlink()
    desk.does("ben", "changelog", "init")
    for _ in range(2):
        said = desk.does("ana", "changelog", "verify", expect=1)
        assert (said.stdout + said.stderr).count("is another log") == 1
        assert (
            "if it was replaced on purpose: opskit changelog sync --accept-new-log" in said.stderr
        )
