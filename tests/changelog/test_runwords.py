"""Words that a run's log and its report have in common."""

from __future__ import annotations

from opskit.changelog.runwords import pair


def test_a_value_is_quoted_where_it_would_read_on_as_a_sentence() -> None:
    assert pair("server", "web02") == "server=web02"
    assert pair("notice", "Back at ten, please wait") == "notice='Back at ten, please wait'"
    assert pair("out", "one\ntwo") == "out='one two'"
    assert pair("long", "x" * 100) == f"long='{'x' * 79}…'"
