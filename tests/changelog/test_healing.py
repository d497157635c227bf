"""A body that an upstream withheld or swapped is filled in when a true copy comes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog
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
