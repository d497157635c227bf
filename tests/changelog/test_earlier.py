"""Records as they were at an earlier time: nothing that was written later shows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog
from opskit.changelog.earlier import rollout_at, run_at
from tests.changelog.running import begin
from tests.changelog.running import finish as finish_run
from tests.changelog.writing import ELSEWHERE, finish, results, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOMENT = timedelta(milliseconds=1)


@pytest.fixture
def changelog(tmp_path: Path) -> Iterator[Changelog]:
    with Changelog(tmp_path / "changelog.db", actor="ann") as opened:
        yield opened


def test_a_rollout_is_told_as_far_as_it_was_written(
    changelog: Changelog, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(1_790_000_000, 1_790_000_100))
    monkeypatch.setattr("time.time", lambda: float(next(seconds)))
    monkeypatch.setattr("time.time_ns", lambda: next(seconds) * 10**9)
    name = start(changelog, machine=ELSEWHERE)
    results(changelog, name, {"web01": "done", "web02": "failed"})
    finish(changelog, name, "partial")
    changelog.append("note", {"text": "slow"}, rollout=name)
    changelog.append("verdict", {"verdict": "guilty", "why": "so"}, rollout=name)
    record = changelog.rollout(name)
    times = [event.at_ms for event in record.events]
    assert times == sorted(set(times))
    assert rollout_at(record, record.at - MOMENT) is None
    told = []
    for event_ms in times:
        was = rollout_at(record, record.at + timedelta(milliseconds=event_ms - times[0]))
        assert was is not None
        assert was.id == name
        done = sum(host.outcome == "done" for host in was.hosts)
        told.append((was.outcome, done, len(was.notes), len(was.verdicts)))
    assert told == [
        ("unfinished", 0, 0, 0), ("unfinished", 1, 0, 0), ("partial", 1, 0, 0), ("partial", 1, 1, 0), ("partial", 1, 1, 1),
    ]  # fmt: skip


def test_a_run_is_told_as_far_as_it_was_written(changelog: Changelog) -> None:
    run = begin(changelog)
    finish_run(changelog, run, "done")
    record = changelog.run(run)
    assert run_at(record, record.at - MOMENT) is None
    was = run_at(record._replace(events=record.events[:1]), record.at)
    assert was is not None
    assert (was.id, was.outcome) == (run, "unfinished")
