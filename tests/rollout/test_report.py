"""The outcome of a run follows from those of its hosts, and the exit code from the outcome."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.cli.exits import EXITS
from opskit.errors import (
    CommandFailedError,
    ConnectionLostError,
    HostKeyError,
    LoginError,
    UnhealthyError,
    UnreachableError,
)
from opskit.rollout.report import EXIT_CODES, HostResult, Report, StepTime, outcome_of, word_for

KINDS = {
    "done": HostResult("h", "done", before="a", after="b", live="b"),
    "reverted": HostResult("h", "reverted", before="a", after="b", live="a"),
    "failed-old": HostResult("h", "failed", before="a", after="b", live="a"),
    "failed-new": HostResult("h", "failed", before="a", after="b", live="b"),
    "failed-first": HostResult("h", "failed", before="", after="b", live="b"),
    "failed-nobody-knows": HostResult("h", "failed", before="a", after="b"),
    "unreachable": HostResult("h", "unreachable", before="a", after="b", live="a"),
    "unknown": HostResult("h", "unknown", before="a", after="b"),
    "skipped": HostResult("h", "skipped", before="a", after="b", live="a"),
}


@pytest.mark.parametrize(
    ("hosts", "interrupted", "outcome"),
    [
        ("", False, "failed"),
        ("done", False, "done"),
        ("done done", True, "done"),
        ("done skipped", True, "interrupted"),
        ("skipped skipped", True, "interrupted"),
        ("reverted", True, "interrupted"),
        ("done skipped", False, "partial"),
        ("done reverted", False, "partial"),
        ("done unreachable", False, "partial"),
        ("reverted", False, "refused"),
        ("reverted skipped skipped", False, "refused"),
        ("reverted unreachable skipped", False, "refused"),
        ("reverted failed-old", False, "refused"),
        ("reverted failed-new", False, "failed"),
        ("failed-new skipped", False, "failed"),
        ("failed-first", False, "failed"),
        ("failed-old skipped", False, "failed"),
        ("failed-nobody-knows", False, "failed"),
        ("unknown skipped", False, "failed"),
        ("unreachable skipped", False, "failed"),
    ],
)
def test_the_outcome_of_a_run(hosts: str, interrupted: bool, outcome: str) -> None:
    results = [KINDS[kind] for kind in hosts.split()]
    assert outcome_of(results, interrupted=interrupted) == outcome


@given(hosts=st.lists(st.sampled_from(sorted(KINDS)), max_size=6), interrupted=st.booleans())
def test_0_means_that_all_is_done_and_nothing_else(hosts: list[str], interrupted: bool) -> None:
    outcome = outcome_of([KINDS[kind] for kind in hosts], interrupted=interrupted)
    report = Report("r", "deploy", "shop", "production", outcome, "", 1.0, ())
    assert (report.exit_code == 0) == (set(hosts) == {"done"})
    assert EXITS[report.exit_code].status == outcome


def test_every_outcome_has_an_exit_code_of_its_own() -> None:
    others = {outcome: code for outcome, code in EXIT_CODES.items() if outcome != "reverted"}
    assert len(set(others.values())) == len(others)
    assert EXIT_CODES["reverted"] == EXIT_CODES["done"], "it was asked for"


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (UnreachableError, "unreachable"),
        (HostKeyError, "unreachable"),
        (LoginError, "unreachable"),
        (ConnectionLostError, "failed"),
        (CommandFailedError, "failed"),
        (UnhealthyError, "failed"),
    ],
)
def test_a_host_that_was_never_reached_is_unreachable(error: type, word: str) -> None:
    assert word_for(error("web01", "no")) == word


def test_a_result_as_it_is_recorded() -> None:
    result = HostResult(
        "web01", "failed", "a", "b", "a", ms=7, at=9, steps=(StepTime("switch", 3),), error="no",
        hint="not recorded", output="said",
    )  # fmt: skip
    assert result.body() == {
        "host": "web01", "outcome": "failed", "from": "a", "to": "b", "live": "a", "ms": 7, "at": 9,
        "steps": [{"step": "switch", "ms": 3}], "error": "no", "output": "said",
    }  # fmt: skip
