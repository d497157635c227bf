"""Whose word counts in a freeze, and what stands in an event that nobody of us wrote."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from opskit.changelog import Changelog, OtherEntry
from opskit.config.model import ChangelogSettings
from opskit.rollout.freeze import said

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SETTINGS = ChangelogSettings()


class Judging(Changelog):
    """A changelog in which it is said who vouches for whom."""

    standings: dict[str, str]

    def judged(self, entries: Iterable[Any], *_: Any, **__: Any) -> tuple[Any, ...]:
        return tuple(e._replace(standing=self.standings.get(e.id, "attested")) for e in entries)


@pytest.fixture
def changelog(tmp_path: Path) -> Iterator[Judging]:
    with Judging(tmp_path / "a" / "changelog.db", actor="ana") as made:
        made.standings = {}
        yield made


def freezes(changelog: Changelog) -> list[str]:
    return [freeze.why for freeze in said(changelog, SETTINGS)]


def freeze(changelog: Changelog, **body: object) -> Any:
    return changelog.append("freeze", {"why": "x", "until": 0, **body}, environment="production")


def thaw(changelog: Changelog, *events: Any) -> Any:
    hashes = [event.hash.hex() for event in events]
    return changelog.append("thaw", {"why": "y", "freezes": hashes}, environment="production")


def test_a_thaw_ends_the_freezes_that_it_names(changelog: Judging) -> None:
    one, _ = freeze(changelog, why="one"), freeze(changelog, why="two")
    thaw(changelog, one)
    assert freezes(changelog) == ["two"]


def test_what_a_revoked_writer_says_counts_for_nothing(changelog: Judging) -> None:
    one = freeze(changelog)
    changelog.standings = {one.id: "revoked"}
    assert freezes(changelog) == []
    changelog.standings = {thaw(changelog, one).id: "revoked"}
    assert freezes(changelog) == ["x"]


def test_nobody_vouched_for_ends_only_freezes_of_its_own(
    changelog: Judging, tmp_path: Path
) -> None:
    """A freeze at night, without an agent, holds; who cannot show a key ends no other's."""
    one = freeze(changelog)
    changelog.standings = {one.id: "unattested"}
    assert freezes(changelog) == ["x"]
    with Changelog(tmp_path / "b" / "changelog.db", actor="mallory") as other:
        foreign = thaw(other, one)
        lines: list[str] = []
        other.export(lines.append)
    changelog.take_in(lines)
    changelog.standings[foreign.id] = "unattested"
    assert freezes(changelog) == ["x"]
    changelog.standings[foreign.id] = "attested"
    assert freezes(changelog) == []
    changelog.standings = {one.id: "unattested", foreign.id: "unattested"}
    changelog.standings[thaw(changelog, one).id] = "unattested"
    assert freezes(changelog) == []


@pytest.mark.parametrize("until", ["soon", None, -5, True, [], {}])
def test_an_end_that_is_none_is_no_end(changelog: Judging, until: object) -> None:
    freeze(changelog, until=until)
    (found,) = said(changelog, SETTINGS)
    assert found.until is None
    assert found.line.startswith("production is frozen by ana (")


def test_an_end_in_the_far_future_can_be_told(changelog: Judging) -> None:
    freeze(changelog, until=2**53 - 1)
    (found,) = said(changelog, SETTINGS)
    assert "9999" in found.line


def test_whatever_stands_in_a_body_freezes_or_thaws_and_stops_nothing(changelog: Judging) -> None:
    changelog.append("freeze", {"why": 5}, environment="production")
    changelog.append("thaw", {"freezes": "all"}, environment="production")
    changelog.append("thaw", {"freezes": [7, {}]}, environment="production")
    assert freezes(changelog) == ["[no reason]"]
    assert all(isinstance(entry, OtherEntry) for entry in changelog.entries())


def test_after_its_end_it_is_over(changelog: Judging) -> None:
    freeze(changelog, until=int((datetime.now(UTC) - timedelta(minutes=1)).timestamp() * 1000))
    assert freezes(changelog) == []
