"""What a rollout leaves in the changelog, and what becomes of it when the changelog cannot be written."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog, Filter, open_changelog, this_machine
from opskit.config.secret import Redactor, Secret
from opskit.errors import ChangelogError
from opskit.rollout import recorder as module
from opskit.rollout.facts import Recorded, Teller, Warned
from opskit.rollout.git import Commit
from opskit.rollout.plan import Plan, Target
from opskit.rollout.probe import Release
from opskit.rollout.recorder import Recorder
from opskit.rollout.report import HostResult, StepTime
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opskit.changelog import Event, RolloutRecord

OLD, NEW = Release("r1", "a" * 40, "v1"), Release("r2", "b" * 40, "v2")
PLAN = Plan(
    rollout="abcdefghjk", action="deploy", environment="production", service="shop", why="because",
    targets=(Target("web01", OLD, NEW), Target("web02", None, NEW)), batches=(("web01",), ("web02",)),
    after=NEW, commits=(Commit("c" * 40, "Subject", "Ana"),), notes=("dirty",),
)  # fmt: skip
DONE = HostResult("web01", "done", "r1", "r2", "r2", ms=5, at=1, steps=(StepTime("switch", 2),))


@pytest.fixture
def changelog() -> Iterator[Changelog]:
    opened = open_changelog("test", actor="ana")
    yield opened
    opened.close()


@dataclass
class Failing:
    """A changelog of which the appends with these numbers, from 0, fail."""

    real: Changelog
    fails: frozenset[int]
    asked: list[str] = field(default_factory=list)

    def append(self, kind: str, body: Mapping[str, object], **where: str) -> Event:
        self.asked.append(kind)
        if len(self.asked) - 1 in self.fails:
            raise ChangelogError("the disk is full")
        return self.real.append(kind, body, **where)


def record_of(changelog: Changelog) -> RolloutRecord | None:
    return next(iter(changelog.rollouts(Filter())), None)


def recorder_of(changelog: object, facts: list[object], *, must: bool = True) -> Recorder:
    return Recorder(
        changelog, PLAN, actor="ana", redactor=Redactor((Secret("s3cret"),)),  # type: ignore[arg-type]
        tell=Teller(facts.append), must=must,
    )  # fmt: skip


def run(changelog: object, *, must: bool, facts: list[object]) -> Recorder:
    """Record a whole run as `context.Run` does."""
    made = recorder_of(changelog, facts, must=must)
    made.start()
    made.host(DONE)
    made.flush()
    made.host(HostResult("web02", "failed", error="no"))
    made.finish("partial", "web02: no")
    return made


def test_a_password_that_is_a_common_word_makes_no_record_unreadable(changelog: Changelog) -> None:
    made = Recorder(
        changelog, PLAN, actor="ana", redactor=Redactor((Secret("done"), Secret("web01"))),
        tell=Teller([].append), must=True,
    )  # fmt: skip
    made.start()
    made.begin(["web01"])
    made.host(DONE)
    made.finish("done", "web01: all done")
    found = record_of(changelog)
    assert found is not None
    assert (found.hosts[0].name, found.hosts[0].outcome, found.outcome) == (
        "web01",
        "done",
        "done",
    )
    assert found.reason == "[redacted]: all [redacted]"


def test_a_run_stands_in_the_changelog(
    changelog: Changelog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/some/where/opskit", "deploy", "x" * 900])
    facts: list[object] = []
    run(changelog, must=True, facts=facts)
    found = record_of(changelog)
    assert found is not None
    assert facts == [Recorded("abcdefghjk")]
    assert (found.id, found.outcome, found.reason) == ("abcdefghjk", "partial", "web02: no")
    assert (found.action, found.service, found.environment) == ("deploy", "shop", "production")
    assert (found.why, found.remarks, found.actor) == ("because", ("dirty",), "ana")
    assert found.command == ("opskit", "deploy", "x" * 500)
    assert [c.subject for c in found.commits] == ["Subject"]
    one, two = found.hosts
    assert (one.name, one.outcome, one.batch, one.live, one.ms) == ("web01", "done", 1, "r2", 5)
    assert (two.name, two.outcome, two.batch, two.error) == ("web02", "failed", 2, "no")
    assert one.before is not None
    assert (one.before.release, one.before.label) == ("r1", "v1")
    assert [e.header.kind for e in found.events] == [
        "rollout.started", "rollout.hosts", "rollout.hosts", "rollout.finished",
    ]  # fmt: skip


def test_it_is_durable_before_start_returns(changelog: Changelog) -> None:
    recorder_of(changelog, []).start()
    with open_changelog("test") as another:
        found = record_of(another)
    assert found is not None
    assert found.outcome == "running"
    assert found.events[0].body is not None
    assert found.events[0].body["machine"] == this_machine()
    assert this_machine()["pid"] == os.getpid()


@pytest.mark.parametrize("fails", range(4))
def test_one_failed_write_loses_nothing(changelog: Changelog, fails: int) -> None:
    facts: list[object] = []
    made = run(Failing(changelog, frozenset({fails})), must=False, facts=facts)
    assert Warned("not recorded yet: the disk is full") in facts
    found = record_of(changelog)
    last = fails == 3
    assert (made.error is not None) == last
    assert found is not None
    assert found.outcome == ("running" if last else "partial")
    assert [h.outcome for h in found.hosts] == ["done", "failed"]
    kinds = [e.header.kind for e in found.events]
    assert kinds[:3] == ["rollout.started", "rollout.hosts", "rollout.hosts"]


def test_what_must_be_recorded_and_cannot_be_does_not_start(changelog: Changelog) -> None:
    facts: list[object] = []
    made = Failing(changelog, frozenset({0}))
    with pytest.raises(ChangelogError, match="the disk is full"):
        run(made, must=True, facts=facts)
    assert made.asked == ["rollout.started"]
    assert not any(isinstance(fact, Recorded) for fact in facts)


def test_later_failures_are_kept_as_an_error_and_raise_nothing(changelog: Changelog) -> None:
    made = run(Failing(changelog, frozenset(range(1, 99))), must=True, facts=[])
    assert made.error is not None


def test_a_rollback_runs_without_a_changelog_and_does_not_say_it_is_recorded(
    changelog: Changelog,
) -> None:
    facts: list[object] = []
    made = run(Failing(changelog, frozenset(range(99))), must=False, facts=facts)
    assert made.error is not None
    assert not any(isinstance(fact, Recorded) for fact in facts)
    assert json.loads(made.receipt(before="a", after="b")) | {"at": 0} == {
        "writer": "", "seq": 0, "hash": "", "actor": "ana", "rollout": "abcdefghjk", "action": "deploy",
        "from": "a", "to": "b", "at": 0,
    }  # fmt: skip


def test_the_receipt_names_the_event_even_one_that_was_written_late(changelog: Changelog) -> None:
    made = run(Failing(changelog, frozenset({0})), must=False, facts=[])
    found = record_of(changelog)
    assert found is not None
    started = found.events[0]
    line = made.receipt(before="r1", after="r2")
    assert line.isascii()
    assert "\n" not in line
    receipt = json.loads(line)
    assert (receipt["seq"], receipt["hash"]) == (started.header.seq, started.hash.hex())
    assert receipt["writer"] == started.header.writer


def test_results_are_written_together_but_not_late(
    changelog: Changelog, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Failing(changelog, frozenset())
    monkeypatch.setattr(module, "SECONDS_BETWEEN", 3600)
    recorder = recorder_of(made, [])
    recorder.start()
    for _ in range(module.MOST_RESULTS - 1):
        recorder.host(DONE)
    assert made.asked == ["rollout.started"]
    recorder.host(DONE)
    assert made.asked == ["rollout.started", "rollout.hosts"]
    monkeypatch.setattr(module, "SECONDS_BETWEEN", 0.05)
    recorder.host(DONE)
    until(lambda: made.asked == ["rollout.started", "rollout.hosts", "rollout.hosts"])
    recorder.flush()
    assert len(made.asked) == 3


def test_no_secret_is_recorded(changelog: Changelog) -> None:
    made = recorder_of(changelog, [])
    made.start()
    made.host(HostResult("web01", "failed", error="said s3cret", output="a\ns3cret"))
    made.finish("failed", "web01: said s3cret", output="s3cret")
    found = record_of(changelog)
    assert found is not None
    assert found.reason == "web01: said [redacted]"
    assert found.hosts[0].output == "a\n[redacted]"
    assert "s3cret" not in repr(found)
