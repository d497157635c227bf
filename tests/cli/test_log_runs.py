"""Runs of runbooks in `opskit log` and `opskit status`, and what says that it was done in one."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog, open_changelog
from tests.changelog import running, writing
from tests.changelog.running import act, approve, begin, drain, finish, here, resume, step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.cli import Opskit

TOML = """
default_environment = "production"
[changelog]
name = "test"
[environments.production]
hosts = ["web[01-20]", "lb01"]
[environments.staging]
hosts = ["stage01"]
"""

LIVES = r"may be under way on another-laptop, heard of \d+ s ago: ask"


@pytest.fixture(autouse=True)
def _project(tmp_path: Path) -> None:
    (tmp_path / "opskit.toml").write_text(TOML)


@pytest.fixture
def changelog() -> Iterator[Changelog]:
    with open_changelog("test", actor="ana@mac") as opened:
        yield opened


@pytest.fixture
def ben() -> Iterator[Changelog]:
    """The same changelog, when somebody else sits at the laptop."""
    with open_changelog("test", actor="ben@mac") as opened:
        yield opened


def test_a_run_is_one_line_between_the_rollouts(opskit: Opskit, changelog: Changelog) -> None:
    first = writing.whole(changelog)
    run = running.whole(changelog)
    drill = begin(changelog, mode="drill", incident="", why="a new colleague")
    finish(changelog, drill, "done")
    rows = [re.split(" {2,}", line) for line in opskit("log").stdout.splitlines()[1:]]
    assert [row[0] for row in rows] == [drill, run, first]
    assert rows[0][2:] == ["ana@mac", "runbook haproxy-queue (drill)", "production", "done", "a new colleague"]  # fmt: skip
    assert rows[1][2:] == ["ana@mac", "runbook haproxy-queue", "production lb01", "done", "INC-7: the queue grows"]  # fmt: skip


def test_who_else_went_on_with_it_is_said_and_how_to_go_on(
    opskit: Opskit, changelog: Changelog, ben: Changelog
) -> None:
    run = begin(changelog)
    resume(ben, run)
    done = opskit("log")
    assert "INC-7: the queue grows (ben@mac went on)" in done.stdout
    assert re.fullmatch(rf"run {run} of haproxy-queue \(ben@mac\) {LIVES} ben@mac, then opskit runbook resume {run}\n", done.stderr)  # fmt: skip
    finish(ben, run, "suspended")
    assert f"is suspended: opskit runbook resume {run}" in opskit("log").stderr


def test_options_choose_runs(opskit: Opskit, changelog: Changelog) -> None:
    good, bad = running.whole(changelog), running.whole(changelog, "aborted", incident="INC-8")
    writing.whole(changelog)
    note = changelog.append("note", {"text": "look", "incident": "INC-8"}).id

    def ids(*words: str) -> list[str]:
        return [e["id"] for e in opskit("log", "--json", *words).json["data"]["entries"]]

    assert ids("--kind", "runbook") == [bad, good]
    assert ids("--outcome", "aborted") == [bad]
    assert ids("--incident", "INC-8") == [note, bad]
    assert ids("-H", "lb01") == [bad, good]


def test_a_run_is_opened_whole(opskit: Opskit, changelog: Changelog, ben: Changelog) -> None:
    run = begin(changelog, start="drain")
    act(changelog, run, "look", 1, mutates=False, output="queue 42\nqueue 43")
    step(changelog, run, "drain", 0, "answered", kind="ask", name="server", value="web03")
    step(changelog, run, "drain", 1, "answered", kind="ask", name="token", secret=True)
    drain(changelog, run)
    step(changelog, run, "wait", -1, "skipped", why="it is empty")
    finish(changelog, run, "suspended", "step 4 wants a yes")
    approve(ben, run, "put-back", 0, "looks good")
    resume(ben, run, changed=["wait"])
    rollout = writing.start(changelog, during=run, incident="INC-7")
    changelog.append("note", {"text": "this helped"}, rollout=run)
    shown = opskit("log", run[:5]).stdout
    for line in (
        "runbook haproxy-queue: unfinished",
        f"  run       {run}",
        "  page      HAProxy is queuing (runbooks/haproxy-queue.md)",
        "  who       ana@mac, on another-laptop",
        "  incident  INC-7",
        "  from      step 2 (Drain the slow server)",
        "  given     server=web03",
        "  secret    token (kept nowhere)",
        f"  next      opskit runbook resume {run}",
        f"  open      step 2 (Drain the slow server) on lb01 with server=web03 is not undone: opskit runbook undo {run}",
        "4 steps: 2 done, 1 skipped, 1 not reached",
        "  2  done         Drain the slow server",
        "    $ echo $server",
        "    lb01 done, 0.0 s",
        "    | queue 43",
        "done in it",
    ):
        assert line in shown.splitlines() or line in shown, line
    assert "by ben@mac, on another-laptop; changed on the page since it was done: step 3 (Wait until it is empty)" in shown  # fmt: skip
    assert "by ben@mac, step 4 (Put it back): looks good [does not count: nobody approves what he runs]" in shown  # fmt: skip
    assert "ask token: (secret, kept nowhere)" in shown
    assert "skipped: it is empty" in shown
    assert re.search(
        rf"^  {rollout}  [-0-9: ]+  deploy shop, by ana@mac: running$", shown, re.MULTILINE
    )
    assert "note by ben@mac" in shown or "note by ana@mac" in shown
    page = opskit("log", rollout).stdout
    assert f"  in run    {run}: opskit log {run}" in page
    assert "  incident  INC-7" in page


def test_as_data_a_run_has_its_events_and_its_rollouts(
    opskit: Opskit, changelog: Changelog
) -> None:
    run = running.whole(changelog)
    rollout = writing.start(changelog, during=run)
    data = opskit("log", run, "--json").json["data"]["run"]
    assert (data["type"], data["id"], data["outcome"]) == ("run", run, "done")
    assert [(each["type"], each["id"]) for each in data["inside"]] == [("rollout", rollout)]
    assert [event["kind"] for event in data["events"]][::10] == ["run.started", "run.finished"]
    assert data["steps"][0] == {"id": "look", "title": "Look at the queue", "digest": "looklooklook", "state": "done"}  # fmt: skip
    assert opskit("log", rollout, "--json").json["data"]["rollout"]["during"] == run
    (row,) = [r for r in csv.DictReader(io.StringIO(opskit("log", "--csv").stdout)) if r["type"] == "run"]  # fmt: skip
    assert (row["id"], row["action"], row["hosts"], row["outcome"]) == (run, "runbook haproxy-queue", "lb01", "done")  # fmt: skip


def test_what_a_stranger_wrote_into_a_run_is_shown_and_harmless(
    opskit: Opskit, changelog: Changelog, tmp_path: Path
) -> None:
    run = begin(changelog, title="queue\x1b[2J\nwho  nobody")
    with Changelog(tmp_path / "eve" / "changelog.db", actor="eve") as eve:
        running.tell(changelog, eve)
        step(eve, run, "look", 1, "answered", kind="ask", value="\x1b[2J")
        running.tell(eve, changelog)
    shown = opskit("log", run).stdout
    assert "\x1b" not in shown
    assert "1 event of another writer, who has not gone on with this run, does not count" in shown
    assert "does not count: run.step by eve" in shown


def test_the_page_for_a_browser_has_runs(
    opskit: Opskit, changelog: Changelog, tmp_path: Path
) -> None:
    running.whole(changelog)
    opskit("log", "--web", tmp_path / "log.html")
    assert "runbook haproxy-queue: done" in (tmp_path / "log.html").read_text()


def test_a_note_says_in_which_run_it_was_written(opskit: Opskit, changelog: Changelog) -> None:
    run = begin(changelog)
    env = {"OPSKIT_RUN": run, "OPSKIT_INCIDENT": " INC-7\n\x1b[1m "}
    opskit("note", "the graph is flat", env=env)
    opskit("note", "odd", env={"OPSKIT_RUN": "../../etc", "OPSKIT_INCIDENT": "x" * 500})
    opskit("note", "--rollout", run, "about the run itself")
    about, odd, note = opskit("log", "--json", "--kind", "note").json["data"]["entries"]
    assert (note["during"], note["incident"]) == (run, "INC-7 [1m")
    assert (odd["during"], odd["incident"]) == ("", "x" * 100)
    assert about["rollout"] == run
    assert f"[run {run}] the graph is flat" in opskit("log").stdout
    assert "note, by" in opskit("log", run).stdout
    assert "about the run itself" in opskit("log", run).stdout


def test_status_says_what_is_open_of_runs(opskit: Opskit, changelog: Changelog) -> None:
    assert opskit("status").stdout == "no services: describe one in opskit.toml\n"
    owing = begin(changelog)
    drain(changelog, owing)
    finish(changelog, owing, "aborted")
    elsewhere = begin(changelog, environment="staging")
    drain(changelog, elsewhere)
    dead = begin(changelog, service="")
    done = opskit("status", expect=1)
    said = re.sub(LIVES, "may live: ask", done.stdout)
    assert said.splitlines()[1:] == [
        f"run {dead} of haproxy-queue (ana@mac) may live: ask ana@mac, then opskit runbook resume {dead}",
        f"run {owing} of haproxy-queue (ana@mac): step 2 (Drain the slow server) on lb01 with server=web03 is not undone: opskit runbook undo {owing}",
    ]
    data = opskit("status", "--json", expect=1).json["data"]["runs"]
    assert [(run["run"], len(run["liabilities"])) for run in data] == [(dead, 0), (owing, 1)]
    finish(changelog, dead, "suspended")
    step(changelog, owing, "drain", 2, "cleared", why="it is gone")
    waiting = opskit("status")
    assert f"is suspended: opskit runbook resume {dead}" in waiting.stdout, "and that is no alarm"
    alive = begin(changelog, machine=here())
    drain(changelog, alive)
    assert f"run {alive}" in opskit("status").stdout


def test_a_step_that_ends_with_a_decision_is_told_as_done_and_owes_nothing(
    opskit: Opskit, changelog: Changelog
) -> None:
    page = {"drain": ("Drain", (2,)), "put-back": ("Put back", (1, 2)), "ask": ("Ask", (0,))}
    run = begin(changelog, page=page)
    drain(changelog, run)
    act(changelog, run, "put-back", 1)
    step(changelog, run, "put-back", 2, "went", to="ask", how="decide", value="No")
    finish(changelog, run, "aborted")
    said = opskit("log", run).stdout
    assert "3 steps: 2 done, 1 not reached" in said
    assert "decided for step 3 (Ask)" in said
    assert "open" not in said
    assert "Drain" not in opskit("status", expect=None).stdout


def test_a_step_is_called_by_its_title_without_its_number_and_here_is_where_opskit_runs(
    opskit: Opskit, changelog: Changelog
) -> None:
    run = begin(changelog, page={"drain": ("2. Drain it", (0,)), "back": ("3) Back", (0,))})
    act(changelog, run, "drain", 0, hosts=("local",), rollback="back")
    shown = opskit("log", run).stdout
    assert "step 1 (Drain it) with server=web03 is not undone" in shown
    assert "began sh here" in shown
    assert "    here done, 0.0 s" in shown
    assert "  2  not reached  Back" in shown


def test_among_many_a_run_has_not_what_only_its_own_page_knows(
    opskit: Opskit, changelog: Changelog
) -> None:
    run = running.whole(changelog)
    (entry,) = opskit("log", "--json").json["data"]["entries"]
    alone = opskit("log", run, "--json").json["data"]["run"]
    only = {"steps", "acts", "liabilities", "approvals", "hashes", "events", "inside"}
    assert alone.keys() - entry.keys() == only
    assert entry == {name: alone[name] for name in entry}


def test_a_run_is_redacted_whole(opskit: Opskit, changelog: Changelog) -> None:
    run = begin(changelog, why="hunter2")
    act(changelog, run, "look", 1, output="hunter2")
    opskit("changelog", "redact", run, "-m", "a password", "-y")
    page = opskit("log", run)
    assert "hunter2" not in page.stdout
    assert page.stdout.count("[redacted]") == 2
    assert "run.started" in page.stdout
    again = opskit("changelog", "redact", run, "-m", "x", "-y", expect=1)
    assert f"run {run} tells nothing that could be redacted" in again.stderr
    changelog.close()
    assert b"hunter2" not in changelog.file.read_bytes()
