"""Nothing that a host or a file says is obeyed by the reader's terminal."""

from __future__ import annotations

import io
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.cli.render import terminal

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))


@given(ANY_TEXT)
def test_visible_text_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    shown = terminal.visible(text)
    control = [c for c in shown if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"]
    assert control == []
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f]", shown)


@given(ANY_TEXT)
def test_one_line_is_one_line(text: str) -> None:
    shown = terminal.visible(text, one_line=True)
    assert len(shown.splitlines()) <= 1
    assert "\t" not in shown


@given(st.text(st.characters(categories=("L", "N", "P", "S"), include_characters=" \n\t")))
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert terminal.visible(text) == text


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\rb", "a\\x0db"),
        ("a\r\nb", "a\nb"),
        ("\x9b2J", "\\x9b2J"),
        ("evil\u202etxt", "evil\\u202etxt"),
        ("\udcff", "\\udcff"),
    ],
)
def test_control_characters_are_shown_as_escapes(said: str, shown: str) -> None:
    assert terminal.visible(said) == shown


@pytest.mark.parametrize(("text", "width"), [("web01", 5), ("日本", 4), ("e\u0301", 1), ("", 0)])
def test_width_counts_columns_not_characters(text: str, width: int) -> None:
    assert terminal.width_of(text) == width


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_colour_needs_a_terminal_that_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert terminal.has_colour(Screen())
    assert not terminal.has_colour(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert terminal.is_terminal(Screen())
    assert not terminal.has_colour(Screen())
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not terminal.is_terminal(Screen())


def test_our_signs_have_ascii_forms() -> None:
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    assert terminal.signs("✓ ✗ … → · ↺", narrow).isascii()
    assert terminal.signs("✓", io.TextIOWrapper(io.BytesIO(), encoding="utf-8")) == "✓"


def test_the_screen_is_as_wide_as_columns_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "123")
    assert terminal.screen_width() == 123
    monkeypatch.setenv("COLUMNS", "nonsense")
    assert terminal.screen_width() >= 20
