"""What was changed by hand while a run was on the host is that run's doing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from opskit.blame.leftovers import Stay, joined, who_was_on
from opskit.blame.model import Candidate

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TASK = Candidate(
    "task1", "task", NOON, flips={"web02": NOON}, text="tidy", events=("abc",), outcome="done"
)
DRIFT = Candidate(
    "task1",
    "drift",
    NOON + timedelta(seconds=1),
    "shop",
    flips={"web02": NOON + timedelta(seconds=1)},
    reason="web02 changed by hand",
    sources=("receipt and files on web02",),
    undo="opskit deploy shop",
)


def test_a_file_is_changed_by_who_was_there_then_and_of_several_by_who_came_last() -> None:
    first = Stay("first", {"web01": NOON - 2 * MINUTE, "web02": NOON - 2 * MINUTE}, NOON + MINUTE)
    last = Stay("last", {"web02": NOON}, NOON)
    still = Stay("still", {"web03": NOON}, None)
    there = (still, last, first)
    assert who_was_on(there, "web01", NOON) == "first"
    assert who_was_on(there, "web02", NOON + timedelta(seconds=1)) == "last"
    assert who_was_on(there, "web02", NOON - timedelta(seconds=1)) == "last"
    assert who_was_on(there, "web02", NOON + timedelta(seconds=30)) == "first"
    assert who_was_on(there, "web01", NOON + 2 * MINUTE) == ""
    assert who_was_on(there, "web03", NOON + 60 * MINUTE) == "still"
    assert who_was_on(there, "web03", NOON - MINUTE) == ""


def test_a_run_and_what_it_left_where_it_was_are_one_suspect_with_both_their_evidence() -> None:
    (one,) = joined([DRIFT], [TASK])
    assert (one.id, one.kind, one.service, one.undo) == ("task1", "task", "shop", DRIFT.undo)
    assert (one.left, one.sources, one.events) == (DRIFT.reason, DRIFT.sources, TASK.events)
    assert one.flips == DRIFT.flips
    assert one.text.split() == ["tidy"]


def test_what_a_run_left_on_some_of_its_hosts_is_a_suspect_that_names_it() -> None:
    wide = replace(TASK, flips={"web01": NOON, "web02": NOON})
    drift, task = joined([DRIFT], [wide])
    assert task == wide
    assert drift.id == "drift-shop-task1"
    assert drift.reason == "web02 changed by hand, while task task1 was there"


def test_what_nobodys_run_left_stays_what_it_was() -> None:
    alone = replace(DRIFT, id="drift-shop")
    assert list(joined([alone], [TASK])) == [alone, TASK]
