from __future__ import annotations

import itertools
import signal
from typing import TYPE_CHECKING

import pytest

from tests.changelog.faults import CALLS, acknowledged, append_notes, check_and_go_on, need_strace

if TYPE_CHECKING:
    from pathlib import Path

each_call = pytest.mark.parametrize("call", CALLS)


@pytest.mark.slow
@pytest.mark.timeout(400)
@each_call
def test_a_kill_at_any_call_loses_nothing_that_was_acknowledged(tmp_path: Path, call: str) -> None:
    need_strace()
    for number in itertools.count(1):
        file = tmp_path / str(number) / "changelog.db"
        code, said = append_notes(file, 2, call=call, fault="signal=KILL", when=str(number))
        there = check_and_go_on(file, acknowledged(said))
        assert len(there) <= len(acknowledged(said)) + 1
        if code == 0:
            break
        assert code in (-signal.SIGKILL, 128 + signal.SIGKILL)
    assert len(acknowledged(said)) == 2
    assert number > 2


@pytest.mark.slow
@pytest.mark.timeout(400)
@each_call
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_a_disk_error_is_told_and_what_was_not_written_is_not_there(
    tmp_path: Path, call: str, error: str
) -> None:
    need_strace()
    refused = 0
    for number in range(1, 100, 3):
        file = tmp_path / str(number) / "changelog.db"
        code, said = append_notes(file, 3, call=call, fault=f"error={error}", when=str(number))
        assert code == 0
        assert check_and_go_on(file, acknowledged(said)) == acknowledged(said)
        if "ERR" not in said:
            break
        refused += 1
        assert said.count("ERR the changelog ") == 1
    assert refused


@pytest.mark.slow
@pytest.mark.timeout(400)
@each_call
def test_a_broken_disk_never_leads_to_a_broken_chain(tmp_path: Path, call: str) -> None:
    need_strace()
    for number in range(1, 60, 5):
        file = tmp_path / str(number) / "changelog.db"
        code, said = append_notes(file, 3, call=call, fault="error=EIO", when=f"{number}+")
        assert code == 0
        check_and_go_on(file, acknowledged(said))
