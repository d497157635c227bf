from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.changelog import open_changelog
from tests.changelog.writing import whole
from tests.support.paper import configure

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Opskit


@pytest.fixture(autouse=True)
def _project(tmp_path: Path) -> None:
    configure(tmp_path)


def test_a_note_is_written_and_says_its_id(opskit: Opskit) -> None:
    said = opskit("note", "the cache", "was cold", env={"OPSKIT_ACTOR": "ann"}).stdout
    with open_changelog("test") as changelog:
        (note,) = changelog.notes()
        assert changelog.verify() == []
    assert said == f"noted {note.id}\n"
    assert (note.text, note.actor, note.environment) == ("the cache was cold", "ann", "production")


def test_a_note_is_about_what_it_names(opskit: Opskit) -> None:
    told = opskit("note", "x", "-s", "shop", "-e", "production", "-H", "web[02-03]", "--json").json
    assert told["data"]["hosts"] == ["web02", "web03"]
    with open_changelog("test") as changelog:
        (note,) = changelog.notes()
    assert told["data"]["id"] == note.id
    assert (note.service, note.environment, note.hosts) == (
        "shop",
        "production",
        ("web02", "web03"),
    )


def test_a_note_about_a_rollout_stands_on_its_page(opskit: Opskit) -> None:
    with open_changelog("test") as changelog:
        name = whole(changelog)
    opskit("note", "slow since this one", "--rollout", name[:4])
    assert "slow since this one" in opskit("log", name).stdout


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (["note"], "empty"),
        (["note", ""], "empty"),
        (["note", " \n\t "], "empty"),
        (["note", "x" * 10_001], "longer than"),
        (["note", "x", "-s", "shpo"], "no service 'shpo'"),
        (["note", "x", "-e", "prod"], "no environment 'prod'"),
        (["note", "x", "-H", "web99"], "no host web99"),
        (["note", "x", "--rollout", "zzzz"], "no rollout or run 'zzzz'"),
    ],
)
def test_a_note_that_makes_no_sense_is_not_written(
    opskit: Opskit, line: list[str], what: str
) -> None:
    assert what in opskit(*line, expect=2).stderr
    with open_changelog("test") as changelog:
        assert changelog.notes() == ()


def test_a_note_that_cannot_be_written_is_an_error(opskit: Opskit, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    done = opskit("note", "x", env={"OPSKIT_STATE_DIR": str(tmp_path / "state")}, expect=1)
    assert done.stdout == ""
    assert done.stderr.startswith("opskit: the changelog ")
