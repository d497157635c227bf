"""An index that an older opskit made is made anew, once; when that takes a while, it is said."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

import click
import pytest

from opskit.changelog import database, index, open_changelog, reader
from opskit.cli import complete, sharing, wiring
from tests.changelog.writing import whole

if TYPE_CHECKING:
    from pathlib import Path

SAID = "the index of the changelog is made anew, once; this takes about 0 s\n"


@pytest.fixture
def outdated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project whose changelog counts as a long one, with the index of an older opskit."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(reader, "MANY", 3)
    toml = f'[changelog]\nname = "test"\nupstream = "file://{tmp_path}/log"\ntimeout = "60s"\n'
    (tmp_path / "opskit.toml").write_text(f'{toml}[environments.production]\nhosts = ["web01"]\n')
    with open_changelog("test", actor="ann") as changelog:
        whole(changelog)
    with contextlib.closing(sqlite3.connect(changelog.file)) as db, db:
        db.execute("UPDATE index_version SET version = version - 1")


def test_a_command_says_once_that_it_waits_for_the_index(
    outdated: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with sharing.open_changelog(wiring.read_config()) as changelog:
        assert len(changelog.rollouts()) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(SAID)
    assert said.err.count("index") == 1
    with sharing.open_changelog(wiring.read_config()) as changelog:
        assert len(changelog.rollouts()) == 1
    assert "index" not in capsys.readouterr().err


def test_completion_never_says_a_word(outdated: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        len(complete.rollouts(click.Context(click.Command("log")), click.Option(["-x"]), "")) == 1
    )
    assert capsys.readouterr() == ("", "")


def test_a_short_changelog_is_indexed_without_a_word(
    outdated: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MANY", 4)
    with wiring.open_changelog(wiring.read_config()) as changelog:
        assert len(changelog.rollouts()) == 1
    assert capsys.readouterr() == ("", "")


def test_of_two_commands_that_find_it_outdated_one_makes_it_anew(
    outdated: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one waits for it, and must not begin once more: the next would wait longer than SQLite lets it."""
    made: list[object] = []
    rebuild, connect = index.rebuild, database.connect

    def counted(connection: sqlite3.Connection) -> None:
        made.append(connection)
        rebuild(connection)

    def later(file: Path, *, write: bool) -> sqlite3.Connection:
        if write:
            monkeypatch.setattr(database, "connect", connect)
            with open_changelog("test") as other:
                assert len(other.rollouts()) == 1
        return connect(file, write=write)

    monkeypatch.setattr(index, "rebuild", counted)
    monkeypatch.setattr(database, "connect", later)
    with open_changelog("test") as changelog:
        assert len(changelog.rollouts()) == 1
    assert len(made) == 1
