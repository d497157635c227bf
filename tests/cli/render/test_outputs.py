"""Equal output is shown once under its hosts; one host is heard while it speaks."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from opskit.cli.render import outputs
from opskit.fleet.command import Result
from tests.cli.render.samples import NASTY, Screen

if TYPE_CHECKING:
    import pytest


def result(
    host: str, stdout: bytes = b"", stderr: bytes = b"", exit: int = 0, *, truncated: bool = False
) -> Result:
    return Result(host, exit, stdout, stderr, 0.1, truncated)


def test_equal_output_is_shown_once_the_largest_group_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outputs.show(
        [
            result("db1", b"other\n"),
            result("web01", b"same\nlines\n"),
            result("web02", b"same\nlines\n"),
            result("web03", b"same\nlines\n", exit=1),
        ]
    )
    assert capsys.readouterr().out == (
        "web[01-02] (2 hosts)\n  same\n  lines\n"
        "db1 (1 host)\n  other\n"
        "web03 (1 host, status 1)\n  same\n  lines\n"
    )


def test_errors_follow_and_a_cut_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    outputs.show([result("web01", b"out", b"err\n\xff", truncated=True)])
    assert capsys.readouterr().out.splitlines() == [
        "web01 (1 host)", "  out", "  err", "  \ufffd",
        "  [output was cut: it is longer than opskit keeps]",
    ]  # fmt: skip


def test_what_a_host_says_is_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    outputs.show([result("web01", NASTY.encode())])
    assert not {"\x1b", "\r"} & set(capsys.readouterr().out)


@given(
    said=st.lists(
        st.tuples(
            st.sampled_from([b"", b"a", b"b"]), st.sampled_from([b"", b"e"]), st.integers(0, 1)
        )
    )
)
def test_every_host_stands_in_one_group_with_its_own_output(
    said: list[tuple[bytes, bytes, int]],
) -> None:
    results = [result(f"h{n}", *words) for n, words in enumerate(said)]
    groups = outputs.folded(results)
    assert sorted(host for hosts, _ in groups for host in hosts) == sorted(r.host for r in results)
    by_host = {host: shown for hosts, shown in groups for host in hosts}
    for one in results:
        shown = by_host[one.host]
        assert (shown.stdout, shown.stderr, shown.exit) == (one.stdout, one.stderr, one.exit)
    assert len({(r.stdout, r.stderr, r.exit) for _, r in groups}) == len(groups)


def test_one_host_is_heard_while_it_speaks_each_stream_on_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    watch = outputs.live()
    for stream, data in (
        ("stdout", "caf\u00e9 ".encode()[:4]), ("stderr", b"warn\n"), ("stdout", b"\xa9 \x1b[2J\n"),
    ):  # fmt: skip
        watch("web01", stream, data)
    assert capsys.readouterr() == ("caf\u00e9 \\x1b[2J\n", "warn\n")


def test_a_stand_in_for_standard_output_that_comes_later_is_not_written_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    watch = outputs.live()
    monkeypatch.setattr(sys, "stdout", Screen())
    watch("web01", "stdout", b"to the screen\n")
    monkeypatch.undo()
    assert capsys.readouterr().out == "to the screen\n"
