"""A run goes on: from where its events say, by whoever is there, with the file as it is now."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import this_machine
from opskit.errors import LockedError, RefusedError
from opskit.runbook import past
from opskit.runbook.talk import Reply, Warned
from tests.runbook.scripted import GO, LEAVE, Killed, Scripted, book_of, whats
from tests.runbook.test_walk import DO, DRAIN, LOOK, steps

if TYPE_CHECKING:
    from opskit.runbook.model import Runbook
    from tests.runbook.scripted import Stage

BACK = "\n## Put it back\n\n" + DO.format("rm drained")


def left_in_the_middle(stage: Stage, book: Runbook, *replies: Reply, after: str = "began") -> str:
    """Run it until the first event of that kind behind all answers, and die there; gives the id of the run."""
    from opskit.runbook.record import Record

    real = Record.step
    count = sum(reply.key == "go" for reply in replies)

    def dies(self: Record, step: str, part: int, what: str, **more: object) -> None:
        nonlocal count
        real(self, step, part, what, **more)
        count -= what == after
        if count == 0 and what == after:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Record, "step", dies)
        with pytest.raises(Killed):
            stage.run(book, *replies)
    return stage.events()[0].header.rollout


@pytest.fixture(autouse=True)
def _dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ran in this very process is taken for dead."""
    monkeypatch.setattr(past, "is_running", lambda *_: False)


@pytest.mark.parametrize(
    ("reply", "ran"),
    [(Reply("again"), True), (Reply("mark", "it was done, I looked"), False)],
)
def test_a_command_of_which_nobody_knows_is_asked_about(
    stage: Stage, reply: Reply, ran: bool
) -> None:
    book = book_of(steps(DO.format("echo x >>made"), LOOK.format("echo 2")))
    run = left_in_the_middle(stage, book, GO)
    assert stage.now(book, run).of("step-1", 0).status == "unknown"
    end, talk = stage.resume(book, run, reply, GO)
    assert talk.kinds == ["unknown", "act"]
    assert "nobody knows how it ended" in talk.asked[0].text
    assert end.outcome == "done"
    assert (stage.folder / "made").exists() is ran


def test_an_unknown_command_can_be_undone_and_is_asked_about_again(stage: Stage) -> None:
    book = book_of(
        steps(DRAIN.format("touch drained")) + BACK.replace("rm drained", "rm -f drained")
    )
    run = left_in_the_middle(stage, book, GO)
    end, talk = stage.resume(book, run, Reply("undo"), GO, GO, GO)
    assert talk.kinds == ["unknown", "act", "act", "act"]
    assert end.outcome == "done"
    assert end.now.liabilities == ()


def test_what_ended_is_known_and_not_done_again(stage: Stage) -> None:
    book = book_of(steps(DO.format("echo x >>made"), LOOK.format("cat made")))
    run = left_in_the_middle(stage, book, GO, after="ended")
    end, talk = stage.resume(book, run, GO)
    assert (end.outcome, talk.heard["local"]) == ("done", b"x\n")


def test_a_colleague_goes_on_with_the_answers_and_captures_of_the_first(stage: Stage) -> None:
    first = "**Ask:** `name` - Which?\n\n<!-- opskit: local mutates=no capture=found -->\n```sh\necho 4\n```\n"
    book = book_of(steps(first, LOOK.format('echo "$name $found"')))
    end, _ = stage.run(book, Reply("text", "web01"), GO, LEAVE)
    end, talk = stage.resume(book, end.now.run, GO, actor="ben")
    assert talk.heard["local"] == b"web01 4\n"
    assert [runner.actor for runner in end.now.runners] == ["ana", "ben"]


def test_a_finished_step_that_has_changed_is_told_and_can_be_done_again(stage: Stage) -> None:
    book = book_of(steps(LOOK.format("echo 1"), LOOK.format("echo 2")))
    end, _ = stage.run(book, GO, LEAVE)
    other = book_of(steps(LOOK.format("echo one"), LOOK.format("echo 2"), LOOK.format("echo 3")))
    end, talk = stage.resume(other, end.now.run, Reply("back"), GO, LEAVE)
    assert talk.kinds[0] == "changed"
    assert "Step 1" in talk.asked[0].text
    assert "Step 3" in talk.facts(Warned)[0].what
    assert talk.heard["local"] == b"one\n"
    assert stage.events()[-5].body["changed"] == ["step-1"] or "step-1" in str(
        [e.body for e in stage.events()]
    )
    end, talk = stage.resume(other, end.now.run, GO, GO)
    assert (end.outcome, talk.kinds) == ("done", ["act", "act"])


def test_a_step_that_changed_when_a_part_was_done_is_begun_anew_if_somebody_says_so(
    stage: Stage,
) -> None:
    book = book_of(steps(LOOK.format("echo 1") + "\n" + LOOK.format("echo 2")))
    end, _ = stage.run(book, GO, LEAVE)
    other = book_of(steps(LOOK.format("echo one") + "\n" + LOOK.format("echo 2")))
    end, talk = stage.resume(other, end.now.run, Reply("anew"), GO, GO)
    assert (end.outcome, talk.heard["local"]) == ("done", b"one\n2\n")


