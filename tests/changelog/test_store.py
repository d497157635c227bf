from __future__ import annotations

import itertools
import os
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog, clock, store
from opskit.changelog.event import genesis
from opskit.errors import ChangelogError
from tests.changelog.faults import acknowledged
from tests.support.cli import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

PROCESSES, EACH = 8, 12


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_nothing_is_created_by_reading(changelog: Changelog, file: Path) -> None:
    assert changelog.entries() == ()
    assert changelog.rollouts() == ()
    assert changelog.notes() == ()
    assert changelog.live("shop", "production") == {}
    assert changelog.verify() == []
    assert not file.parent.parent.exists()


def test_the_first_event_follows_the_genesis_of_its_writer(changelog: Changelog) -> None:
    event = changelog.append("note", {"text": "hello"})
    assert event.header.seq == 1
    assert event.prev == genesis(bytes.fromhex(event.header.writer))
    assert event.header.actor == "ann@laptop"


def test_every_event_follows_the_one_before_and_the_clock_only_goes_up(
    changelog: Changelog,
) -> None:
    events = [changelog.append("note", {"text": str(n)}) for n in range(20)]
    for before, after in itertools.pairwise(events):
        assert after.prev == before.hash
        assert after.header.seq == before.header.seq + 1
        assert after.header.hlc > before.header.hlc


def test_an_event_says_what_it_was_given(changelog: Changelog) -> None:
    names = {"service": "shop", "environment": "staging", "rollout": "ab12", "action": "exec"}
    event = changelog.append("rollout.started", {"why": "é\n", "hosts": ({"name": "a"},)}, **names)
    assert {name: getattr(event.header, name) for name in names} == names
    assert event.body == {"why": "é\n", "hosts": [{"name": "a"}]}


def test_folder_files_and_key_are_private(changelog: Changelog, file: Path) -> None:
    changelog.append("note", {"text": "x"})
    assert mode(file.parent) == 0o700
    assert {mode(path) for path in file.parent.iterdir()} == {0o600}
    assert len(list(file.parent.glob("writer-*.key"))) == 1


def test_rights_that_became_too_wide_are_narrowed(changelog: Changelog, file: Path) -> None:
    changelog.append("note", {"text": "x"})
    changelog.close()
    file.chmod(0o644)
    file.parent.chmod(0o755)
    changelog.append("note", {"text": "y"})
    assert (mode(file), mode(file.parent)) == (0o600, 0o700)


