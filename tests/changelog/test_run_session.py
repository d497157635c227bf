"""Runs that an earlier opskit wrote down are taken in, found whole, and understood, by every later one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog, Filter

if TYPE_CHECKING:
    from collections.abc import Iterator

GOLDEN = Path(__file__).parent / "golden" / "v1.runs.jsonl"
KINDS = {
    "run.started", "run.step", "run.finished", "run.resumed", "run.approved", "rollout.started", "note",
}  # fmt: skip
ANA, BEN = "ana@laptop", "ben@laptop"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Changelog]:
    """Give a new changelog that has taken in the golden file."""
    with Changelog(tmp_path / "changelog.db") as changelog:
        with GOLDEN.open() as lines:
            assert changelog.take_in(lines).refused == []
        yield changelog


def test_all_of_it_is_as_it_was_written_and_comes_out_as_it_came_in(session: Changelog) -> None:
    assert session.verify() == []
    lines: list[str] = []
    session.export(lines.append)
    assert lines == GOLDEN.read_text().splitlines()
    assert {json.loads(json.loads(line)["header"])["kind"] for line in lines[1:]} == KINDS


def test_who_ran_it_who_went_on_and_who_said_yes(session: Changelog) -> None:
    (run,) = session.runs(Filter(incident="INC-7", outcome="failed"))
    assert (run.runbook, run.actor, run.people) == ("haproxy-queue", ANA, (ANA, BEN))
    assert (run.outcome, run.services, run.liabilities) == ("failed", ("shop", "db"), ())
    assert [(g.actor, g.foreign, g.undo, g.changed) for g in run.resumed] == [
        (ANA, False, False, ()), (BEN, True, False, ("wait",)), (BEN, True, True, ()),
    ]  # fmt: skip
    assert [(a.actor, a.counts, a.step, a.why) for a in run.approvals] == [(BEN, True, "drain", "go")]  # fmt: skip
    assert (run.params, run.secrets, run.doubts) == ((("server", "web03"),), ("token",), ())
    assert [note.text for note in run.notes] == ["the graph is flat"]


def test_what_happened_and_where_each_step_stands(session: Changelog) -> None:
    (run,) = session.runs(Filter(runbook="haproxy-queue", outcome="failed"))
    assert {step.id: step.state for step in run.steps} == {
        "look": "done", "drain": "undone", "wait": "begun", "put-back": "begun",
    }  # fmt: skip
    whats = {act.what for act in run.acts}
    assert whats == {"began", "ended", "answered", "marked", "skipped", "went", "undone"}
    (rollout,) = session.rollouts(Filter(during=run.id))
    assert (rollout.during, rollout.incident) == (run.id, "INC-7")


def test_what_is_still_owed_and_what_was_a_drill(session: Changelog) -> None:
    (owing,) = [run for run in session.runs(Filter(owes=True)) if run.liabilities]
    assert (owing.runbook, owing.outcome) == ("disk-full", "aborted")
    assert [(one.step, one.hosts) for one in owing.liabilities] == [("drain", ("lb01",))]
    (drill,) = session.runs(Filter(outcome="done"))
    assert (drill.mode, drill.liabilities) == ("drill", ())
