"""Somebody approves a step of somebody else's run, and sees what it is that they approve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.screen import Screen
from tests.cli.test_runbook_run import PAGE, answer, run_id, write
from tests.cli.test_runbook_team import does, laptop, share
from tests.support.light import Light

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.hosts import Hosts

ASKED = """## 2. May it?

> [!CAUTION]
> Customers will see it.

**Approve:** May {{ why }} be drained?

## 3. Drain it
"""
APPROVED = PAGE.replace("## 2. Drain it\n", ASKED)


@pytest.fixture
def light(tmp_path: Path, hosts: Hosts) -> Light:
    made = Light.create(tmp_path / "project", hosts)
    share(made, tmp_path)
    does(made, "ana", "changelog", "init")
    write(made, "drain", APPROVED)
    return made


def suspended(light: Light) -> str:
    """Let a run of ana come to where it waits for an approval; gives its id."""
    words = ("runbook", "run", "drain", "--auto", "--json", "-p", "server=web02")
    why = ("--incident", "INC-7", "-m", "prices are wrong")
    run: str = does(light, "ana", *words, *why, expect=3).json["data"]["run"]
    return run


def test_who_approves_sees_the_question_the_caution_and_the_commands_and_is_asked(
    light: Light,
) -> None:
    run = suspended(light)
    one = Screen(light.folder, "runbook", "approve", run, **laptop(light, "ben"))
    one.wait_for("approve this for ana? [y/N]: ")
    shown = one.drawing.text
    for said in (
        "ana runs it",
        "INC-7: prices are wrong",
        "CAUTION:",
        "Customers will see it.",
        "Approve: May slow be drained?",
        'touch "$HOME/drained"',
        "on web02; changes something; undone by put-it-back",
    ):
        assert said in shown, shown
    assert 'rm "$HOME/drained"' not in shown
    one.type("n\n")
    assert one.end() == 5
    assert not _approvals(light, run)
    two = Screen(light.folder, "runbook", "approve", run, **laptop(light, "ben"))
    two.wait_for("[y/N]: ")
    two.type("y\n")
    assert two.end() == 0
    assert _approvals(light, run) == ["ben"]


def test_without_a_terminal_nothing_is_approved_unless_yes_says_so(light: Light) -> None:
    run = suspended(light)
    done = does(light, "ben", "runbook", "approve", run, expect=5)
    assert "add --yes" in done.stderr
    assert not _approvals(light, run)
    done = does(light, "ben", "runbook", "approve", run, "--yes")
    assert "May slow be drained?" in done.stderr
    assert _approvals(light, run) == ["ben"]
    assert "is approved already: by ben" in does(light, "ben", "runbook", "approve", run).stdout
    assert _approvals(light, run) == ["ben"]


def test_whose_page_is_another_one_is_told_that_what_is_run_is_not_known(light: Light) -> None:
    run = suspended(light)
    write(light, "drain", APPROVED.replace("drained", "rained"))
    done = does(light, "ben", "runbook", "approve", run, "--yes")
    assert "what it would run is not known here" in done.stderr
    assert "rained" not in done.stderr.replace("May slow be drained?", "")


def test_a_reason_is_asked_for_where_the_environment_does(light: Light) -> None:
    light.configure(require_why=True)
    share(light, light.folder.parent)
    run = suspended(light)
    done = does(light, "ben", "runbook", "approve", run, "--yes", expect=2)
    assert "asks for a reason" in done.stderr
    does(light, "ben", "runbook", "approve", run, "--yes", "-m", "customers were told")
    assert _approvals(light, run) == ["ben"]


def test_status_says_that_a_run_waits_for_an_approval_and_that_it_has_it(light: Light) -> None:
    run = suspended(light)
    said = does(light, "ben", "status", expect=None)
    assert (
        f"waits for somebody's approval: opskit runbook approve {run}" in said.stdout + said.stderr
    )
    does(light, "ben", "runbook", "approve", run, "--yes")
    said = does(light, "ben", "status", expect=None)
    assert f"is approved: opskit runbook resume {run}" in said.stdout + said.stderr


def _approvals(light: Light, run: str) -> list[Any]:
    data = does(light, "ana", "log", run, "--json").json["data"]
    return [each["actor"] for each in data["run"]["approvals"]]


def test_status_says_of_a_live_run_that_it_is_under_way_and_invites_nobody_to_undo_it(
    light: Light,
) -> None:
    write(light, "drain", PAGE)
    one = Screen(light.folder, "runbook", "run", "drain", "-p", "server=web02", "-p", "why=it is slow", **laptop(light, "ana"))  # fmt: skip
    answer(one, "changes nothing")
    assert "of drain (ana) is under way on" in does(light, "ana", "status").stdout
    one.type("\n")
    answer(one, "Which one is slow?", "web02")
    answer(one, "undone by put-it-back", "")
    answer(one, "Step 3 of 3")
    said = does(light, "ana", "status", expect=None).stdout
    run = run_id(one)
    assert f"run {run} of drain (ana) is under way on" in said
    assert "step 2 (Drain it) on web02 is not undone so far" in said
    assert "opskit runbook undo" not in said
    one.type("q\n")
    assert one.end() == 3
    assert f"opskit runbook undo {run}" in does(light, "ana", "status", expect=1).stdout
    inside = {**laptop(light, "ana"), "OPSKIT_RUN": run}
    said = light.opskit("status", expect=0, env=inside).stdout
    assert f"opskit runbook undo {run}" in said, "a step that looks is no failure for that"