def test_processes_that_append_at_once_neither_fork_nor_lose(
    changelog: Changelog, file: Path
) -> None:
    command = [sys.executable, "-m", "tests.changelog.worker", str(file), str(EACH)]
    running = [
        subprocess.Popen([*command, f"p{n}"], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        for n in range(PROCESSES)
    ]
    said = "".join(process.communicate(timeout=100)[0] for process in running)
    assert "ERR" not in said
    assert len(acknowledged(said)) == PROCESSES * EACH
    assert {note.id for note in changelog.notes()} == acknowledged(said)
    assert changelog.verify() == []
    assert len(list(file.parent.glob("writer-*.key"))) == 1


def test_a_copied_changelog_goes_on_as_a_new_writer(
    changelog: Changelog, file: Path, tmp_path: Path
) -> None:
    old = changelog.append("note", {"text": "before"})
    changelog.close()
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-a", str(file.parent), str(copy)], check=True)
    with Changelog(copy / file.name, actor="ann@laptop") as copied:
        new = copied.append("note", {"text": "after"})
        assert new.header.writer != old.header.writer
        assert new.header.seq == 2
        (told,) = [entry for entry in copied.entries() if hasattr(entry, "event")]
        assert told.event.header.kind == "writer.succeeds"
        assert told.event.body == {"writer": old.header.writer, "seq": 1, "hash": old.hash.hex()}
        assert [note.text for note in copied.notes()] == ["after", "before"]
        assert copied.verify() == []
    assert changelog.append("note", {"text": "here"}).header.writer == old.header.writer


def test_another_machine_goes_on_as_a_new_writer(
    changelog: Changelog, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = changelog.append("note", {"text": "before"})
    monkeypatch.setattr(store, "machine_id", lambda: "another")
    with Changelog(file, actor="ann@laptop") as cloned:
        first = cloned.append("note", {"text": "after"})
        second = cloned.append("note", {"text": "and on"})
    assert first.header.writer == second.header.writer != old.header.writer
    assert first.header.hlc > old.header.hlc


def test_a_lost_key_is_followed_by_a_new_writer(changelog: Changelog, file: Path) -> None:
    old = changelog.append("note", {"text": "before"})
    changelog.close()
    for key in file.parent.glob("*.key"):
        key.unlink()
    with Changelog(file) as without:
        assert without.append("note", {"text": "after"}).header.writer != old.header.writer
        assert without.verify() == []


@pytest.mark.parametrize("content", ["", "zz\n", "00" * 32, "é"])
def test_a_wrong_key_is_an_error_that_names_its_file(
    changelog: Changelog, file: Path, content: str
) -> None:
    changelog.append("note", {"text": "before"})
    (key,) = file.parent.glob("*.key")
    key.write_text(content, encoding="utf-8")
    with Changelog(file) as broken, pytest.raises(ChangelogError, match=key.name):
        broken.append("note", {"text": "after"})


def test_a_database_put_in_the_place_of_ours_is_noticed(changelog: Changelog, file: Path) -> None:
    changelog.append("note", {"text": "old"})
    assert len(changelog.notes()) == 1
    file.parent.rename(file.parent.with_name("moved"))
    assert changelog.notes() == ()
    changelog.append("note", {"text": "new"})
    assert [note.text for note in changelog.notes()] == ["new"]


def test_the_clock_follows_others_but_not_into_the_far_future() -> None:
    now = 1_795_392_000_000
    assert clock.tick(now, 0, 0) == now << 16
    assert clock.tick(now, (now + 5) << 16, 0) == ((now + 5) << 16) + 1
    assert clock.tick(now, 0, (now + 59_000) << 16) == ((now + 59_000) << 16) + 1
    assert clock.tick(now, 0, (now + 10**9) << 16) == now << 16
    assert clock.tick(now, (now + 10**9) << 16, 0) == ((now + 10**9) << 16) + 1


def test_a_clock_set_back_does_not_take_the_changelog_back(
    changelog: Changelog, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = changelog.append("note", {"text": "first"})
    monkeypatch.setattr(store.time, "time_ns", lambda: first.header.ts * 10**6 - 10**15)
    changelog.append("note", {"text": "second"})
    assert [note.text for note in changelog.notes()] == ["second", "first"]


def test_a_body_that_is_too_large_is_refused(
    changelog: Changelog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "LARGEST_BODY", 1000)
    with pytest.raises(ChangelogError, match="larger than"):
        changelog.append("note", {"text": "x" * 1000})


def test_names_that_are_too_long_are_refused_and_nothing_is_written(changelog: Changelog) -> None:
    with pytest.raises(ChangelogError, match="too long"):
        changelog.append("note", {}, service="x" * 20_000)
    assert changelog.append("note", {"text": "x"}).header.seq == 1


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE event SET kind = 'x'",
        "DELETE FROM event",
        "INSERT OR REPLACE INTO event SELECT * FROM event",
        "UPDATE body SET body = x'00'",
        "DELETE FROM body",
        "INSERT OR REPLACE INTO body SELECT * FROM body",
    ],
)
def test_the_database_itself_refuses_to_alter_what_is_written(
    changelog: Changelog, file: Path, sql: str
) -> None:
    changelog.append("note", {"text": "x"})
    connection = store.database.connect(file, write=True)
    with pytest.raises(sqlite3.IntegrityError, match=r"append-only|chain gap or fork"):
        connection.execute(sql)
    connection.close()


def test_a_commit_that_fails_but_is_there_counts_and_is_not_signed_twice(
    changelog: Changelog, monkeypatch: pytest.MonkeyPatch
) -> None:
    changelog.append("note", {"text": "first"})
    monkeypatch.setattr(store.database, "connect", flaky_connect(after_commit=True))
    changelog.close()
    event = changelog.append("note", {"text": "second"})
    assert event.header.seq == 2
    assert [note.text for note in changelog.notes()] == ["second", "first"]
    assert changelog.verify() == []


def test_a_commit_that_fails_and_is_not_there_is_an_error(
    changelog: Changelog, monkeypatch: pytest.MonkeyPatch
) -> None:
    changelog.append("note", {"text": "first"})
    changelog.close()
    monkeypatch.setattr(store.database, "connect", flaky_connect(after_commit=False))
    with pytest.raises(ChangelogError, match="disk I/O error"):
        changelog.append("note", {"text": "second"})
    assert changelog.append("note", {"text": "third"}).header.seq == 2
    assert [note.text for note in changelog.notes()] == ["third", "first"]


def flaky_connect(*, after_commit: bool) -> object:
    """Give a `connect` whose first COMMIT fails, after or instead of the real one."""
    real, left = store.database.connect, [1]

    class Flaky(sqlite3.Connection):
        def execute(self, sql: str, *values: object) -> sqlite3.Cursor:  # type: ignore[override]
            if sql == "COMMIT" and left:
                left.clear()
                if after_commit:
                    super().execute(sql)
                raise sqlite3.OperationalError("disk I/O error")
            return super().execute(sql, *values)  # type: ignore[arg-type]

    def connect(file: Path, *, write: bool) -> sqlite3.Connection:
        plain = sqlite3.connect
        try:
            sqlite3.connect = lambda *a, **k: plain(*a, **k, factory=Flaky)  # type: ignore[assignment]
            return real(file, write=write)
        finally:
            sqlite3.connect = plain  # type: ignore[assignment]

    return connect


def test_opening_it_once_more_does_not_drop_the_locks_of_this_process(
    changelog: Changelog, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changelog.append("note", {"text": "x"})
    monkeypatch.setattr(store.database, "BUSY_SECONDS", 0.05)
    held = store.database.connect(file, write=True)
    with store.database.transaction(held):
        with Changelog(file) as second:
            assert len(second.notes()) == 1
            with pytest.raises(ChangelogError, match="locked"):
                second.append("note", {"text": "y"})
        take = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
        ran = subprocess.run(
            [sys.executable, "-c", take, str(file)], capture_output=True, text=True, check=False
        )
        assert "database is locked" in ran.stderr
        held.execute("COMMIT")
    held.close()


def test_threads_may_share_a_changelog(changelog: Changelog) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: changelog.append("note", {"text": str(n)}), range(20)))
    assert len(changelog.notes()) == 20
    assert changelog.verify() == []


def test_a_changelog_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from opskit.changelog import open_changelog

    monkeypatch.setenv("OPSKIT_STATE_DIR", str(tmp_path / "here"))
    with open_changelog("acme") as changelog:
        changelog.append("note", {"text": "x"})
    assert (tmp_path / "here" / "acme" / "changelog.db").is_file()


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "A", "a b", "a" * 65, "é"])
def test_a_name_that_is_no_file_name_is_refused(name: str) -> None:
    from opskit.changelog import open_changelog

    with pytest.raises(ChangelogError, match="cannot be the name"):
        open_changelog(name)


def test_without_a_setting_the_state_lies_where_the_system_wants_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from platformdirs import user_state_dir

    from opskit.changelog.files import state_folder

    monkeypatch.delenv("OPSKIT_STATE_DIR")
    assert str(state_folder()) == user_state_dir("opskit", appauthor=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert str(state_folder()) == user_state_dir("opskit", appauthor=False)
    assert os.environ["HOME"] in str(tmp_path.home())
