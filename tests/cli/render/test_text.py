"""Plain lines and columns: what a pipe gets."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from opskit.cli.render import text
from opskit.cli.render.text import Status
from tests.cli.render.samples import Screen

if TYPE_CHECKING:
    from collections.abc import Callable


def test_columns_are_aligned_and_carry_no_spaces_at_the_end() -> None:
    rows = [("web01", Status("done"), "ok"), ("db", Status("unreachable"), "")]
    assert text.columns(("HOST", "STATUS", "SAID"), rows) == [
        "HOST   STATUS       SAID",
        "web01  done         ok",
        "db     unreachable",
    ]


def test_wide_characters_keep_columns_aligned() -> None:
    assert text.columns((), [("日本", "a"), ("web1", "b")]) == ["日本  a", "web1  b"]


def test_no_rows_are_no_lines() -> None:
    assert text.columns((), []) == []
    assert text.columns(("HOST",), []) == ["HOST"]


def test_a_line_is_broken_between_words() -> None:
    line = "  drained before, put back after on lb01; 30 s for sessions"
    assert text.wrapped(line, 30) == [
        "  drained before, put back",
        "    after on lb01; 30 s for",
        "    sessions",
    ]
    assert text.wrapped(line, 80) == [line]
    assert text.wrapped("Look: `opskit log k7x2` failed here", 20) == [
        "Look:",
        "  `opskit log k7x2` failed here",
    ]
    assert text.wrapped("web01  done  switch 0.0 s", 14) == ["web01  done", "  switch 0.0 s"]


def test_a_command_to_be_copied_is_never_broken() -> None:
    command = "opskit restart shop -m 'it is slow' -e production -H @failed:abcdefghjk"
    said = f"  what was left undone: {command}"
    assert text.wrapped(said, 80) == ["  what was left undone:", f"    {command}"]
    assert text.wrapped(said, 30) == ["  what was left undone:", f"    {command}"]
    assert text.wrapped(f"see {command}", 100) == [f"see {command}"]


@pytest.mark.parametrize("say", [text.say, text.say_on])
def test_only_a_terminal_gets_broken_lines(
    monkeypatch: pytest.MonkeyPatch, say: Callable[..., None]
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    for screen, lines in ((Screen(), 2), (io.StringIO(), 1)):
        monkeypatch.setattr(sys, "stdout", screen)
        say("a line of more words than fit", wrap=True)
        assert len(screen.getvalue().splitlines()) == lines


def test_a_cell_cannot_break_its_line() -> None:
    assert text.columns((), [("a\nb\tc\x1b[2J", "d")]) == ["a\\nb c\\x1b[2J  d"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0.0 s"),
        (-0.2, "0.0 s"),
        (1.24, "1.2 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (184, "3 min 4 s"),
        (3599.9, "1 h"),
        (7500, "2 h 5 min"),
        (86400 + 4 * 3600, "1 d 4 h"),
    ],
)
def test_durations_are_said_in_two_units_at_most(seconds: float, said: str) -> None:
    assert text.duration(seconds) == said


@pytest.mark.parametrize(
    ("back", "said"),
    [
        (timedelta(seconds=3), "just now"),
        (timedelta(seconds=-3), "just now"),
        (timedelta(minutes=3), "3 min ago"),
        (timedelta(hours=23, minutes=59), "23 h ago"),
        (timedelta(days=6), "6 d ago"),
    ],
)
def test_a_time_is_said_by_how_long_ago_it_was(back: timedelta, said: str) -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert text.ago(now - back, now) == said


@pytest.mark.parametrize("back", [timedelta(days=7), timedelta(hours=-1)])
def test_a_time_long_ago_or_to_come_is_said_in_full(back: timedelta) -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    then = now - back
    assert text.ago(then, now) == then.astimezone().strftime("%Y-%m-%d %H:%M")


def test_every_status_word_has_a_sign_that_stands_without_colour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("opskit.cli.render.terminal.is_terminal", lambda _=None: True)
    for word in text.STYLES:
        assert text.Status(word).text() != word


def test_counted_nouns_agree() -> None:
    assert [text.plural(count, "host") for count in (0, 1, 2)] == ["0 hosts", "1 host", "2 hosts"]
