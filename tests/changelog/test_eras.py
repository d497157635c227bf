"""An upstream is set back, again and again: nobody is accused for it, and what is really wrong is still named."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opskit.changelog import Changelog
from opskit.changelog.auditing import audit
from opskit.errors import UpstreamLiesError
from tests.changelog.memory import Memory, shared

if TYPE_CHECKING:
    from opskit.changelog.verify import Problem

NAMES = ("ana", "ben", "cleo")


pytestmark = pytest.mark.usefixtures("quick_disk")


class Fleet:
    """Laptops that share through one log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = Memory()
        self.said: list[str] = []

    def file(self, name: str) -> Path:
        return self.folder / name / "changelog.db"

    def writes(self, name: str) -> None:
        with Changelog(self.file(name), actor=name) as changelog:
            changelog.append("note", {"text": f"{name} {changelog.count()}"})

    def syncs(self, name: str, log: Memory | None = None) -> list[str]:
        warnings: list[str] = shared(self.file(name), log or self.log).warnings
        self.said += warnings
        return warnings

    def heals(self) -> None:
        for _ in range(2):
            for name in NAMES:
                self.syncs(name)

    def verify(self, name: str) -> tuple[list[Problem], list[Problem]]:
        remarks: list[Problem] = []
        with Changelog(self.file(name)) as changelog:
            found = changelog.verify(remarks)
        audited = audit(self.file(name), self.log)
        return [*found, *audited.problems], remarks

    def alarms(self, name: str) -> list[str]:
        with Changelog(self.file(name)) as changelog:
            return [alarm.trick for alarm in changelog.alarms()]


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def plays(fleet: Fleet, steps: list[tuple[str, int]]) -> None:
    for step, number in steps:
        name = NAMES[number % 3]
        if step == "write":
            fleet.writes(name)
        elif step == "sync":
            fleet.syncs(name)
        elif step == "heal":
            fleet.heals()
        else:
            del fleet.log.packets[max(0, len(fleet.log.packets) - number) :]


