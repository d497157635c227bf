"""A body that an upstream withheld or swapped is filled in when a true copy comes."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog
from opskit.changelog.packet import Pushed
from opskit.errors import ChangelogError
from tests.changelog.memory import Memory, shared
from tests.changelog.writing import whole

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.changelog.packet import Arrival


@pytest.mark.parametrize("body", [None, b'{"text":"another"}'])
def test_a_true_copy_heals_what_came_without_its_body(tmp_path: Path, body: bytes | None) -> None:
    ana, ben = (tmp_path / name / "changelog.db" for name in ("ana", "ben"))
    with Changelog(ana, actor="ana") as changelog:
        rollout = whole(changelog, why="the reason")
    upstream = Memory()
    shared(ana, upstream)

    def without(page: list[Arrival]) -> list[Arrival]:
        return [
            replace(each, packet=each.packet and replace(each.packet, body=body)) for each in page
        ]

    upstream.lie = without
    shared(ben, upstream)
    with Changelog(ben) as changelog:
        assert "its body is missing" in str(changelog.verify()[0])
        assert changelog.live("shop", "production") == {}
        upstream.lie = lambda page: page
        shared(ben, upstream)
        assert changelog.verify(), "a sync that only goes on brings nothing back"
        shared(ben, upstream, again=True)
        assert changelog.verify() == []
        assert changelog.rollout(rollout).why == "the reason"
        assert changelog.live("shop", "production")["web01"].rollout == rollout


def test_a_redacted_body_does_not_come_back(tmp_path: Path) -> None:
    lines: list[str] = []
    with Changelog(tmp_path / "ana" / "changelog.db", actor="ana") as changelog:
        event = changelog.append("note", {"text": "the password"})
        changelog.export(lines.append)
        changelog.redact(event.hash.hex(), why="a password")
        assert changelog.take_in(lines).known == 1
        assert changelog.show(event.id).event.damage == "redacted"


def test_a_damaged_file_here_is_not_the_upstreams_lie(tmp_path: Path) -> None:
    """The page of an index is damaged, and what the upstream gives may not be found again here."""
    ana, upstream = tmp_path / "ana" / "changelog.db", Memory()
    with Changelog(ana, actor="ana") as changelog:
        changelog.append("note", {"text": "shared"})
        shared(ana, upstream)
        changelog.append("note", {"text": "one more"})
    with sqlite3.connect(ana) as db:
        named = "SELECT rootpage FROM sqlite_schema WHERE name = 'event_hlc'"
        (page,) = db.execute(named).fetchone()
    db.close()
    content = bytearray(ana.read_bytes())
    content[page * 4096 - 20 : page * 4096] = b"\x01" * 20
    ana.write_bytes(content)
    upstream.push = lambda *_, **__: Pushed("ok", 2)  # type: ignore[method-assign]
    with pytest.raises(ChangelogError, match="the changelog here is damaged") as caught:
        shared(ana, upstream)
    assert "rebuild" in caught.value.hint
    with Changelog(ana) as changelog:
        assert changelog.alarms() == []
