"""What is waited for, and what becomes of it when somebody interrupts it, or goes on with it later."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.runbook.record import Record
from opskit.runbook.talk import Reply, Warned
from tests.runbook.scripted import GO, LEAVE, Killed, Scripted, book_of, whats
from tests.runbook.test_walk import steps

if TYPE_CHECKING:
    from tests.runbook.scripted import Stage

BOOK = book_of(steps("**Wait:** 5m\n"))


class Dying(Scripted):
    """Dies while it waits."""

    def rest(self, seconds: float, _what: str) -> bool:
        self.rested.append(seconds)
        raise Killed


def test_a_wait_that_somebody_interrupts_is_asked_about(stage: Stage) -> None:
    talk = Scripted([Reply("mark", "long enough")], patient=False)
    end, _ = stage.run(BOOK, talk=talk)
    assert (end.outcome, talk.kinds, talk.rested) == ("done", ["wait"], [300.0])


def test_a_wait_that_is_gone_on_with_lasts_as_long_as_it_would_have(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Record, "seconds_since", lambda _self, _at: 100.0)
    talk = Scripted([GO, LEAVE], patient=False)
    end, _ = stage.run(BOOK, talk=talk)
    assert talk.rested == [300.0, 200.0]
    assert talk.facts(Warned)[0].what == (
        "100 s of 300 s have passed since it began to wait: 200 s are left"
    )
    with stage.changelog() as changelog:
        record = changelog.run(end.now.run)
    assert [step.state for step in record.steps] == ["begun"]
    end, talk = stage.resume(BOOK, end.now.run)
    assert (end.outcome, talk.rested) == ("done", [200.0])
    assert whats(stage.events()).count("began") == 1


def test_a_wait_amid_which_a_run_died_is_over_when_its_time_is(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Killed):
        stage.run(BOOK, talk=Dying([]))
    run = stage.events()[0].header.rollout
    monkeypatch.setattr(Record, "seconds_since", lambda _self, _at: 4000.0)
    end, talk = stage.resume(BOOK, run, take_over=True)
    assert (end.outcome, talk.rested) == ("done", [])
    assert "it is over" in talk.facts(Warned)[0].what


def test_how_long_ago_something_was_is_never_below_nothing(stage: Stage) -> None:
    with stage.reopened(BOOK, stage.run(BOOK, LEAVE, talk=Scripted([LEAVE], patient=False))[0].now.run, Scripted([])) as walk:  # fmt: skip
        began = walk.record.events[1].at_ms
        assert 0 <= walk.record.seconds_since(began) < 60
        assert walk.record.seconds_since(began + 10**9) == 0