STEPS = st.tuples(
    st.sampled_from(["write", "write", "sync", "sync", "sync", "set back", "heal"]),
    st.integers(0, 5),
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(steps=st.lists(STEPS, min_size=6, max_size=24))
def test_whenever_a_log_is_set_back_all_is_well_after_everybody_synced(
    steps: list[tuple[str, int]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        fleet = Fleet(Path(folder))
        plays(fleet, steps)
        fleet.heals()
        for name in NAMES:
            assert fleet.verify(name) == ([], [])
        fleet.syncs("new")
        assert fleet.verify("new") == ([], [])
        for words in fleet.said:
            assert "events were moved" not in words
        counts = {name: _count(fleet.file(name)) for name in (*NAMES, "new")}
        assert len(set(counts.values())) == 1, counts


def _count(file: Path) -> int:
    with Changelog(file) as changelog:
        return changelog.count()


@settings(max_examples=25, deadline=None, derandomize=True)
@given(steps=st.lists(STEPS, min_size=4, max_size=16), place=st.integers(0, 50))
def test_a_split_view_is_named_whatever_was_set_back_before(
    steps: list[tuple[str, int]], place: int
) -> None:
    """One event is hidden from ben for good; what is written from then on speaks of what he does not see."""
    with tempfile.TemporaryDirectory() as folder:
        fleet = Fleet(Path(folder))
        plays(fleet, steps)
        fleet.heals()
        fleet.writes("cleo")
        fleet.syncs("cleo")
        hidden = fleet.log.packets[-1]
        fleet.syncs("ana")
        fleet.writes("ana")
        fleet.syncs("ana")
        view = Memory()
        view.packets = [each for each in fleet.log.packets if each != hidden]
        said = fleet.syncs("ben", view)
        assert any("saw another history" in words for words in said)
        assert "split view" in fleet.alarms("ben")
        with Changelog(fleet.file("ben")) as changelog:
            assert "saw another history" in str(changelog.verify()[0])


@pytest.mark.parametrize("backs", [0, 1, 2])
def test_what_was_taken_out_or_moved_is_named_until_there_is_a_new_log(
    fleet: Fleet, backs: int
) -> None:
    for name in NAMES:
        for _ in range(3):
            fleet.writes(name)
            fleet.syncs(name)
    for _ in range(backs):
        del fleet.log.packets[-2:]
        fleet.heals()
    fleet.heals()
    assert fleet.verify("ben") == ([], [])
    first = next(i for i, each in enumerate(fleet.log.packets) if each.seq == 1)
    taken = fleet.log.packets.pop(first)
    for name in ("ben", "cleo"):
        (said,) = fleet.syncs(name)
        assert "events were moved or taken out" in said
        problems, _ = fleet.verify(name)
        assert "says something else than before, from place 1 on" in str(problems[0])
    with pytest.raises(UpstreamLiesError):
        fleet.syncs("ana")
    fleet.log.packets.insert(first, taken)
    shared(fleet.file("ben"), Memory("cd" * 16), accept=True)
    with Changelog(fleet.file("ben")) as changelog:
        assert changelog.verify() == []


def test_each_set_back_is_a_fact_of_its_own_and_told_with_its_place(fleet: Fleet) -> None:
    for number in range(3):
        fleet.writes("ana")
        fleet.writes("ana")
        fleet.syncs("ana")
        gone = len(fleet.log.packets) - 1
        del fleet.log.packets[gone:]
        (warning,) = fleet.syncs("ana")
        assert f"was set back to an earlier state, from place {gone + 1} on" in warning
        assert fleet.alarms("ana") == ["rewound"] * (number + 1)


def test_who_was_not_there_is_told_of_it_without_a_fright(fleet: Fleet) -> None:
    """The writer of what saw the old history never comes back: nobody else can say what it was."""
    fleet.writes("ana")
    fleet.syncs("ana")
    fleet.writes("ben")
    fleet.syncs("ben")
    fleet.syncs("cleo")
    fleet.writes("cleo")
    fleet.syncs("cleo")
    kept = fleet.log.packets[2]
    del fleet.log.packets[1:]
    fleet.log.packets.append(
        kept
    )  # one with the role opskit_relay pushed it, before ben came back
    (warning,) = fleet.syncs("new")
    assert "it was set back before this laptop could know (then nothing is to be done)" in warning
    assert fleet.syncs("new") == []
    assert fleet.alarms("new") == []
    problems, (remark,) = fleet.verify("new")
    assert problems == []
    assert remark.what in warning
    fleet.syncs("ben")
    fleet.syncs("cleo")
    fleet.syncs("new")
    assert fleet.verify("new") == ([], [])


def test_what_a_log_shows_is_compared_after_it_was_accepted_again(fleet: Fleet) -> None:
    for _ in range(3):
        fleet.writes("ana")
        fleet.syncs("ana")
    shared(fleet.file("ana"), Memory("cd" * 16), accept=True)
    del fleet.log.packets[1:]
    done = shared(fleet.file("ana"), fleet.log, accept=True)
    assert "set back" in done.warnings[0]
    assert fleet.verify("ana") == ([], [])


def _fast(patch: pytest.MonkeyPatch, minutes: int) -> None:
    import time

    real = time.time_ns
    patch.setattr(time, "time_ns", lambda: real() + minutes * 60 * 10**9)


@pytest.mark.parametrize("synced_again", [False, True])
def test_the_index_says_what_the_events_say_after_a_set_back_with_a_fast_clock(
    fleet: Fleet, synced_again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.changelog.writing import whole

    fleet.log.clock = 1_000 * 1_700_000_000
    fleet.syncs("ben")
    with monkeypatch.context() as patch:
        _fast(patch, 10)
        with Changelog(fleet.file("ana"), actor="ana") as changelog:
            whole(changelog)
            changelog.append("note", {"text": "by a fast clock"})
    _received_now(fleet)
    fleet.syncs("ana")
    fleet.syncs("ben")
    del fleet.log.packets[1:]
    if synced_again:
        fleet.log.clock += 120_000
        fleet.heals()
    else:
        fleet.syncs("ben")
    assert fleet.verify("ben") == ([], [])
    remarks = audit(fleet.file("ben"), fleet.log).remarks
    assert len(remarks) == synced_again, "ana pushed all as it was, and only the times are new"
    assert all("it was set back, and all was pushed again as it was" in r.what for r in remarks)
    shared(fleet.file("ben"), fleet.log, again=True)
    assert fleet.verify("ben") == ([], [])
    fleet.heals()
    assert fleet.verify("ana") == ([], [])


def _received_now(fleet: Fleet) -> None:
    import time

    fleet.log.clock = time.time_ns() // 1_000_000
