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
            laptop.shares(
                upstream
            )  # what was seen stands before what is written then, to the millisecond
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


def test_one_note_by_a_fast_clock_takes_nobody_elses_place_afterwards(tmp_path: Path) -> None:
    patch, upstream = pytest.MonkeyPatch(), Memory()
    ana, ben = (Laptop(tmp_path, name, 0, patch) for name in ("ana", "ben"))
    for laptop in (ana, ben):
        laptop.shares(upstream)
    ben.off_ms = 3 * DAY
    ben.notes("on a plane, three days fast")
    ben.off_ms = 0
    said = ["on a plane, three days fast"]
    for number in range(4):
        for laptop in (ben, ana):
            said.append(f"{laptop.name} {number}, by a clock that is right")
            laptop.shares(upstream)
            laptop.notes(said[-1])
            laptop.shares(upstream)
    converge((ana, ben), upstream)
    assert ana.reads() == ben.reads() == said[::-1]
    with Changelog(ana.file) as changelog:
        first = changelog.notes()[-1]
        assert abs(first.at.timestamp() - REAL() / 1e9) < 60, "not later than it was received"
        assert changelog.verify() == []
    assert "on a plane" not in str(ana.reads(Filter(since=datetime.now(UTC) + timedelta(days=1))))


def test_what_was_written_offline_by_a_fast_clock_stays_in_its_order(tmp_path: Path) -> None:
    patch, upstream = pytest.MonkeyPatch(), Memory()
    fast, other = Laptop(tmp_path, "fast", 9 * DAY, patch), Laptop(tmp_path, "other", 0, patch)
    for number in range(30):
        fast.notes(f"{number}")
    converge((fast, other), upstream)
    assert other.reads() == fast.reads() == [f"{number}" for number in reversed(range(30))]


@pytest.mark.parametrize("year", [-4000, 1970, 2101, 290_000])
def test_an_upstream_with_an_absurd_clock_is_not_believed_and_stops_nothing(
    tmp_path: Path, year: int
) -> None:
    laptop, upstream = Laptop(tmp_path, "ana", 0, pytest.MonkeyPatch()), Memory()
    upstream.clock = round((year - 1970) * 365.2425 * DAY) or 1
    with Changelog(laptop.file, actor="ana") as changelog:
        assert "not believed" in shared(laptop.file, upstream).warnings[0]
        event = changelog.append("note", {"text": "x"})
        assert event.header.clock == {}
        assert abs(event.header.hlc / 65536 - REAL() / 1e6) < 60_000


def test_an_upstream_may_not_send_a_clock_years_ahead_but_set_one_back() -> None:
    now = 1_800_000_000_000
    assert clocks.is_believable(now, now + 3 * DAY)
    assert not clocks.is_believable(now, now + 50 * 365 * DAY)
    assert clocks.is_believable(now, now - 5 * 365 * DAY)
    assert clocks.is_believable(now + 400 * 365 * DAY, now)
    assert clocks.is_believable(0, now), "a laptop whose battery was empty"


@pytest.mark.parametrize("seconds", [-62_167_219_200, 0, 4_500_000_000, 9_000_000_000_000])
def test_a_machine_with_an_absurd_clock_still_writes(
    changelog: Changelog, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    before = changelog.append("note", {"text": "by a clock that is right"})
    monkeypatch.setattr(time, "time_ns", lambda: seconds * 10**9)
    for text in ("one", "two"):
        changelog.append("note", {"text": text})
    monkeypatch.undo()
    last = changelog.append("note", {"text": "last"})
    assert last.header.hlc > before.header.hlc
    assert changelog.notes()[0].text == "last"
    assert changelog.verify() == []
