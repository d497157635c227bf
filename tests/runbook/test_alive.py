"""A command that outlives the opskit that began it is found again, and waited for."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from opskit.runbook import alive
from opskit.runbook.talk import Reply
from tests.runbook.scripted import GO, Killed, Scripted, book_of
from tests.runbook.test_walk import DRAIN, LOOK, steps
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.runbook.scripted import Stage

PAGE = (
    steps(DRAIN.format("drain"), LOOK.format("date")) + "\n## Put it back\n\n" + LOOK.format("x")
)
BOOK = book_of(PAGE)


class Dying(Scripted):
    """Dies when a command has begun."""

    @contextlib.contextmanager
    def watching(self, _hosts: Any) -> Iterator[Any]:
        raise Killed
        yield


class Ending(Scripted):
    """Ends the command while it is waited for."""

    process: subprocess.Popen[bytes]

    def rest(self, seconds: float, what: str) -> bool:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        return super().rest(seconds, what)


def test_a_command_that_still_runs_is_waited_for_before_anything_else_is_done(
    stage: Stage,
) -> None:
    with pytest.raises(Killed):
        stage.run(BOOK, talk=Dying([GO]))
    events = stage.events()
    run, began = events[0].header.rollout, alive.begin_of(events, "step-1", 0)
    assert began == events[-1].id
    talk = Ending([Reply("await"), Reply("mark", "it was well"), Reply("abort", "enough")])
    command = ["sh", "-c", "sleep 60 & wait"]
    env = {**os.environ, alive.NAME: began}
    with subprocess.Popen(command, env=env, start_new_session=True) as talk.process:
        until(lambda: len(alive.processes(began)) == 2, what="both to run")
        with stage.reopened(BOOK, run, talk, take_over=True) as walk:
            walk.go()
    first, second = talk.asked[:2]
    assert f"it still runs on this machine, as process {talk.process.pid}" in first.text
    assert first.keys[:2] == ("await", "mark")
    assert "undo" not in first.keys
    assert "runs" not in second.text
    assert second.keys[:3] == ("again", "mark", "undo")


def test_what_began_on_another_machine_may_still_run_there(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Killed):
        stage.run(BOOK, talk=Dying([GO]))
    run = stage.events()[0].header.rollout
    here = alive.this_machine()
    monkeypatch.setattr(alive, "this_machine", lambda: {**here, "host": "bens-laptop"})
    talk = Scripted([Reply("again"), Reply("abort", "enough")])
    with stage.reopened(BOOK, run, talk, take_over=True) as walk:
        walk.go()
    assert f"that was on {here['host']}, where it may still run" in talk.asked[0].text


def test_nothing_is_known_to_run_of_what_never_began() -> None:
    assert alive.processes("") == ()
    assert alive.begin_of((), "step-1", 0) == ""
