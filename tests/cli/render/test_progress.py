"""A rollout as it goes: a plain line a fact in a pipe, a live table on a terminal."""

from __future__ import annotations

import re
import sys
from typing import get_args

import pytest
from rich.console import Console

from opskit.cli.render import progress
from opskit.rollout.facts import (
    BatchBegun,
    Doing,
    Fact,
    HostEnded,
    Recorded,
    Skipped,
    StepBegun,
    Stopped,
    Warned,
)
from opskit.rollout.report import HostResult
from tests.cli.render.samples import NASTY, Screen, done, plan, reverted

FACTS: dict[Fact, list[str]] = {
    Recorded("abcdefghjk"): ["recorded as abcdefghjk"],
    Doing("packs v2"): ["packs v2"],
    BatchBegun(1, 2, ("web01",)): ["batch 1 of 2 (canary): web01"],
    BatchBegun(2, 2, ("web02", "web03")): ["batch 2 of 2: web02, web03"],
    BatchBegun(1, 1, ("web01",)): ["batch 1 of 1: web01"],
    StepBegun("web01", "switch"): ["web01  switch"],
    HostEnded(done()): ["web01  done  switch 0.0 s, restart 1.2 s"],
    HostEnded(HostResult("web03", "skipped")): ["web03  skipped"],
    Skipped(("web02", "web03", "db01", "web04")): ["web[02-04],db01  skipped"],
    Stopped("web02: not healthy"): ["stopped: web02: not healthy"],
    Stopped("the gate", "one\ntwo"): ["stopped: the gate", "    | one", "    | two"],
    Warned("look"): ["warning: look"],
}


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: FACTS[fact][0])
def test_every_fact_is_said_in_plain_lines(fact: Fact) -> None:
    assert progress.lines_of(fact, plan()) == FACTS[fact]


def test_every_kind_of_fact_has_words() -> None:
    assert {type(fact) for fact in FACTS} == set(get_args(Fact))


@pytest.mark.parametrize("as_json", [False, True])
def test_a_pipe_gets_a_line_a_fact_and_json_keeps_standard_output_free(
    capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    with progress.shown(plan(), as_json=as_json) as tell:
        for fact in FACTS:
            tell(fact)
    out, err = capsys.readouterr()
    assert (err if as_json else out).splitlines() == [line for lines in FACTS.values() for line in lines]  # fmt: skip
    assert (out if as_json else err) == ""


def test_a_command_on_hosts_has_only_warnings_beside_its_own_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress.shown(plan(action="task", service="", task="warm")) as tell:
        for fact in FACTS:
            tell(fact)
    assert capsys.readouterr() == ("", "warning: look\n")


def test_a_pipe_that_nobody_reads_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(Screen):
        def isatty(self) -> bool:
            return False

        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Closed())
    with progress.shown(plan()) as tell:
        tell(Doing("goes on"))
        tell(Doing("still"))


def on_screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """Make standard output a terminal; not a fixture, for pytest sets its own before the test's body."""
    made = Screen()
    monkeypatch.setattr(sys, "stdout", made)
    for name, value in {"TERM": "xterm", "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)
    return made


def rows(board: progress.Board) -> list[str]:
    console = Console(width=80, color_system=None)
    with console.capture() as captured:
        console.print(board.render())
    return [line.rstrip() for line in captured.get().splitlines()]


def untimed(row: str) -> str:
    """Give a row as if everything took no time."""
    return re.sub(r"\d+\.\d s$", "0 s", row)


def test_the_table_shows_who_runs_what(monkeypatch: pytest.MonkeyPatch) -> None:
    on_screen(monkeypatch)
    board = progress.Board(plan())
    board.take(BatchBegun(2, 2, ("web02", "web03")))
    board.take(StepBegun("web02", "restart"))
    board.take(StepBegun("web03", "switch"))
    head, *hosts = [untimed(row) for row in rows(board)]
    assert head.endswith("batch 2 of 2: web02, web03  0/4 hosts, 0 s")
    assert hosts == ["  web02  restart  0 s", "  web03  switch  0 s"]
    board.take(HostEnded(reverted()))
    head, *hosts = [untimed(row) for row in rows(board)]
    assert "1/4 hosts" in head
    assert hosts == ["  web03  switch  0 s"]
    board.take(Doing("looks"))
    assert len(rows(board)) == 1


def test_a_large_batch_does_not_fill_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    on_screen(monkeypatch)
    board = progress.Board(plan())
    for number in range(33):
        board.take(StepBegun(f"web{number}", "stage"))
    assert len(rows(board)) == progress.MOST_ROWS + 2
    assert rows(board)[-1] == "  and 13 more"


def test_ended_hosts_scroll_up_with_their_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on_screen(monkeypatch)
    board = progress.Board(plan())
    board.take(HostEnded(done()))
    board.take(Stopped(NASTY))
    shown = screen.getvalue()
    assert "web01  ✓ done" in shown
    assert "stopped: evil\\x1b[2J\\x0dline" in shown
    assert "\x1b[2J" not in shown


def test_hosts_whose_turn_never_came_are_one_line_and_all_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = on_screen(monkeypatch)
    board = progress.Board(plan())
    board.take(Skipped(("web01", "web02", "web03")))
    assert "web[01-03]  · skipped" in screen.getvalue()
    assert "3/4 hosts" in rows(board)[0]


def test_the_table_follows_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    on_screen(monkeypatch)
    board = progress.Board(plan())
    monkeypatch.setenv("COLUMNS", "33")
    board.render()
    assert board._console.width == 33


def test_no_line_above_the_table_is_broken_amid_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "40")
    command = "opskit resume abcdefghjk --revert -m 'taken back'"
    board = progress.Board(plan())
    board.take(Warned(f"it was interrupted; to go on: {command}"))
    board.take(HostEnded(done("web01.a.long.name.example.com")))
    lines = [
        line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()).split("\n")
    ]
    assert lines[:3] == ["warning: it was interrupted; to go on:", f"  {command}", "web01.a.long.name.example.com  ✓ done"]  # fmt: skip
