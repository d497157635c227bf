"""`opskit log` on a terminal: what fits on the screen, in which words, in which colour."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog, open_changelog
from opskit.cli.render import fitting
from tests.changelog.writing import of_folder, whole
from tests.support.cli import command
from tests.support.terminal import on_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOML = """
[changelog]
name = "test"
{signers}
[environments.production]
hosts = ["web[01-20]"]
"""
WHY = "a friendlier greeting for the whole page"


@pytest.fixture(autouse=True)
def _project(tmp_path: Path) -> None:
    (tmp_path / "opskit.toml").write_text(TOML.format(signers=""))


@pytest.fixture
def changelog() -> Iterator[Changelog]:
    with open_changelog("test", actor="ann@laptop.example.com") as opened:
        yield opened


def shown(folder: Path, width: int) -> list[dict[str, str]]:
    """Give what stands under each word of the header, by the places of these words."""
    header, *lines = on_terminal(
        command("log"), cwd=folder, width=width, NO_COLOR="1"
    ).splitlines()
    names = [*re.finditer(r"\S+", header)]
    ends = [*(name.start() for name in names[1:]), width]
    places = [(name.group(), name.start(), end) for name, end in zip(names, ends, strict=True)]
    return [{name: line[a:b].strip() for name, a, b in places} for line in lines]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 132])
def test_lines_fit_the_screen(changelog: Changelog, tmp_path: Path, width: int) -> None:
    whole(changelog, "failed", why="a reason that goes on and on " * 5)
    whole(changelog, hosts=tuple(f"web{n:02}.example.com" for n in range(1, 40, 3)))
    changelog.append("note", {"text": "a note that goes on and on " * 9}, service="shop")
    said = on_terminal(command("log"), cwd=tmp_path, width=width, NO_COLOR="1")
    lines = [line for line in said.splitlines() if not line.startswith("no room for ")]
    assert len(lines) == 4
    assert len(lines) == len(said.splitlines()) or width < 80
    assert max(map(len, lines)) <= width
    assert " now " in said or "just now" in said
    assert "a reas" in said
    assert "RELEASE" in lines[0] or width < 80


def test_at_80_columns_every_column_is_there_and_says_what_matters(
    changelog: Changelog, tmp_path: Path
) -> None:
    first, last = of_folder(changelog, old="", new="1", why=WHY), of_folder(changelog, why=WHY)
    newer, older = shown(tmp_path, 80)
    assert (older["ID"], newer["ID"]) == (first, last)
    assert older["RELEASE"] == "→ 11111111"
    told = {name: newer[name] for name in ("WHEN", "WHO", "WHAT", "RELEASE", "WHERE", "OUTCOME")}
    assert [*told.values()] == ["now", "ann", "deploy site", "→ 22222222", "2 hosts", "done"]
    assert newer["WHY"] == "a friendlier greetin…"


def test_at_80_columns_the_worst_case_leaves_a_mark_and_the_beginning_of_why(
    changelog: Changelog, tmp_path: Path
) -> None:
    (tmp_path / "opskit.toml").write_text(TOML.format(signers='allowed_signers = "signers"'))
    (tmp_path / "signers").write_text(f"ann@example.com ssh-ed25519 AAAA{'x' * 64}")
    hosts = tuple(f"web{n:02}.example.com" for n in range(1, 21))
    of_folder(changelog, outcome="interrupted", hosts=hosts, why=WHY)
    whole(changelog, service="storefront-api", why=WHY, hosts=("a-long-name.example.com",))
    newer, older = shown(tmp_path, 80)
    assert newer["WHY"].startswith("[unatt.] a fri")
    assert (newer["RELEASE"], older["RELEASE"]) == ("→ v2", "→ 22222222")
    assert (older["WHERE"], older["OUTCOME"]) == ("20 hosts", "interrupted")
    assert older["WHAT"] == "deploy site"


def test_where_there_is_room_all_is_said(changelog: Changelog, tmp_path: Path) -> None:
    of_folder(changelog, why=WHY)
    (wide,) = shown(tmp_path, 160)
    assert wide["WHO"] == "ann@laptop.example.com"
    assert wide["WHEN"] == "just now"
    assert wide["RELEASE"] == "site (11111111 → 22222222)"
    assert wide["WHERE"] == "web[01-02].example.com"
    assert wide["WHY"] == WHY


@pytest.mark.parametrize("width", range(80, 200))
def test_from_80_columns_on_no_column_is_left_out_and_why_keeps_15(width: int) -> None:
    widths, gap = fitting.fitted([10, 7, 30, 40, 10, 30, 11, 500], width)
    assert sum(widths) + gap * 7 <= width
    assert min(widths) >= 4
    assert widths[fitting.WHY] >= 15


def test_colour_is_for_what_needs_attention_and_can_be_turned_off(
    changelog: Changelog, tmp_path: Path
) -> None:
    whole(changelog, "failed")
    said = on_terminal(command("log"), cwd=tmp_path, width=120)
    assert "\x1b[31m" in said.splitlines()[1]
    plain = on_terminal(command("log"), cwd=tmp_path, width=120, NO_COLOR="1")
    assert "\x1b" not in plain
