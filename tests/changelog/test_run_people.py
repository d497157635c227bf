"""Who may say what of a run: its owner, who goes on with it and says so, and somebody else who says yes."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog, Filter
from opskit.changelog.claims import owner_of
from opskit.changelog.event import Header
from opskit.changelog.rebuild import rebuild
from tests.changelog import writing
from tests.changelog.memory import Memory, shared
from tests.changelog.running import (
    act,
    approve,
    begin,
    drain,
    finish,
    people,
    put,
    resume,
    step,
    tell,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opskit.changelog import RunRecord
    from opskit.changelog.packet import Packet


@pytest.fixture
def trio(tmp_path: Path) -> Iterator[list[Changelog]]:
    """Ana, Ben and Eve, each with a changelog of their own."""
    three = people(tmp_path, "ana", "ben", "eve")
    yield three
    for one in three:
        one.close()


def packets(changelog: Changelog) -> list[Packet]:
    exchange = changelog.exchange()
    try:
        return exchange.unsent("none")[0]
    finally:
        exchange.close()


def at_the_right_time(upstream: Memory) -> Memory:
    """Let a log receive events when they are written; what it receives much earlier is ordered as it came there."""
    upstream.clock = time.time_ns() // 1_000_000
    return upstream


def read_by_all(folder: Path, *writers: Changelog) -> Iterator[Changelog]:
    """Give readers who get what each wrote in every order; all must be told the same."""
    chains = [packets(each) for each in writers]
    told = []
    for number, order in enumerate(itertools.permutations(chains)):
        with Changelog(folder / f"reader{number}" / "changelog.db", actor="cleo") as reader:
            for chain in order:
                reader.take_in_packets(chain)
            assert reader.verify() == []
            told.append([(each.id, each.outcome, each.steps) for each in reader.runs()])
            yield reader
    assert all(each == told[0] for each in told)


def facts(record: RunRecord) -> tuple[object, ...]:
    return (record.outcome, record.acts, record.steps, record.liabilities, record.resumed)


def test_a_colleague_says_that_he_goes_on_and_is_heard_from_then_on(
    tmp_path: Path, trio: list[Changelog]
) -> None:
    ana, ben, _ = trio
    run = begin(ana)
    act(ana, run, "look", 1)
    act(ana, run, "drain", 2, outcome="")
    tell(ana, ben)
    resume(ben, run)
    step(ben, run, "drain", 2, "marked", why="the server says so")
    finish(ben, run, "done")
    for reader in read_by_all(tmp_path, ana, ben):
        record = reader.run(run)
        assert (record.actor, record.outcome, record.people) == ("ana@laptop", "done", ("ana@laptop", "ben@laptop"))  # fmt: skip
        assert [goer.foreign for goer in record.resumed] == [True]
        assert [(a.actor, a.what) for a in record.acts][-1] == ("ben@laptop", "marked")
        assert record.doubts == ()
        assert [r.id for r in reader.runs(Filter(outcome="done"))] == [run]


def test_what_somebody_says_who_has_not_gone_on_with_it_does_not_count(
    tmp_path: Path, trio: list[Changelog]
) -> None:
    ana, _, eve = trio
    run = begin(ana)
    drain(ana, run)
    before = facts(ana.run(run))
    tell(ana, eve)
    step(eve, run, "drain", 2, "cleared", why="nothing to see here")
    act(eve, run, "look", 1, hosts=("db07",))
    finish(eve, run, "done")
    for reader in read_by_all(tmp_path, ana, eve):
        record = reader.run(run)
        assert facts(record) == before
        assert record.doubts == ("4 events of other writers, who have not gone on with this run, do not count",)  # fmt: skip
        assert len(record.strange) == 4
        assert reader.runs(Filter(outcome="done")) == ()
        assert reader.entries(Filter(hosts=("db07",))) == ()


def test_what_was_said_before_going_on_does_not_count_afterwards(
    tmp_path: Path, trio: list[Changelog]
) -> None:
    ana, ben, _ = trio
    run = begin(ana)
    tell(ana, ben)
    finish(ben, run, "done")
    resume(ben, run)
    for reader in read_by_all(tmp_path, ana, ben):
        assert reader.run(run).outcome == "unfinished"
        assert [r.id for r in reader.runs(Filter(outcome="unfinished"))] == [run]


def test_nobody_begins_a_run_again_that_is_another_ones(
    tmp_path: Path, trio: list[Changelog]
) -> None:
    ana, _, eve = trio
    run = whole(ana, "failed")
    tell(ana, eve)
    begin(eve, run=run, runbook="something-else", incident="INC-0", service="billing")
    for reader in read_by_all(tmp_path, ana, eve):
        record = reader.run(run)
        assert (record.runbook, record.outcome) == ("haproxy-queue", "failed")
        (forged,) = reader.runs(Filter(service="billing"))
        assert forged.id.startswith(f"{run}@")


def test_a_run_opens_no_way_into_a_rollout(tmp_path: Path, trio: list[Changelog]) -> None:
    ana, _, eve = trio
    rollout, run = writing.whole(ana, "failed"), whole(ana)
    before = ana.rollout(rollout), facts(ana.run(run))
    tell(ana, eve)
    for name in (rollout, run):
        resume(eve, name)
        put(eve, "rollout.abandoned", {"by": "x"}, name)
        writing.results(eve, name, {"web01": "done"}, to=9)
    finish(eve, rollout, "done")
    for reader in read_by_all(tmp_path, ana, eve):
        found = reader.rollout(rollout)
        assert (found.outcome, found.hosts) == (before[0].outcome, before[0].hosts)
        record = reader.run(run)
        assert (record.acts, record.steps) == before[1][1:3]
        assert record.outcome == "unfinished", "eve says that she goes on, and is named"
        assert [goer.actor for goer in record.resumed] == ["eve@laptop"]


def test_no_signed_header_makes_a_part_of_a_rollout_of_a_run_or_the_other_way_round(
    trio: list[Changelog],
) -> None:
    ana, _, eve = trio
    rollout, run = writing.start(ana), begin(ana)
    owner, other = ana.me().writer.hex(), eve.me().writer.hex()
    picks = {
        rollout: ana.rollout(rollout).events[0].header.pick,
        run: ana.run(run).events[0].header.pick,
    }

    def owner_told(kind: str, name: str) -> str:
        return owner_of(
            Header(
                writer=other, seq=1, kind=kind, hlc=1, ts=1, body="0" * 64, rollout=name,
                pick=picks[name], heir={"owner": owner},
            )
        )  # fmt: skip

    guests = ("run.resumed", "run.step", "run.finished", "run.approved")
    assert [owner_told(kind, run) for kind in guests] == [owner] * 4
    assert owner_told("run.started", run) == ""
    assert {owner_told(kind, rollout) for kind in guests} == {""}
    assert owner_told("rollout.abandoned", rollout) == owner
    assert owner_told("rollout.abandoned", run) == ""


@pytest.mark.parametrize(
    ("who", "name", "counts"),
    [
        ("ben", "ben@laptop", True),
        ("ben", "ana@laptop", False),  # by name who runs it
        ("ana", "ben@laptop", False),  # on the laptop of who runs it
    ],
)
def test_nobody_says_yes_for_himself_on_another_laptop_or_under_another_name(
    tmp_path: Path, who: str, name: str, counts: bool
) -> None:
    (ana,) = people(tmp_path, "ana")
    run = begin(ana)
    finish(ana, run, "suspended")
    with Changelog(tmp_path / who / "changelog.db", actor=name) as other:
        if who != "ana":
            tell(ana, other)
        approve(other, run, "drain", why="go")
        (approval,) = other.run(run).approvals
    assert (approval.counts, approval.step, approval.why) == (counts, "drain", "go")
    ana.close()


def test_who_said_yes_and_goes_on_himself_needs_somebody_elses_yes(trio: list[Changelog]) -> None:
    ana, ben, _ = trio
    run = begin(ana)
    tell(ana, ben)
    approve(ben, run, "drain")
    approve(ben, run, "wait")
    assert [a.counts for a in ben.run(run).approvals] == [True, True]
    tell(ben, ana)
    step(ana, run, "drain", 0, "answered", kind="approve", value="ben@laptop")
    tell(ana, ben)
    resume(ben, run)
    assert [a.counts for a in ben.run(run).approvals] == [True, False]


def test_a_changelog_that_was_rebuilt_goes_on_with_its_runs(
    tmp_path: Path, trio: list[Changelog]
) -> None:
    ana, ben, _ = trio
    run = begin(ana)
    rebuild(ana.file, lambda _: 0)
    drain(ana, run)
    finish(ana, run)
    tell(ana, ben)
    record = ben.run(run)
    assert len({event.header.writer for event in record.events}) == 2
    assert (record.outcome, record.doubts, len(record.acts)) == ("done", (), 2)


def test_three_who_work_on_one_run_end_up_with_the_same_through_an_upstream(
    tmp_path: Path, trio: list[Changelog]
) -> None:
    upstream = at_the_right_time(Memory())
    ana, ben, eve = trio
    run = begin(ana)
    drain(ana, run)
    for each in trio:
        shared(each.file, upstream)
    resume(ben, run)
    act(ben, run, "put-back", 1)
    finish(ben, run, "done")
    finish(eve, run, "failed")
    approve(eve, run, "wait")
    for each in (*trio, *trio):
        shared(each.file, upstream)
    records = [each.run(run) for each in trio]
    assert all(record == records[0] for record in records)
    assert (records[0].outcome, records[0].liabilities) == ("done", ())
    assert [a.counts for a in records[0].approvals] == [True]
    assert all(each.verify() == [] for each in trio)


def test_a_fork_of_who_runs_it_is_told_on_the_page(tmp_path: Path) -> None:
    upstream = at_the_right_time(Memory())
    (ana,) = people(tmp_path, "ana")
    run = begin(ana)
    shared(ana.file, upstream)
    ana.close()
    backup = tmp_path / "backup"
    backup.write_bytes(ana.file.read_bytes())
    act(ana, run, "look", 1)
    shared(ana.file, upstream)
    ana.close()
    with ana.file.open("r+b") as file:
        file.write(backup.read_bytes())
        file.truncate()
    act(ana, run, "look", 1, outcome="failed")
    finish(ana, run, "failed")
    shared(ana.file, upstream)
    (reader,) = people(tmp_path, "reader")
    shared(reader.file, upstream)
    record = reader.run(run)
    assert (record.outcome, record.doubts) == ("failed", ())
    assert {step.id: step.state for step in record.steps}["look"] == "failed"
    assert reader.verify() == []
    reader.close()
    ana.close()
