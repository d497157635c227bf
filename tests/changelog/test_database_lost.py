"""The database dies, is set back, is replaced, while laptops share through it: they notice, heal it, and nothing is lost."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog
from opskit.changelog.auditing import audit
from opskit.changelog.upstream.postgres import setup
from opskit.errors import UpstreamError, UpstreamLiesError
from tests.changelog.laptop import share, upstream_of
from tests.support.postgres import Server, server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROUNDS = 5
NAMES = ("ana", "ben", "cleo")


@pytest.fixture(scope="module")
def _server() -> Iterator[Server]:
    with server() as made:
        yield made


@pytest.fixture
def postgres(_server: Server) -> Server:
    """The server with a database that was just prepared."""
    _server.new_database()
    setup(_server.url(), timeout=60.0)
    for name in NAMES:
        engineer(_server, name)
    return _server


def engineer(postgres: Server, name: str, group: str = "opskit_write") -> None:
    """Let somebody use the database; roles belong to the whole server and are there from the last test."""
    if not postgres.sql(f"SELECT 1 FROM pg_roles WHERE rolname = '{name}'"):
        postgres.sql(f"CREATE ROLE {name} LOGIN")
    postgres.sql(f"GRANT {group} TO {name}")
    if group == "opskit_write":
        postgres.sql(f"REVOKE opskit_relay FROM {name}")


def database(folder: Path, name: str) -> Path:
    return folder / name / "changelog.db"


def writes(folder: Path, name: str, *texts: str) -> None:
    with Changelog(database(folder, name), actor=name) as changelog:
        for text in texts:
            changelog.append("note", {"text": text})


def reads(folder: Path, name: str) -> list[str]:
    with Changelog(database(folder, name)) as changelog:
        assert changelog.verify() == []
        return sorted(note.text for note in changelog.notes())


def test_killed_in_the_middle_of_pushes_it_has_all_that_it_said_it_has(
    postgres: Server, tmp_path: Path
) -> None:
    acknowledged: set[str] = set()
    kills = 0
    for _ in range(ROUNDS):
        argv = [
            sys.executable,
            "-m",
            "tests.changelog.laptop",
            database(tmp_path, "ana"),
            "60",
            postgres.url("ana"),
            "ana",
        ]
        with subprocess.Popen(
            [str(word) for word in argv], stdout=subprocess.PIPE, text=True
        ) as laptop:
            assert laptop.stdout is not None
            for number, line in enumerate(laptop.stdout):
                if line.startswith("ACK"):
                    acknowledged.add(line.split()[1])
                if number == 20:
                    postgres.kill()
                    kills += 1
                    postgres.start()
    share(database(tmp_path, "ana"), postgres.url("ana"))
    done = share(database(tmp_path, "ben"), postgres.url("ben"))
    assert (kills, done.warnings) == (ROUNDS, [])
    with Changelog(database(tmp_path, "ben")) as changelog:
        assert changelog.verify() == []
        assert {changelog.show(digest).event.hash.hex() for digest in acknowledged} == acknowledged
        assert changelog.count() == len(acknowledged) == ROUNDS * 60


def test_set_back_to_a_backup_it_is_healed_by_those_who_wrote(
    postgres: Server, tmp_path: Path
) -> None:
    writes(tmp_path, "ana", "before the backup")
    share(database(tmp_path, "ana"), postgres.url("ana"))
    backup = postgres.copy()
    writes(tmp_path, "ana", "after it")
    writes(tmp_path, "ben", "by ben, after it")
    for name in ("ana", "ben", "ana", "cleo"):
        share(database(tmp_path, name), postgres.url(name))
    whole = reads(tmp_path, "ana")
    assert len(whole) == 3
    postgres.set_back(backup)
    said = share(database(tmp_path, "ana"), postgres.url("ana")).warnings
    assert "was set back to an earlier state" in said[0]
    assert share(database(tmp_path, "ben"), postgres.url("ben")).pushed == 1
    for name in ("cleo", "new"):
        url = postgres.url("cleo" if name == "new" else name)
        share(database(tmp_path, name), url)
        assert reads(tmp_path, name) == whole
    assert share(database(tmp_path, "ana"), postgres.url("ana")).warnings == []
    rows = postgres.sql("SELECT count(*), max(pos) FROM opskit.event")
    assert rows == [(3, 3)]


def test_set_back_twice_it_is_well_for_everybody(postgres: Server, tmp_path: Path) -> None:
    def everybody() -> None:
        for name in (*NAMES, *NAMES):
            share(database(tmp_path, name), postgres.url(name))

    for number in range(3):
        for name in NAMES:
            writes(tmp_path, name, f"{name} {number}, before")
            share(database(tmp_path, name), postgres.url(name))
        backup = postgres.copy()
        for name in (*NAMES, *NAMES):
            writes(tmp_path, name, f"{name} {number}, after")
            share(database(tmp_path, name), postgres.url(name))
        postgres.set_back(backup)
        everybody()
        share(database(tmp_path, f"new{number}"), postgres.url("cleo"))
        for name in (*NAMES, f"new{number}"):
            assert len(reads(tmp_path, name)) == 9 * (number + 1)
            with upstream_of(postgres.url("cleo")) as upstream:
                audited = audit(database(tmp_path, name), upstream)
            assert (audited.problems, audited.remarks) == ([], [])


def test_what_somebody_wrote_who_does_not_come_back_is_relayed_by_one_who_may(
    postgres: Server, tmp_path: Path
) -> None:
    writes(tmp_path, "cleo", "by cleo")
    share(database(tmp_path, "cleo"), postgres.url("cleo"))
    share(database(tmp_path, "ana"), postgres.url("ana"))
    postgres.new_database()
    setup(postgres.url(), timeout=60.0)
    engineer(postgres, "ana")
    with pytest.raises(UpstreamLiesError) as caught:
        share(database(tmp_path, "ana"), postgres.url("ana"))
    assert caught.value.trick == "other log"
    assert postgres.sql("SELECT count(*) FROM opskit.event") == [(0,)], (
        "nothing goes to a stranger"
    )
    share(database(tmp_path, "ana"), postgres.url("ana"), accept=True)
    with pytest.raises(UpstreamError, match=r"may not|relay"):
        share(database(tmp_path, "ana"), postgres.url("ana"), everybody=True)
    engineer(postgres, "ana", "opskit_relay")
    assert share(database(tmp_path, "ana"), postgres.url("ana"), everybody=True).pushed == 1
    share(database(tmp_path, "new"), postgres.url("ana"))
    assert reads(tmp_path, "new") == ["by cleo"]
    writes(tmp_path, "cleo", "cleo is back")
    engineer(postgres, "cleo")
    share(database(tmp_path, "cleo"), postgres.url("cleo"), accept=True)
    share(database(tmp_path, "new"), postgres.url("ana"))
    assert reads(tmp_path, "new") == ["by cleo", "cleo is back"]


def owners(postgres: Server) -> list[str]:
    return [row[0] for row in postgres.sql("SELECT db_role FROM opskit.claim ORDER BY given_at")]


def test_a_laptop_that_moves_to_another_role_goes_on_there(
    postgres: Server, tmp_path: Path
) -> None:
    engineer(postgres, "ana2")
    for who in ("ana", "ana", "ana2", "ana2"):
        writes(tmp_path, "ana", f"as {who}")
        done = share(database(tmp_path, "ana"), postgres.url(who))
        assert (done.pushed, done.warnings, done.new_writer) == (1, [], False)
    assert owners(postgres) == ["ana", "ana2"]
    share(database(tmp_path, "ben"), postgres.url("ben"))
    assert len(reads(tmp_path, "ben")) == 4


def test_a_writer_that_moved_after_the_backup_moves_again(
    postgres: Server, tmp_path: Path
) -> None:
    engineer(postgres, "ana2")
    writes(tmp_path, "ana", "as ana")
    share(database(tmp_path, "ana"), postgres.url("ana"))
    backup = postgres.copy()
    writes(tmp_path, "ana", "as ana2")
    share(database(tmp_path, "ana"), postgres.url("ana2"))
    postgres.set_back(backup)
    assert owners(postgres) == ["ana"]
    writes(tmp_path, "ana", "as ana2, after the backup was played back")
    pushed = share(database(tmp_path, "ana"), postgres.url("ana2")).pushed
    assert pushed == 3, "the two, and that what the second had seen was set back"
    assert owners(postgres) == ["ana", "ana2"]
    assert postgres.sql("SELECT count(*) FROM opskit.event") == [(4,)]


def test_in_a_new_and_empty_database_whoever_is_first_gets_nothing_of_the_others(
    postgres: Server, tmp_path: Path
) -> None:
    writes(tmp_path, "ana", "by ana")
    share(database(tmp_path, "ana"), postgres.url("ana"))
    share(database(tmp_path, "ben"), postgres.url("ben"))
    postgres.new_database()
    setup(postgres.url(), timeout=60.0)
    for name in NAMES:
        engineer(postgres, name)
    with (
        Changelog(database(tmp_path, "ben")) as changelog,
        upstream_of(postgres.url("ben")) as ben,
    ):
        exchange = changelog.exchange()
        anas, _ = exchange.unsent("another", everybody=True)
        exchange.close()
        assert len(anas) == 1, "ben has what ana wrote"
        assert ben.push(anas).status == "unproven"
    assert postgres.sql("SELECT 1 FROM opskit.writer") == []
    assert share(database(tmp_path, "ana"), postgres.url("ana"), accept=True).pushed == 1
    assert owners(postgres) == ["ana"]
