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
