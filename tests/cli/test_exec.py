"""`opskit exec`: where its options end and the command begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Opskit

ORDER = "  options come before the command: opskit exec -H SELECTOR COMMAND\n"


@pytest.fixture(autouse=True)
def _project(tmp_path: Path) -> None:
    (tmp_path / "opskit.toml").write_text('[environments.production]\nhosts = ["web01"]\n')


@pytest.mark.parametrize("late", [["-H", "@*"], ["-H@*"], ["--hosts=@*"], ["--hosts", "@*"]])
def test_a_selector_behind_the_command_is_told_where_it_belongs(
    opskit: Opskit, late: list[str]
) -> None:
    done = opskit("exec", "uptime", *late, expect=2)
    assert done.stderr == f"opskit: {late[0]} stands behind the command, as a part of it\n{ORDER}"


def test_without_a_selector_anywhere_it_is_the_option_that_is_missing(opskit: Opskit) -> None:
    assert "missing option '-H'" in opskit("exec", "uptime", expect=2).stderr


@pytest.mark.parametrize("words", [["--", ""], ["  "], ["", "x"]])
def test_an_empty_command_is_a_usage_error(opskit: Opskit, words: list[str]) -> None:
    done = opskit("exec", "-H", "@*", *words, expect=2)
    assert done.stderr == f"opskit: the command is empty\n{ORDER}"


def test_a_command_may_have_options_of_the_same_name(opskit: Opskit) -> None:
    done = opskit("exec", "-n", "-H", "@*", "du", "-H", "/")
    assert "du -H /" in done.stdout


@pytest.mark.parametrize("unknown", ["--bogus", "-x", "--yess"])
def test_an_option_before_the_command_is_opskit_s_and_must_be_one(
    opskit: Opskit, unknown: str
) -> None:
    done = opskit("exec", "-H", "@*", "-n", unknown, "echo hi", expect=2)
    assert f"no such option '{unknown}'" in done.stderr
    assert "opskit exec --help" in done.stderr
    assert done.stdout == ""


def test_options_of_every_change_are_taken_and_reach_no_host(opskit: Opskit) -> None:
    done = opskit("exec", "-H", "web01", "-y", "-m", "x", "-n", "--json", "echo hi")
    plan = done.json["data"]["plan"]
    assert plan["why"] == "x"
    assert [each["script"] for each in plan["commands"]] == ["echo hi"]


@pytest.mark.parametrize(
    "words", [["-y", "-n"], ["--bogus"], ["echo", "--", "-x"], ["echo", "--yes", "--bogus"]]
)
def test_what_follows_the_dashes_or_the_first_word_is_the_command_s(
    opskit: Opskit, words: list[str]
) -> None:
    dashes = ["--"] if words[0].startswith("-") else []
    done = opskit("exec", "-H", "@*", "-n", *dashes, *words)
    assert " ".join(words) in done.stdout
