from __future__ import annotations

import getpass
import os
import subprocess
import sys
import time

import pytest

from opskit.changelog.machine import actor_here, is_running, machine_id, this_machine
from opskit.errors import ChangelogError

NOW = time.time_ns() // 1_000_000


def test_this_process_runs() -> None:
    assert is_running(this_machine(), NOW)
    assert is_running({**this_machine(), "more": 1}, NOW)


def test_a_process_that_ended_does_not_run() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not is_running({**this_machine(), "pid": ended.pid}, NOW)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_a_process_that_took_over_the_number_is_another_one() -> None:
    assert not is_running(this_machine(), NOW - 10 * 86_400_000)


@pytest.mark.parametrize(
    "other",
    [
        {"host": "another"},
        {"boot": "another"},
        {"pid": 0},
        {"pid": -1},
        {"pid": "1"},
        {"pid": 2**40},
    ],
)
def test_another_machine_boot_or_nonsense_does_not_run_here(other: dict[str, object]) -> None:
    assert not is_running({**this_machine(), **other}, NOW)
    assert not is_running({}, NOW)


def test_the_actor_is_who_was_named_else_the_environments_else_the_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert actor_here() == f"{getpass.getuser()}@{os.uname().nodename}"
    monkeypatch.setenv("OPSKIT_ACTOR", " ann ")
    assert actor_here() == "ann"
    assert actor_here("bob") == "bob"


def test_a_user_without_a_name_is_still_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert actor_here().startswith(f"uid{os.getuid()}@")


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31mann", "x" * 201, "\u202eann", "   "])
def test_a_name_that_could_deceive_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSKIT_ACTOR", name)
    with pytest.raises(ChangelogError, match="the actor's name") as caught:
        actor_here()
    assert "\x1b" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "OPSKIT_ACTOR" in caught.value.hint


def test_the_machine_has_one_name() -> None:
    assert machine_id() == machine_id()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_a_process_that_ended_and_that_nobody_looked_after_does_not_run() -> None:
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert not is_running({**this_machine(), "pid": ended.pid}, round(time.time() * 1000))
    ended.wait()