def test_what_follows_a_step_that_is_gone_is_next(stage: Stage) -> None:
    book = book_of(steps(LOOK.format("echo 1"), LOOK.format("echo 2"), LOOK.format("echo 3")))
    end, _ = stage.run(book, GO, LEAVE)
    without = book_of(
        "## Step 1\n\n" + LOOK.format("echo 1") + "\n## Step 3\n\n" + LOOK.format("echo 3")
    )
    end, talk = stage.resume(without, end.now.run, *[GO] * 3)
    assert end.outcome == "done"
    assert talk.heard["local"] == b"3\n"


def test_what_is_over_is_not_gone_on_with(stage: Stage) -> None:
    book = book_of(steps(LOOK.format("echo 1")))
    end, _ = stage.run(book, GO)
    with pytest.raises(RefusedError, match="is done"):
        stage.resume(book, end.now.run)
    end, _ = stage.run(book, Reply("abort", "no"))
    with pytest.raises(RefusedError, match="was aborted"):
        stage.resume(book, end.now.run)


def test_a_run_that_goes_on_here_is_not_taken_over_unless_somebody_says_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = book_of(steps(LOOK.format("echo 1"), LOOK.format("echo 2")))
    run = left_in_the_middle(stage, book, GO, after="ended")
    monkeypatch.setattr(past, "is_running", lambda *_: True)
    with pytest.raises(LockedError, match=f"process {os.getpid()}"):
        stage.resume(book, run, GO)
    end, _ = stage.resume(book, run, GO, take_over=True)
    assert end.outcome == "done"


def test_a_run_elsewhere_that_was_active_a_moment_ago_is_not_taken_over(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = book_of(steps(LOOK.format("echo 1"), LOOK.format("echo 2")))
    run = left_in_the_middle(stage, book, GO, after="ended")
    monkeypatch.setattr(past, "this_machine", lambda: {**this_machine(), "host": "elsewhere"})
    with pytest.raises(LockedError, match="ana was at run"):
        stage.resume(book, run, GO)
    now = time.time()
    monkeypatch.setattr(past.time, "time", lambda: now + past.LATELY + 60)
    end, _ = stage.resume(book, run, GO)
    assert end.outcome == "done"


def test_a_command_that_may_still_run_elsewhere_is_not_taken_for_dead(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = DO.format("echo 1").replace("local", "local timeout=20m")
    book = book_of(steps(slow))
    run = left_in_the_middle(stage, book, GO)
    monkeypatch.setattr(past, "this_machine", lambda: {**this_machine(), "host": "elsewhere"})
    now = time.time()
    monkeypatch.setattr(past.time, "time", lambda: now + past.LATELY + 60)
    with pytest.raises(
        LockedError, match=r"a command that began then may run for (8[0-4]|7[0-9])[0-9] s more"
    ):
        stage.resume(book, run, GO)
    monkeypatch.setattr(past.time, "time", lambda: now + 1260)
    end, talk = stage.resume(book, run, Reply("mark", "it was done"))
    assert (end.outcome, talk.kinds) == ("done", ["unknown"])


def test_who_was_taken_over_does_nothing_more(stage: Stage) -> None:
    book = book_of(steps(LOOK.format("echo 1"), DO.format("touch b")))
    end, _ = stage.run(book, GO, LEAVE)
    run = end.now.run
    first = Scripted([GO])
    with stage.reopened(book, run, first) as walk:
        end, _ = stage.resume(book, run, LEAVE, actor="ben", take_over=True)
        with pytest.raises(LockedError, match="taken over by ben"):
            walk.go()
    assert not (stage.folder / "b").exists()


def test_of_two_who_go_on_at_once_one_does_it(stage: Stage) -> None:
    book = book_of(
        steps(LOOK.format("echo 1"), DO.format("echo x >>made"), DO.format("echo y >>made"))
    )
    end, _ = stage.run(book, GO, LEAVE)
    run, first, second = end.now.run, Scripted([GO, GO]), Scripted([GO, GO])
    with (
        stage.reopened(book, run, first) as one,
        stage.reopened(book, run, second, actor="ben", take_over=True) as other,
    ):
        with pytest.raises(LockedError, match="taken over by ben"):
            one.go()
        assert other.go().outcome == "done"
    assert (stage.folder / "made").read_text() == "x\ny\n"


def test_a_secret_is_asked_again_and_stands_nowhere(stage: Stage) -> None:
    more = "params: {token: {secret: true, required: true}}\n"
    book = book_of(
        steps(LOOK.format("echo ${#token}"), LOOK.format("echo ${#token}; echo $token")), more
    )
    word = "s3ntinel-of-a-run"
    end, talk = stage.run(book, Reply("text", word), GO, LEAVE)
    assert talk.kinds[0] == "secret"
    end, talk = stage.resume(book, end.now.run, Reply("text", word), GO)
    assert (end.outcome, talk.heard["local"]) == ("done", b"17\n[redacted]\n")
    assert word not in str([event.body for event in stage.events()])
    assert "started" in whats(stage.events())
