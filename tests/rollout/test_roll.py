"""Batch after batch behind the gate: budgets, interruption, and an end for every host."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.errors import ChangelogError, HostError
from opskit.rollout.batches import split
from opskit.rollout.facts import BatchBegun, HostEnded, Skipped, Stopped, Teller
from opskit.rollout.plan import Plan, Target
from opskit.rollout.probe import Release
from opskit.rollout.report import HostResult
from opskit.rollout.roll import Roll
from opskit.rollout.stop import Stop
from tests.rollout.fakes import PATH, FakeFleet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opskit.rollout.report import Report

NAMES = ("a", "b", "c", "d", "e")
OLD, NEW = Release("r1"), Release("r2")


class Record:
    """A recorder that only remembers."""

    def __init__(self) -> None:
        self.error: ChangelogError | None = None
        self.must = True
        self.seconds = 1.0
        self.hosts: list[str] = []
        self.begun: list[str] = []
        self.refuses: dict[str, ChangelogError] = {}

    def host(self, result: HostResult) -> None:
        self.hosts.append(result.host)

    def begin(self, hosts: Sequence[str], _seats: Sequence[object]) -> None:
        self.begun.append("".join(hosts))
        self.error = self.error or self.refuses.get(hosts[0])

    def flush(self) -> None:
        self.hosts.append("|")


class Bench:
    """A run on hosts a to e, in batches of 1, 2 and 2; each host does what its letter stands for."""

    def __init__(self, behaviour: str = "", *, problems: str = "", **plan: Any) -> None:
        self.behaviour = dict(part.split("=") for part in behaviour.split())
        self.fleet = FakeFleet(*NAMES)
        self.stop, self.record = Stop(), Record()
        self.facts: list[Any] = []
        targets = tuple(
            Target(n, OLD, NEW, problem="dead", outcome="unreachable")
            if n in problems
            else Target(n, OLD, NEW)
            for n in NAMES
        )
        ready = [t.host for t in targets if not t.problem]
        given = {"batches": split(ready, [1, 2]), "service": "shop"} | plan
        self.plan = Plan("r" * 10, "deploy", "production", targets, **given)
        self.roll = Roll(
            self.plan, path=PATH, fleet=self.fleet, recorder=self.record,  # type: ignore[arg-type]
            tell=Teller(self.facts.append), stop=self.stop,
        )  # fmt: skip

    def run(self) -> Report:
        self.roll.note_problems()
        if self.roll.gate():
            self.roll.run(self._work)
        self.roll.close()
        return self.roll.report()

    def _work(self, remote: Any) -> HostResult:
        result = HostResult(remote.name, "done", "r1", "r2", "r2")
        remote.live = "r2"
        match self.behaviour.get(remote.name, "ok"):
            case "bad":
                remote.live = "r1"
                return replace(result, outcome="reverted", live="r1", error="not healthy")
            case "raises":
                raise HostError(remote.name, "connection lost")
            case "lost":
                remote.reachable = False
                return replace(result, outcome="unknown", live="", error="the lock is gone")
            case "stop":
                self.stop.request()
            case "stop-now":
                self.stop.request()
                self.stop.request()
                self.fleet.cancel()
                return replace(result, outcome="unknown", live="", error="cancelled")
            case "changelog":
                self.record.error = ChangelogError("the disk is full")
        return result

    def said(self) -> str:
        """Give the outcomes in the order of the plan, by their first letters."""
        return "".join(self.roll.ends.results[name].outcome[0] for name in NAMES)

    def batches(self) -> list[tuple[str, ...]]:
        return [fact.hosts for fact in self.facts if isinstance(fact, BatchBegun)]


def test_all_go_in_batches_and_are_recorded_batch_by_batch() -> None:
    bench = Bench()
    report = bench.run()
    assert (report.outcome, report.reason, report.exit_code) == ("done", "", 0)
    assert bench.batches() == [("a",), ("b", "c"), ("d", "e")]
    assert "".join(bench.record.hosts) == "a|bc|de|"
    assert bench.record.begun == ["a", "bc", "de"]
    assert [type(f) for f in bench.facts if isinstance(f, Stopped)] == []


def test_no_host_is_touched_before_it_is_written_that_its_batch_begins() -> None:
    bench = Bench()
    bench.record.refuses = {"b": ChangelogError("the disk is full")}
    report = bench.run()
    assert bench.said() == "dssss"
    assert bench.batches() == [("a",)]
    assert report.reason == "the changelog cannot be written: the disk is full"


@pytest.mark.parametrize(
    ("behaviour", "budget", "said", "outcome", "reason"),
    [
        ("a=bad", 0, "rssss", "refused", "a: not healthy"),
        ("a=bad", 1, "rdddd", "partial", "a: not healthy"),
        ("b=bad", 0, "drdss", "partial", "b: not healthy"),
        ("b=bad c=bad", 0, "drrss", "partial", "b and 1 more: not healthy"),
        ("a=bad b=bad", 1, "rrdss", "partial", "a and 1 more: not healthy"),
        ("a=raises", 0, "fssss", "failed", "a: connection lost"),
        ("a=lost", 0, "ussss", "failed", "a: the lock is gone"),
        ("a=bad b=bad c=bad d=bad e=bad", 9, "rrrrr", "refused", "a and 4 more: not healthy"),
        ("a=stop", 0, "dssss", "interrupted", "interrupted"),
        ("b=stop", 0, "dddss", "interrupted", "interrupted"),
        ("e=stop", 0, "ddddd", "done", ""),
        ("a=stop-now", 0, "fssss", "interrupted", "interrupted"),
        (
            "a=changelog",
            0,
            "dssss",
            "partial",
            "the changelog cannot be written: the disk is full",
        ),
    ],
)
def test_the_gate(behaviour: str, budget: int, said: str, outcome: str, reason: str) -> None:
    bench = Bench(behaviour, max_failures=budget)
    report = bench.run()
    assert (bench.said(), report.outcome, report.reason) == (said, outcome, reason)
    stopped = [fact.reason for fact in bench.facts if isinstance(fact, Stopped)]
    assert stopped == ([reason] if "s" in said else [])


@pytest.mark.parametrize(
    ("problems", "budget", "counts", "said", "outcome"),
    [
        ("b", 0, True, "susss", "failed"),
        ("b", 1, True, "duddd", "partial"),
        ("bc", 1, True, "suuss", "failed"),
        ("b", 0, False, "duddd", "partial"),
        ("abcde", 0, False, "uuuuu", "failed"),
    ],
)
def test_hosts_that_cannot_take_part_use_up_the_budget_but_not_of_a_rollback(
    problems: str, budget: int, counts: bool, said: str, outcome: str
) -> None:
    bench = Bench(problems=problems, max_failures=budget, problems_count=counts)
    report = bench.run()
    assert (bench.said(), report.outcome) == (said, outcome)


def test_a_rollback_goes_on_without_a_changelog() -> None:
    bench = Bench("a=changelog")
    bench.record.must = False
    assert bench.run().outcome == "done"


def test_a_host_that_nobody_knows_of_is_asked_what_it_runs() -> None:
    bench = Bench("a=raises")
    bench.run()
    assert bench.roll.ends.results["a"].live == "r2"
    assert bench.roll.ends.results["a"].outcome == "failed"


def test_hosts_are_asked_again_after_stopping_now() -> None:
    bench = Bench("a=stop-now")
    bench.run()
    assert not bench.fleet.cancelled
    assert bench.roll.ends.results["a"].live == "r2"
    assert bench.roll.ends.results["a"].error == "cancelled"


def test_a_host_that_cannot_be_asked_stays_unknown() -> None:
    bench = Bench("a=lost")
    bench.run()
    assert (bench.roll.ends.results["a"].outcome, bench.roll.ends.results["a"].live) == (
        "unknown",
        "",
    )


def test_a_host_that_failed_before_its_turn_is_left_out() -> None:
    bench = Bench(max_failures=1)
    bench.roll.note_error("c", HostError("c", "no room"))
    assert bench.run().outcome == "partial"
    assert bench.batches() == [("a",), ("b",), ("d", "e")]
    assert bench.roll.ends.results["c"].live == "r1"


def test_a_wish_to_stop_is_heard_at_the_first_gate() -> None:
    bench = Bench()
    bench.stop.request()
    report = bench.run()
    assert (report.outcome, bench.said(), report.exit_code) == ("interrupted", "sssss", 130)


def test_receipts_name_what_a_host_runs_and_will_run() -> None:
    bench = Bench()
    asked: list[tuple[str, str]] = []
    receipt: Callable[..., str] = lambda *, before, after: asked.append((before, after)) or "{}"  # noqa: E731
    bench.record.receipt = receipt  # type: ignore[attr-defined]
    bench.roll.receipt("a")
    assert asked == [("r1", "r2")]


@given(
    behaviour=st.fixed_dictionaries(
        {
            n: st.sampled_from(["ok", "ok", "bad", "raises", "lost", "stop", "stop-now"])
            for n in NAMES
        }
    ),
    problems=st.sets(st.sampled_from(NAMES)),
    budget=st.integers(0, 3),
    sizes=st.lists(st.sampled_from([1, 2, "50%", "100%"]), min_size=1, max_size=3),
)
def test_every_host_has_one_end_and_a_bad_change_reaches_no_more_than_was_said(
    behaviour: dict[str, str], problems: set[str], budget: int, sizes: list[int | str]
) -> None:
    words = " ".join(f"{name}={what}" for name, what in behaviour.items())
    ready = [name for name in NAMES if name not in problems]
    bench = Bench(
        words, problems="".join(problems), max_failures=budget, gated=True, batches=split(ready, sizes)
    )  # fmt: skip
    report = bench.run()
    ends = [fact.result.host for fact in bench.facts if isinstance(fact, HostEnded)]
    skipped = [fact.hosts for fact in bench.facts if isinstance(fact, Skipped)]
    assert len(skipped) <= 1
    assert sorted([*ends, *(skipped[0] if skipped else ())]) == sorted(NAMES)
    assert [host.host for host in report.hosts] == list(NAMES)
    reached = [h for h in report.hosts if h.outcome not in ("skipped", "unreachable")]
    if all(behaviour[name] in ("bad", "raises", "lost") for name in NAMES):
        assert len(reached) <= bench.plan.most_bad
    assert (report.exit_code == 0) == all(h.outcome == "done" for h in report.hosts)
    if any(h.outcome == "skipped" for h in report.hosts):
        assert report.reason
