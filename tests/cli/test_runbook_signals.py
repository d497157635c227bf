"""Signals while a runbook is followed: each asks, ends a command or leaves the run, and none loses what was done."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import open_changelog
from tests.cli.test_runbook_run import PAGE, answer, light, screen, write
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.screen import Screen
    from tests.support.light import Light

__all__ = ["light", "screen"]


def test_ctrl_c_at_a_prompt_asks_what_to_do_and_twice_leaves_it(
    light: Light, screen: Callable[..., Screen]
) -> None:
    one = screen("run", "drain")
    answer(one, "changes nothing", "")
    answer(one, "Which one is slow?")
    one.type("\x03")
    answer(one, "what now?", "")
    answer(one, "Which one is slow?")
    one.type("\x03")
    one.wait_for("what now?")
    one.wait_for("> ")
    one.type("\x03")
    one.wait_for("to go on: opskit runbook resume")
    assert one.end() == 130


def test_ctrl_c_ends_the_command_on_its_host_and_asks_what_now(
    light: Light, screen: Callable[..., Screen]
) -> None:
    write(light, "slow", PAGE.replace('echo "well, $why"', 'touch "$HOME/begun"; exec sleep 600'))
    one = screen("run", "slow")
    answer(one, "changes nothing", "")
    until(light.hosts.folder("web02").joinpath("begun").exists)
    one.type("\x03")
    one.wait_for("was ended")
    answer(one, "r again", "m I looked myself")
    answer(one, "Which one is slow?", ":a enough")
    one.wait_for("aborted: enough")
    assert one.end() == 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_an_automatic_run_and_its_command(
    light: Light, number: signal.Signals
) -> None:
    write(light, "slow", PAGE.replace('echo "well, $why"', 'touch "$HOME/begun"; exec sleep 600'))
    run = light.start("runbook", "run", "slow", "--auto", "--json")
    until(light.hosts.folder("web02").joinpath("begun").exists)
    run.send_signal(number)
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 130
    assert json.loads(said)["data"]["outcome"] == "suspended"
    with open_changelog("test") as changelog:
        act = changelog.runs()[0].acts[-1]
    assert (act.what, act.outcome) == ("ended", "interrupted")


def test_a_command_that_outlives_a_killed_run_is_named_by_whoever_goes_on(light: Light) -> None:
    fence = "<!-- opskit: local -->\n```sh\necho $$ >pid; exec sleep 600\n```\n"
    write(light, "inside", f"{PAGE.partition('## 1.')[0]}## 1. Do\n\n{fence}")
    run = light.start("runbook", "run", "inside", "--auto")
    file = light.folder / "pid"
    until(lambda: file.exists() and file.read_text().endswith("\n"))
    run.kill()
    run.communicate()
    with open_changelog("test") as changelog:
        name = changelog.runs()[0].id
    said = light.opskit("runbook", "resume", name, "--auto", expect=3)
    pid = int(file.read_text())
    assert f"it still runs on this machine, as process {pid}" in said.stdout + said.stderr
    os.kill(pid, signal.SIGKILL)


def test_what_was_typed_before_a_question_is_no_answer_to_it(
    light: Light, screen: Callable[..., Screen]
) -> None:
    write(
        light,
        "slow",
        PAGE.replace(
            'echo "well, $why"',
            'touch "$HOME/begun"; until test -e "$HOME/go"; do sleep 0.1; done',
        ),
    )
    one = screen("run", "slow")
    answer(one, "changes nothing", "")
    until(light.hosts.folder("web02").joinpath("begun").exists)
    one.type("web02\n\n")
    for name in ("web01", "web02"):
        light.hosts.folder(name).joinpath("go").touch()
    answer(one, "Which one is slow?", "web03")
    answer(one, "on web03", "q")
    assert one.end() == 3


def test_sigterm_leaves_it_where_it_stands(light: Light, screen: Callable[..., Screen]) -> None:
    one = screen("run", "drain")
    answer(one, "changes nothing")
    os.kill(one.process.pid, signal.SIGTERM)
    one.wait_for("opskit runbook resume")
    assert one.end() == 130


def test_a_terminal_that_is_closed_leaves_it_where_it_stands(
    light: Light, screen: Callable[..., Screen]
) -> None:
    one = screen("run", "drain")
    answer(one, "changes nothing")
    one.close()
    one.process.wait(60)
    with open_changelog("test") as changelog:
        run = changelog.runs()[0]
    assert (run.outcome, run.events[-1].header.kind) == ("suspended", "run.finished")


@pytest.mark.parametrize("fence", ["```opskit\n{}\n```", "```sh\n{} || exit\necho more\n```"])
def test_ctrl_c_lets_an_opskit_command_end_what_it_does_on_hosts(
    light: Light, screen: Callable[..., Screen], fence: str
) -> None:
    command = "opskit exec -H web01 'cd; touch begun; exec sleep 600'"
    fence = f"<!-- opskit: local -->\n{fence.format(command)}\n"
    write(light, "inside", f"{PAGE.partition('## 1.')[0]}## 1. Do\n\n{fence}")
    one = screen("run", "inside")
    answer(one, "on this machine", "")
    until(light.hosts.folder("web01").joinpath("begun").exists)
    one.type("\x03")
    answer(one, "was ended here", "q")
    assert one.end() == 3
    with open_changelog("test") as changelog:
        (record,) = changelog.rollouts()
        assert (record.action, record.outcome) == ("exec", "interrupted")
        assert changelog.runs()[0].rollouts == (record.id,)


def test_the_end_of_input_leaves_it_where_it_stands(
    light: Light, screen: Callable[..., Screen]
) -> None:
    one = screen("run", "drain")
    answer(one, "changes nothing")
    one.type("\x04")
    one.wait_for("opskit runbook resume")
    assert one.end() == 3
