"""A run that nobody is to go on with is ended, from any laptop; and what else asks for no more than it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.test_runbook_run import PAGE, write
from tests.cli.test_runbook_team import does, share
from tests.support.light import Light

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.hosts import Hosts

SECRET = PAGE.replace("params: {why: {default: slow}}", "params: {why: {default: slow}, token: {secret: true, required: true, env: TOKEN}}")  # fmt: skip
STOPS = SECRET.replace('rm "$HOME/drained"', "false")


@pytest.fixture
def light(tmp_path: Path, hosts: Hosts) -> Light:
    made = Light.create(tmp_path / "project", hosts)
    share(made, tmp_path)
    does(made, "ana", "changelog", "init")
    write(made, "drain", SECRET)
    return made


def left(light: Light, monkeypatch: pytest.MonkeyPatch, *given: str, expect: int = 3) -> str:
    """Let a run of ana stop; gives its id, and forgets the secret."""
    with monkeypatch.context() as patch:
        patch.setenv("TOKEN", "a-token-of-the-test")
        words = ("runbook", "run", "drain", "--auto", "--json", *given)
        run: str = does(light, "ana", *words, expect=expect).json["data"]["run"]
    return run


def test_a_run_is_aborted_by_anybody_with_a_reason_and_is_open_no_more(
    light: Light, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = left(light, monkeypatch)
    assert "asks for a reason" in does(light, "ben", "runbook", "abort", run, expect=2).stderr
    assert f"run {run} of drain" in does(light, "ben", "status").stdout
    done = does(light, "ben", "runbook", "abort", run, "-m", "it was the other shop")
    assert "aborted: it was the other shop" in done.stdout
    assert f"run {run} of drain" not in does(light, "ben", "status").stdout
    assert "was aborted" in does(light, "ana", "runbook", "resume", run, "--auto", expect=5).stderr
    assert "was aborted" in does(light, "ana", "runbook", "abort", run, "-m", "x", expect=5).stderr


def test_a_run_whose_page_is_gone_is_aborted_and_what_it_left_stays_open(
    light: Light, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(light, "drain", STOPS)
    run = left(light, monkeypatch, "-p", "server=web02", expect=1)
    (light.folder / "runbooks" / "drain.md").unlink()
    done = does(light, "ben", "runbook", "abort", run, "-m", "by hand", "--json")
    assert [each["step"] for each in done.json["data"]["open"]] == ["drain-it"]
    assert f"opskit runbook undo {run}" in does(light, "ben", "status", expect=1).stdout
    assert f"undo {run} --clear" in does(light, "ben", "runbook", "undo", run, expect=2).stderr
    assert (
        "open: drain-it"
        in does(light, "ben", "runbook", "undo", run, "--dry-run", expect=3).stdout
    )
    does(light, "ben", "runbook", "undo", run, "--clear", "drain-it", "-m", "web02 is gone")
    assert run not in does(light, "ben", "status").stdout


def test_saying_that_nothing_is_open_asks_for_no_secret(
    light: Light, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(light, "drain", STOPS)
    run = left(light, monkeypatch, "-p", "server=web02", expect=1)
    done = does(light, "ana", "runbook", "undo", run, "--clear", "2", "-m", "web02 is gone")
    assert "token" not in done.stderr
    assert "Warning" not in done.stderr


def test_what_lint_warns_of_is_told_before_a_page_is_followed(light: Light) -> None:
    write(light, "drain", PAGE.replace("Every host says", "[All](#nowhere) hosts say"))
    ran = does(light, "ana", "runbook", "run", "drain", "--auto", expect=None)
    assert "the link #nowhere leads to no heading" in ran.stderr
