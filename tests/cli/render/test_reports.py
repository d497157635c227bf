"""What came of a rollout, for people, for pipes and as JSON."""

from __future__ import annotations

import json

import pytest

from opskit.cli.render import reports
from opskit.fleet.command import Result
from opskit.fleet.selectors import fold
from opskit.rollout.report import EXIT_CODES, HostResult
from tests.cli.render.samples import done, plan, report, reverted


def test_the_end_is_three_lines(capsys: pytest.CaptureFixture[str]) -> None:
    ended = report(done(), reverted(), HostResult("web03", "skipped"))
    assert reports.show(ended, plan(), command="deploy", as_json=False) == 3
    assert capsys.readouterr().out == (
        "deploy shop: partial (1 done, 1 reverted, 1 skipped) in 1 min 15 s\n"
        "  web02: not healthy\n"
        "  deploy abcdefghjk: opskit log abcdefghjk\n"
    )


@pytest.mark.parametrize("outcome", sorted(EXIT_CODES))
@pytest.mark.parametrize("as_json", [True, False])
def test_the_exit_code_is_the_same_in_every_form(
    capsys: pytest.CaptureFixture[str], outcome: str, as_json: bool
) -> None:
    ended = report(done(), outcome=outcome)
    assert reports.show(ended, plan(), command="deploy", as_json=as_json) == EXIT_CODES[outcome]
    out = capsys.readouterr().out
    if as_json:
        assert (json.loads(out)["status"], json.loads(out)["exit_code"]) == (
            "done" if outcome == "reverted" else outcome,
            EXIT_CODES[outcome],
        )


def test_warnings_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    reports.show(report(done(), warnings=("look",)), plan(), command="deploy", as_json=False)
    assert capsys.readouterr().err == "warning: look\n"


def test_a_host_that_is_done_is_one_line() -> None:
    assert reports.host_lines(done(), plan()) == ["web01  done  switch 0.0 s, restart 1.2 s"]
    assert reports.host_lines(HostResult("web03", "skipped", error="no"), plan()) == [
        "web03  skipped"
    ]


def test_a_host_that_failed_says_why_what_it_said_last_and_what_to_do() -> None:
    lines = reports.host_lines(reverted(), plan())
    assert lines[:2] == ["web02  reverted", "    not healthy"]
    assert lines[2] == "    | line 22"
    assert lines[-2:] == ["    look at it", "    back on v1 (aaaaaaaa)"]


def test_a_rollout_of_commands_mentions_only_what_went_wrong(
    capsys: pytest.CaptureFixture[str],
) -> None:
    failed = HostResult("web02", "failed", error="ended with status 7", output="ill")
    silent = HostResult("web03", "failed", error="cancelled", output="from the error")
    spoken = Result("web02", 7, b"ill\n", b"", 0.1)
    ended = report(done(), failed, silent, outputs=(spoken,), action="exec", service="")
    assert reports.mention(ended, plan(service="", script="x")) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "web02  failed",
        "    ended with status 7",
        "web03  failed",
        "    cancelled",
        "    | from the error",
        "exec: partial (1 done, 2 failed) in 1 min 15 s: opskit log abcdefghjk",
    ]


def test_of_commands_that_failed_alike_the_same_is_said_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = [f"web{number:02}" for number in range(1, 41)]
    away = [HostResult(name, "unreachable", error="does not answer") for name in names[::2]]
    late = [HostResult(name, "skipped") for name in names[1::2]]
    reports.mention(report(*away, *late, action="exec", service=""), plan(service="", script="x"))
    assert capsys.readouterr().err.splitlines()[:-1] == [
        f"{fold(names[::2])}  unreachable",
        "    does not answer",
        f"{fold(names[1::2])}  skipped",
    ]


def test_as_json_holds_the_hosts_the_plan_and_what_was_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = Result("web01", 0, b"caf\xe9\n", b"err", 0.1, truncated=True)
    reports.show(report(done(), outputs=(said,)), plan(), command="exec", as_json=True)
    data = json.loads(capsys.readouterr().out)["data"]
    assert data["hosts"][0]["steps"] == [
        {"step": "switch", "ms": 10}, {"step": "restart", "ms": 1200},
    ]  # fmt: skip
    assert data["outputs"] == {
        "web01": {"exit": 0, "stdout": "caf\ufffd\n", "stderr": "err", "truncated": True}
    }
    assert (data["seconds"], data["plan"]["rollout"]) == (75.0, "abcdefghjk")
