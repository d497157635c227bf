"""Processes killed, and disks that fail, at every write and sync: alone, among others, and while events come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.changelog.faults import (
    CALLS,
    HEAVY,
    check_and_go_on,
    check_and_receive,
    exported,
    need_strace,
    points,
    run,
    worker,
)

if TYPE_CHECKING:
    from pathlib import Path

each_call = pytest.mark.parametrize("call", CALLS)
each_error = pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000 if HEAVY else 300)]
FEW = 5


@pytest.fixture(autouse=True)
def _strace() -> None:
    need_strace()


@each_call
def test_a_kill_at_any_call_loses_nothing_that_was_acknowledged(tmp_path: Path, call: str) -> None:
    kills = 0
    numbers = points(tmp_path, worker(tmp_path / "try.db", 2), call=call, few=FEW)
    for number in numbers:
        file = tmp_path / str(number) / "changelog.db"
        (ran,) = run(worker(file, 2), call=call, fault="signal=KILL", when=str(number))
        assert ran.killed or ran.code == 0  # not every run makes equally many calls
        there = check_and_go_on(file, ran.acknowledged)
        assert len(there) <= len(ran.acknowledged) + 1
        kills += ran.killed
    print(f"FIGURES alone, {call}: {kills} kills, 0 lost")
    assert kills > len(numbers) / 2


@each_call
def test_a_kill_of_one_among_several_loses_nothing(tmp_path: Path, call: str) -> None:
    kills = 0
    export = exported(tmp_path, 6)
    for number in points(tmp_path, worker(tmp_path / "try.db", 3), call=call, few=2):
        file = tmp_path / str(number) / "changelog.db"
        ends = run(
            worker(file, 3, "victim"),
            worker(file, 3, "beside"),
            worker(file, "receive", export),
            call=call,
            fault="signal=KILL",
            when=str(number),
        )
        kills += ends[0].killed  # who comes second has fewer calls to make
        assert [end.code for end in ends[1:]] == [0, 0]
        assert [len(end.acknowledged) for end in ends[1:]] == [3, 6]
        known = set().union(*(end.acknowledged for end in ends))
        assert len(check_and_go_on(file, known)) <= len(known) + 1
    print(f"FIGURES among several, {call}: {kills} kills, 0 lost")


@each_call
def test_a_kill_while_events_come_in_loses_nothing_and_the_pull_goes_on(
    tmp_path: Path, call: str
) -> None:
    export, kills = exported(tmp_path, 6), 0
    trial = worker(tmp_path / "try.db", "receive", export)
    numbers = points(tmp_path, trial, call=call, few=3)
    for number in numbers:
        file = tmp_path / str(number) / "changelog.db"
        (ran,) = run(
            worker(file, "receive", export), call=call, fault="signal=KILL", when=str(number)
        )
        assert ran.killed or ran.code == 0
        check_and_go_on(file, ran.acknowledged)
        check_and_receive(file, export)
        kills += ran.killed
    print(f"FIGURES receiving, {call}: {kills} kills, 0 lost")
    assert kills > len(numbers) / 2


@each_call
@each_error
def test_a_disk_error_is_told_and_what_was_not_written_is_not_there(
    tmp_path: Path, call: str, error: str
) -> None:
    refused = 0
    numbers = points(tmp_path, worker(tmp_path / "try.db", 3), call=call, few=FEW - 1)
    for number in numbers:
        file = tmp_path / str(number) / "changelog.db"
        (ran,) = run(worker(file, 3), call=call, fault=f"error={error}", when=str(number))
        assert ran.code == 0
        assert check_and_go_on(file, ran.acknowledged) == ran.acknowledged
        assert ran.said.count("ERR the changelog ") <= 1
        refused += "ERR" in ran.said
        # not told of: the commit stood, and a second one made sure of it
        assert "ERR" in ran.said or len(ran.acknowledged) == 3
    stood = len(numbers) - refused
    print(
        f"FIGURES {error}, {call}: {len(numbers)} faults, {refused} told, {stood} made good, 0 lost"
    )
    assert refused


@each_call
@each_error
def test_a_disk_error_of_one_among_several_hurts_no_other(
    tmp_path: Path, call: str, error: str
) -> None:
    export = exported(tmp_path, 6)
    numbers = points(tmp_path, worker(tmp_path / "try.db", 3), call=call, few=1)
    for number in numbers:
        file = tmp_path / str(number) / "changelog.db"
        ends = run(
            worker(file, 3, "victim"),
            worker(file, 3, "beside"),
            worker(file, "receive", export),
            call=call,
            fault=f"error={error}",
            when=str(number),
        )
        assert [end.code for end in ends] == [0, 0, 0]
        assert [len(end.acknowledged) for end in ends[1:]] == [3, 6]
        known = set().union(*(end.acknowledged for end in ends))
        assert check_and_go_on(file, known) == known
    print(f"FIGURES {error} among several, {call}: {len(numbers)} faults, 0 lost")


@each_call
@each_error
def test_a_disk_error_while_events_come_in_is_told_and_the_pull_goes_on(
    tmp_path: Path, call: str, error: str
) -> None:
    export, told = exported(tmp_path, 6), 0
    trial = worker(tmp_path / "try.db", "receive", export)
    numbers = points(tmp_path, trial, call=call, few=2)
    for number in numbers:
        file = tmp_path / str(number) / "changelog.db"
        (ran,) = run(
            worker(file, "receive", export), call=call, fault=f"error={error}", when=str(number)
        )
        assert ran.code == 0
        assert len(check_and_go_on(file, ran.acknowledged)) == 6
        told += "ERR" in ran.said
    print(f"FIGURES {error} receiving, {call}: {len(numbers)} faults, {told} told, 0 lost")


@each_call
def test_a_broken_disk_never_leads_to_a_broken_chain(tmp_path: Path, call: str) -> None:
    numbers = points(tmp_path, worker(tmp_path / "try.db", 3), call=call, few=FEW - 2)
    for number in numbers:
        file = tmp_path / str(number) / "changelog.db"
        (ran,) = run(worker(file, 3), call=call, fault="error=EIO", when=f"{number}+")
        assert ran.code == 0
        check_and_go_on(file, ran.acknowledged)
    print(f"FIGURES broken disk, {call}: {len(numbers)} faults, 0 lost")
