"""Laptops whose clocks are wrong: order, filters and the log of everybody stay sane, and it is said."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog, Filter
from opskit.changelog import clock as clocks
from tests.changelog.memory import Memory, shared

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400_000
REAL = time.time_ns


class Laptop:
    """A laptop whose clock is off by so many milliseconds."""

    def __init__(self, folder: Path, name: str, off_ms: int, patch: pytest.MonkeyPatch) -> None:
        self.file, self.name, self.off_ms, self._patch = (
            folder / name / "changelog.db",
            name,
            off_ms,
            patch,
        )

    def _with_its_clock(self) -> None:
        self._patch.setattr(time, "time_ns", lambda: REAL() + self.off_ms * 1_000_000)
        self._patch.setattr(time, "time", lambda: (REAL() + self.off_ms * 1_000_000) / 1e9)

    def notes(self, text: str) -> None:
        self._with_its_clock()
        with Changelog(self.file, actor=self.name) as changelog:
            changelog.append("note", {"text": text})
        self._patch.undo()

    def shares(self, upstream: Memory) -> list[str]:
        upstream.clock = REAL() // 1_000_000
        self._with_its_clock()
        try:
            warnings: list[str] = shared(self.file, upstream).warnings
            return warnings
        finally:
            self._patch.undo()

    def reads(self, wanted: Filter | None = None) -> list[str]:
        with Changelog(self.file) as changelog:
            return [note.text for note in changelog.notes(wanted)]


@pytest.fixture
def team(tmp_path: Path) -> tuple[Laptop, Laptop, Laptop]:
    patch = pytest.MonkeyPatch()
    return (
        Laptop(tmp_path, "right", 0, patch),
        Laptop(tmp_path, "slow", -3 * DAY, patch),
        Laptop(tmp_path, "fast", 3652 * DAY, patch),
    )


def converge(team: tuple[Laptop, ...], upstream: Memory) -> None:
    for _ in range(2):
        for laptop in team:
            laptop.shares(upstream)


def test_a_clock_that_an_upstream_corrected_leaves_no_trace_in_the_order(
    team: tuple[Laptop, Laptop, Laptop],
) -> None:
    upstream = Memory()
    converge(team, upstream)
    said = []
    for number in range(3):
        for laptop in team:
            said.append(f"{laptop.name} {number}")
            laptop.notes(said[-1])
            laptop.shares(upstream)
    converge(team, upstream)
    for laptop in team:
        assert laptop.reads() == said[::-1]
    lately = Filter(since=datetime.now(UTC) - timedelta(hours=1))
    assert len(team[0].reads(lately)) == 9
    assert team[0].reads(Filter(until=datetime.now(UTC) - timedelta(hours=1))) == []


def test_a_clock_ten_years_fast_that_was_never_online_does_not_sit_on_top_for_ten_years(
    team: tuple[Laptop, Laptop, Laptop],
) -> None:
    right, _, fast = team
    upstream = Memory()
    fast.notes("written offline, ten years fast")
    fast.shares(upstream)
    right.shares(upstream)
    right.notes("written after it was seen")
    upstream.clock += 120_000
    time_after = REAL() // 1_000_000 + 120_000
    right._patch.setattr(time, "time_ns", lambda: time_after * 1_000_000)
    with Changelog(right.file, actor="right") as changelog:
        changelog.append("note", {"text": "two minutes later"})
    right._patch.undo()
    right.shares(upstream)
    fast.shares(upstream)
    for laptop in (right, fast):
        assert laptop.reads()[0] == "two minutes later"
    assert right.reads() == fast.reads()


def test_a_clock_three_days_slow_hides_nothing_and_never_falls_behind_what_it_has_seen(
    team: tuple[Laptop, Laptop, Laptop],
) -> None:
    right, slow, _ = team
    upstream = Memory()
    right.notes("first")
    right.shares(upstream)
    upstream.received.clear()
    shared_without_a_clock = Memory()
    shared_without_a_clock.packets = upstream.packets
    slow._with_its_clock()
    shared(slow.file, shared_without_a_clock)
    slow._patch.undo()
    slow.notes("an answer, by a slow clock that nobody corrected")
    assert slow.reads()[0].startswith("an answer")


def test_a_wrong_clock_stands_in_the_event_and_is_taken_into_account(
    team: tuple[Laptop, Laptop, Laptop],
) -> None:
    _, slow, _ = team
    upstream = Memory()
    slow.shares(upstream)
    slow.notes("x")
    with Changelog(slow.file) as changelog:
        (note,) = changelog.notes()
        header = changelog.show(note.id).event.header
    assert abs(header.clock["off"] - 3 * DAY) < 60_000  # type: ignore[operator]
    assert abs(note.at.timestamp() - REAL() / 1e9) < 60


def test_a_measurement_is_forgotten_when_somebody_sets_the_clock() -> None:
    measured = clocks.Offset(3 * DAY, 5, "boot", clocks.since_boot())
    assert measured.is_off
    assert measured.holds("boot")
    assert not measured.holds("another boot")
    assert not clocks.Offset(3 * DAY, 5, "boot", clocks.since_boot() - 3 * DAY).holds("boot")
    assert not clocks.Offset(400, 5, "boot", clocks.since_boot()).is_off
