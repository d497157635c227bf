"""When an upstream received an event is its word alone: what cannot be is not believed, and what changes is named."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog, timing
from opskit.changelog.auditing import Audited, audit
from tests.changelog.memory import Memory, shared

if TYPE_CHECKING:
    from pathlib import Path

HOUR, DAY = 3_600_000, 86_400_000
REAL = time.time_ns
MINUTE = 60_000


class Team:
    """Ana and ben write in turns, a minute apart, by clocks that are right, or as the upstream's clock says."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.patch = folder, patch
        self.log = Memory()
        self.now = REAL() // 1_000_000 - DAY

    def file(self, name: str) -> Path:
        return self.folder / name / "changelog.db"

    def at(self, off: int = 0) -> None:
        self.patch.setattr(time, "time_ns", lambda: (self.now + off) * 1_000_000)

    def writes(self, name: str, *, off: int = 0, clock: int = 0) -> None:
        """Let somebody write and push; its clock is `off`, the upstream's is `clock`."""
        self.now += MINUTE
        self.at(off)
        with Changelog(self.file(name), actor=name) as changelog:
            changelog.append("note", {"text": f"{name} {changelog.count()}"})
        self.syncs(name, clock=clock)

    def syncs(self, name: str, *, clock: int = 0, again: bool = False) -> list[str]:
        self.at()
        self.log.clock = self.now + clock
        warnings: list[str] = shared(self.file(name), self.log, again=again).warnings
        return warnings

    def looks(self, name: str) -> Audited:
        return audit(self.file(name), self.log)

    def reads(self, name: str) -> list[tuple[int, str]]:
        with Changelog(self.file(name)) as changelog:
            assert changelog.verify() == []
            return [(round(note.at.timestamp() * 1000), note.text) for note in changelog.notes()]


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    team = Team(tmp_path, monkeypatch)
    for _ in range(4):
        for name in ("ana", "ben"):
            team.writes(name)
    team.syncs("ana")
    return team


@pytest.mark.parametrize("places", [[4], [4, 5], [8], [5, 6, 7, 8]])
@pytest.mark.parametrize("by", [-3 * DAY, -2 * HOUR])
def test_a_time_that_was_put_back_is_named_and_nobody_new_believes_it(
    team: Team, places: list[int], by: int
) -> None:
    before, honest = team.reads("ana"), dict(team.log.received)
    for pos in places:
        team.log.received[pos] += by
    for name in ("ana", "ben"):
        found = team.looks(name).problems
        assert len(found) == len(places)
        assert f"place {places[0]}, event " in found[0].where
        assert "altered: it says now that it received it at" in found[0].what
    said = team.syncs("new")
    assert said
    assert all("a time of receipt that cannot be, and that is not believed" in w for w in said)
    assert team.reads("new") == before, (
        "the time of its writer, not a lie about the writer's clock"
    )
    (first, *_) = team.looks("new").problems
    assert "out of the order of its places; its writer signed" in first.what
    team.log.received |= honest
    assert "sync --again" in team.looks("new").remarks[0].what
    team.syncs("new", again=True)
    audited = team.looks("new")
    assert (audited.problems, audited.remarks) == ([], [])
    assert team.reads("new") == before


def test_a_time_that_was_put_forward_is_named_too(team: Team) -> None:
    team.log.received[4] += 3 * DAY
    assert "place 4" in team.looks("ana").problems[0].where
    assert team.syncs("new")
    assert team.reads("new") == team.reads("ana")
    (problem,) = team.looks("new").problems
    assert "place 4" in problem.where
    assert "which is out of the order of its places" in problem.what


def test_a_laptop_that_took_a_wrong_time_takes_the_right_one_again(team: Team) -> None:
    """All times up to some place were put back: their order is kept, and nobody new can tell for certain."""
    before, honest = team.reads("ana"), dict(team.log.received)
    for pos in range(1, 6):
        team.log.received[pos] -= 3 * DAY
    assert len(team.looks("ana").problems) == 5
    assert team.syncs("new") == []
    assert team.reads("new") != before
    (remark,) = team.looks("new").remarks
    assert (
        "received places 1 to 5 before several writers wrote them, as they signed" in remark.what
    )
    team.log.received |= honest
    (first, *_) = team.looks("new").problems
    assert "opskit changelog sync --again takes it" in first.what
    team.syncs("new", again=True)
    assert team.looks("new").problems == []
    assert team.reads("new") == before == team.reads("ana")


@pytest.mark.parametrize("off", [0, 10 * MINUTE, -10 * MINUTE])
@pytest.mark.parametrize("step", [2 * HOUR, -2 * HOUR, 3 * DAY])
def test_a_clock_of_the_upstream_that_was_set_accuses_nobody(
    team: Team, step: int, off: int
) -> None:
    """It was wrong for a while, and was set right: laptops, which go by it, sign the same."""
    for clock in (step, step, step, 0, 0, 0, 0):
        for name in ("ana", "ben"):
            team.syncs(name, clock=clock)
            team.writes(name, off=off, clock=clock)
    for name in ("ana", "ben", "new"):
        assert team.syncs(name) == []
        audited = team.looks(name)
        assert audited.problems == []
        assert all("clock was" in remark.what for remark in audited.remarks)
    assert team.looks("new").remarks
    assert team.reads("new") == team.reads("ana") == team.reads("ben")


def test_laptops_whose_clocks_are_wrong_accuse_nobody(team: Team) -> None:
    for _ in range(3):
        team.writes("ana", off=3 * DAY)
        team.writes("ben", off=-3 * DAY)
        team.writes("cleo", off=20 * MINUTE)
    for name in ("ana", "ben", "cleo", "new"):
        team.syncs(name)
        assert team.looks(name).problems == []


def test_a_log_that_is_one_fall_of_times_after_another_is_looked_at_quickly() -> None:
    many = 100_000
    times = [10**12 - n * HOUR for n in range(many)]
    began = time.monotonic()
    found = timing.look(times, lambda number: times[number])
    assert len(found.set_back) == many - 1
    assert time.monotonic() - began < 60


def test_runs_that_were_received_before_one_writer_wrote_them_are_a_clock() -> None:
    received, written = [DAY] * 4, [2 * DAY] * 4
    assert timing.early(received, written, ["a"] * 4) == []
    assert timing.early(received, written, ["a", "a", "b", "b"]) == [(0, 3)]
    assert timing.early([0, *received], [9 * DAY, *written[:2], 0, 0], list("zabcd")) == [(1, 2)]
