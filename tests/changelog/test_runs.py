"""What the changelog says of a run of a runbook: where it stands, what happened in it, how it is found again."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog, Filter, RolloutRecord, RunRecord
from opskit.changelog.claims import owner_of
from opskit.changelog.ids import id_of, run_id_of
from opskit.errors import UnknownNameError
from tests.changelog import running, writing
from tests.changelog.running import act, begin, drain, finish, here, resume, step

if TYPE_CHECKING:
    from pathlib import Path


def states(changelog: Changelog, run: str) -> dict[str, str]:
    return {each.id: each.state for each in changelog.run(run).steps}


def test_a_run_that_is_over_says_what_it_was_and_what_happened(changelog: Changelog) -> None:
    run = running.whole(changelog)
    record = changelog.run(run[:6])
    assert (record.id, record.runbook, record.title) == (
        run,
        "haproxy-queue",
        "HAProxy is queuing",
    )
    assert (record.outcome, record.ms, record.mode) == ("done", 4200, "run")
    assert (record.incident, record.why, record.actor) == (
        "INC-7",
        "the queue grows",
        "ann@laptop",
    )
    assert (record.service, record.services, record.environment) == (
        "shop",
        ("shop",),
        "production",
    )
    assert (record.params, record.secrets) == ((("server", "web03"),), ("token",))
    assert set(states(changelog, run).values()) == {"done"}
    assert [(a.step, a.part, a.what) for a in record.acts][:3] == [
        ("look", 1, "began"), ("look", 1, "ended"), ("drain", 0, "answered"),
    ]  # fmt: skip
    look = record.acts[1]
    assert (look.results[0].name, look.results[0].exit, look.results[0].output) == (
        "lb01",
        0,
        "queue 42",
    )
    assert record.hosts == ("lb01",)
    assert not record.is_open
    assert len(record.events) == 11
    assert changelog.verify() == []


def test_what_began_and_did_not_end_runs_or_nobody_knows(changelog: Changelog) -> None:
    run = begin(changelog)
    act(changelog, run, "look", 1, outcome="")
    assert changelog.run(run).outcome == "unfinished"
    assert states(changelog, run) == {"look": "unknown", "drain": "not reached", "wait": "not reached", "put-back": "not reached"}  # fmt: skip
    alive = begin(changelog, machine=here())
    act(changelog, alive, "look", 1, outcome="")
    assert changelog.run(alive).outcome == "running"
    assert states(changelog, alive)["look"] == "running"
    assert {r.id for r in changelog.runs(Filter(outcome="running"))} == {alive}
    assert {r.id for r in changelog.runs(Filter(outcome="unfinished"))} == {run}


def test_a_step_is_over_when_nothing_of_it_is_left(changelog: Changelog) -> None:
    run = begin(changelog)
    drain(changelog, run)
    assert states(changelog, run)["drain"] == "begun"
    step(changelog, run, "drain", 0, "answered", kind="shell", value="lb01")
    assert states(changelog, run)["drain"] == "begun", "who looks at a host has answered nothing"
    step(changelog, run, "drain", 0, "answered", kind="ask", name="server", value="web03")
    assert states(changelog, run)["drain"] == "done"
    step(changelog, run, "wait", -1, "skipped", why="it is empty")
    act(changelog, run, "put-back", 1, outcome="failed")
    assert states(changelog, run) == {"look": "not reached", "drain": "done", "wait": "skipped", "put-back": "failed"}  # fmt: skip
    step(changelog, run, "put-back", 1, "marked", why="put back by hand")
    assert states(changelog, run)["put-back"] == "marked"


def test_who_goes_back_has_to_do_again_what_follows(changelog: Changelog) -> None:
    run = begin(changelog)
    act(changelog, run, "look", 1)
    step(changelog, run, "drain", 0, "answered", kind="ask", name="server", value="web03")
    step(changelog, run, "drain", 2, "skipped", why="the wrong one")
    step(changelog, run, "wait", -1, "went", to="drain", how="back")
    assert states(changelog, run)["look"] == "done"
    assert states(changelog, run)["drain"] == "begun"


def test_one_that_is_suspended_is_open_until_it_ends(changelog: Changelog) -> None:
    run = begin(changelog)
    finish(changelog, run, "suspended", "until somebody approves step 2")
    record = changelog.run(run)
    assert (record.outcome, record.is_open, record.reason) == ("suspended", True, "until somebody approves step 2")  # fmt: skip
    assert [r.id for r in changelog.runs(Filter(outcome="suspended"))] == [run]
    resume(changelog, run, changed=["wait"])
    record = changelog.run(run)
    assert (record.outcome, record.ms) == ("unfinished", None)
    assert [(goer.actor, goer.changed, goer.foreign) for goer in record.resumed] == [("ann@laptop", ("wait",), False)]  # fmt: skip
    finish(changelog, run, "aborted", "ann gave up")
    assert changelog.run(run).outcome == "aborted"
    assert [r.id for r in changelog.runs(Filter(outcome="aborted"))] == [run]
    assert changelog.runs(Filter(outcome="suspended")) == ()
    assert changelog.verify() == []


def test_the_id_of_a_run_is_never_that_of_a_rollout(changelog: Changelog) -> None:
    run = begin(changelog)
    (started,) = changelog.run(run).events
    header = started.header
    assert owner_of(header) == header.writer
    assert run_id_of(header.writer, header.pick) == run
    assert id_of(header.writer, header.pick) != run
    writing.start(changelog, rollout=run, service="billing")
    assert changelog.run(run).service == "shop"
    (rollout,) = changelog.rollouts()
    assert rollout.id.startswith(f"{run}@"), "whoever calls a rollout so makes another one"
    assert isinstance(changelog.record(run), RunRecord)
    assert isinstance(changelog.record(rollout.id), RolloutRecord)
    assert changelog.verify() == []


def test_who_asks_for_the_wrong_one_is_told_what_it_is(changelog: Changelog) -> None:
    run, rollout = begin(changelog), writing.whole(changelog)
    with pytest.raises(UnknownNameError, match="no rollout") as told:
        changelog.rollout(run)
    assert told.value.hint == f"{run} is a run: opskit log {run}"
    with pytest.raises(UnknownNameError, match="no run") as told:
        changelog.run(rollout)
    assert told.value.hint == f"{rollout} is a rollout: opskit log {rollout}"
    with pytest.raises(UnknownNameError, match="no run 'zzzz'"):
        changelog.run("zzzz")
    with pytest.raises(UnknownNameError, match="no rollout or run 'zzzz'"):
        changelog.record("zzzz")


def test_runs_are_found_by_page_service_incident_host_word_and_by_what_was_done_in_them(
    changelog: Changelog,
) -> None:
    one = running.whole(changelog)
    two = running.whole(changelog, "failed", runbook="disk-full", service="db", incident="INC-8", why="no space")  # fmt: skip
    rollout = writing.whole(changelog)
    inside = writing.start(changelog, during=two, incident="INC-8")
    note = changelog.append("note", {"text": "look at this", "during": two, "incident": "INC-8"})
    found = {
        what: [entry.id for entry in changelog.entries(Filter(**{what: name}))]  # type: ignore[arg-type]
        for what, name in [("runbook", "disk-full"), ("incident", "INC-7"), ("during", two), ("service", "db"), ("outcome", "failed")]
    }  # fmt: skip
    assert found == {"runbook": [two], "incident": [one], "during": [note.id, inside], "service": [two], "outcome": [two]}  # fmt: skip
    assert [e.id for e in changelog.entries(Filter(incident="INC-8"))] == [note.id, inside, two]
    assert [e.id for e in changelog.entries(Filter(hosts=("lb01",)))] == [two, one]
    assert [e.id for e in changelog.entries(Filter(grep='"no space"'))] == [two]
    assert [e.id for e in changelog.entries(Filter(grep="queue 42"))] == [two, one]
    assert [e.id for e in changelog.entries(Filter(action="runbook"))] == [two, one]
    assert [r.id for r in changelog.runs(Filter(limit=1))] == [two]
    assert {r.id for r in changelog.rollouts()} == {rollout, inside}
    assert changelog.rollout(inside).during == two
    assert changelog.notes()[0].incident == "INC-8"
    assert changelog.verify() == []


def test_notes_about_a_run_stand_on_its_page(changelog: Changelog) -> None:
    run = running.whole(changelog)
    changelog.append("note", {"text": "this helped"}, rollout=run)
    assert [note.text for note in changelog.run(run).notes] == ["this helped"]


def test_a_step_that_was_redacted_is_one_of_which_nobody_knows_what_it_was(
    changelog: Changelog, file: Path
) -> None:
    run = begin(changelog)
    act(changelog, run, "look", 1, output="the password is hunter2zebra")
    ended = changelog.run(run).events[-1]
    changelog.redact(ended.hash.hex(), why="a password")
    record = changelog.run(run)
    assert [a.damage for a in record.acts] == ["", "redacted"]
    assert states(changelog, run)["look"] == "unknown"
    assert changelog.entries(Filter(grep="hunter2zebra")) == ()
    assert changelog.verify() == []
    assert b"hunter2zebra" not in file.read_bytes()


def test_the_start_of_a_run_that_was_redacted_is_found_by_nothing_that_it_said(
    changelog: Changelog,
) -> None:
    run = running.whole(changelog)
    changelog.redact(changelog.run(run).events[0].hash.hex(), why="a name in it")
    record = changelog.run(run)
    assert (record.runbook, record.damage, record.outcome) == ("", "redacted", "done")
    assert changelog.runs(Filter(runbook="haproxy-queue")) == ()
    assert changelog.runs(Filter(incident="INC-7")) == ()
    assert [r.id for r in changelog.runs(Filter(owes=True))] == [run]
    assert changelog.verify() == []


def test_following_tells_of_a_run_as_it_begins_and_as_it_ends(changelog: Changelog) -> None:
    runs: list[str] = []

    def pause() -> None:
        if runs:
            finish(writer, runs[0], "suspended")
        else:
            runs.append(begin(writer, machine=here()))

    with Changelog(changelog.file, actor="ben") as writer:
        writer.append("note", {"text": "before"})
        looks = itertools.islice(changelog.follow(Filter(), pause=pause), 3)
        told = [[(type(e).__name__, getattr(e, "outcome", "")) for e in found] for found in looks]
    assert told == [[("NoteEntry", "")], [("RunRecord", "running")], [("RunRecord", "suspended")]]


def test_a_rollout_that_somebody_resumes_in_a_run_says_in_which(changelog: Changelog) -> None:
    run, rollout = begin(changelog), writing.start(changelog, machine=writing.ELSEWHERE)
    body = {"run": "abcdef", "machine": writing.ELSEWHERE, "during": run, "incident": "INC-7"}
    writing.put(changelog, "rollout.resumed", body, rollout)
    record = changelog.rollout(rollout)
    assert (record.during, [resumed.during for resumed in record.resumed]) == ("", [run])
    assert [found.id for found in changelog.rollouts(Filter(during=run))] == [rollout]
