"""Tables for people have colours and fit the screen; tables for pipes are whole."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from opskit.cli.render import table
from opskit.cli.render.text import Status

if TYPE_CHECKING:
    import pytest

ROWS = [("web01", Status("done")), ("web\x1b[2J02", Status("failed"))]


class Screen(io.StringIO):
    """A terminal that shows UTF-8."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    for name, value in ({"TERM": "xterm-256color", "COLUMNS": "60"} | environment).items():
        monkeypatch.setenv(name, value)
    table.show(("HOST", "STATUS"), ROWS)
    return screen.getvalue()


LONG = (
    "7k3q2m9x4d",
    "deploy of shop, v2 → v3",
    "ann@laptop",
    "it was on none of 3 ill hosts, hosts looked at",
)


def test_a_list_goes_on_in_the_next_line_where_a_terminal_is_narrow(monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(sys, "stdout", screen := Screen())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    table.listed([LONG, ("a", "note: x", "", "")])
    lines = screen.getvalue().splitlines()
    assert all(len(line) <= 60 for line in lines)
    assert lines[0] == "  7k3q2m9x4d  deploy of shop, v2 → v3  ann@laptop  it was on"
    assert lines[1:] == ["    none of 3 ill hosts, hosts looked at", "  a  note: x"]
    monkeypatch.setenv("COLUMNS", "200")
    table.listed([LONG, ("a", "note: x", "", "")])
    assert screen.getvalue().splitlines()[-1] == "  a           note: x"


def test_a_table_that_is_whole_has_a_block_for_each_row_where_a_terminal_is_narrow(monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(sys, "stdout", screen := Screen())
    for name, value in {"TERM": "xterm", "COLUMNS": "60", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    rate, took = "33% (4 of 12; 14% to 61%)", "16 s (n = 4, 1 open)"
    table.show(("SERVICE", "FAILED", "RESTORED IN"), [("shop in production", rate, took)], is_whole=True)  # fmt: skip
    assert screen.getvalue() == f"shop in production\n  FAILED       {rate}\n  RESTORED IN  {took}\n"  # fmt: skip


def test_a_pipe_gets_plain_columns(capsys: pytest.CaptureFixture[str]) -> None:
    table.show(("HOST", "STATUS"), ROWS)
    assert capsys.readouterr().out == (
        "HOST          STATUS\nweb01         done\nweb\\x1b[2J02  failed\n"
    )


def test_a_terminal_gets_signs_and_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    said = shown(monkeypatch)
    assert "\x1b[1mHOST" in said
    assert "\x1b[32mweb01         ✓ done" in said
    assert "\x1b[31mweb\\x1b[2J02  ✗ failed" in said
    assert "\x1b[2J" not in said


def test_no_color_leaves_the_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    said = shown(monkeypatch, NO_COLOR="1")
    assert "✗ failed" in said
    assert "\x1b[" not in said


def test_where_there_is_no_room_remarks_follow_and_no_host_is_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    for name, value in {"TERM": "xterm", "COLUMNS": "50", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    host, remark = "web01.example.com", "a remark that says in many words what is the matter"
    rows = [
        (host, Status("failed"), "v1 (aaaaaaaa) and more of it", remark),
        ("db", Status("ok"), "v2", ""),
    ]
    table.show(("HOST", "STATE", "RUNS", ""), rows)
    assert screen.getvalue().splitlines() == [
        "HOST               STATE     RUNS",
        "web01.example.com  ✗ failed  v1 (aaaaaaaa) and mo…",
        "db                 ✓ ok      v2",
        f"{host}: {remark}",
    ]
