"""A body that is taken away leaves no trace in what is derived from events, whichever event of a rollout it was."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog, Filter
from tests.changelog.writing import whole

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ("rollout.started", "rollout.hosts", "rollout.finished")


@pytest.mark.parametrize("kind", KINDS)
def test_any_event_of_a_rollout_can_be_redacted_and_the_index_follows(
    changelog: Changelog, file: Path, kind: str
) -> None:
    before = whole(changelog, why="the one before", hosts=("web01",), to=1)
    name = whole(changelog, "failed", why="password hunter2zebra", hosts=("web01", "web09"))
    event = next(e for e in changelog.rollout(name).events if e.header.kind == kind)
    changelog.redact(event.hash.hex(), why="a password")
    assert changelog.verify() == []
    assert changelog.rollout(before).outcome == "done"
    assert {entry.id for entry in changelog.rollouts()} == {before, name}
    touched = [entry.id for entry in changelog.entries(Filter(hosts=("web09",)))]
    assert touched == [name], "the other events still name the host"
    if kind == "rollout.started":
        assert changelog.entries(Filter(grep="hunter2zebra")) == ()
        assert b"hunter2zebra" not in file.read_bytes()


def test_all_of_a_rollout_and_a_note_about_hosts_can_be_redacted(
    changelog: Changelog, file: Path
) -> None:
    name = whole(changelog, hosts=("web01",))
    note = changelog.append("note", {"text": "x", "hosts": ["web07"]})
    for event in (*changelog.rollout(name).events, note):
        changelog.redact(event.hash.hex(), why="all of it")
    assert changelog.verify() == []
    assert changelog.entries(Filter(hosts=("web01", "web07"))) == ()
    assert changelog.live("shop", "production") == {}
    with contextlib.closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT count(*) FROM stale").fetchone() == (0,)
