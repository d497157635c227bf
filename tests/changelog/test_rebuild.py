"""A rebuild puts a new database in the place of the old one: whatever else happens meanwhile, nothing acknowledged is lost."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog
from opskit.changelog.rebuild import rebuild, replaced, salvage
from opskit.errors import ChangelogError
from tests.changelog.memory import Memory, shared

if TYPE_CHECKING:
    from pathlib import Path

NOTHING = 0


def from_itself(_: Changelog) -> int:
    return NOTHING


def write(file: Path, *texts: str) -> None:
    with Changelog(file, actor="ana") as changelog:
        for text in texts:
            changelog.append("note", {"text": text})


def texts(file: Path) -> list[str]:
    with Changelog(file) as changelog:
        assert changelog.verify() == []
        return sorted(note.text for note in changelog.notes())


def scratches(file: Path) -> list[str]:
    return [each.name for each in file.parent.iterdir() if "rebuilding" in each.name]


def test_what_is_written_while_the_new_one_is_filled_is_in_it(file: Path) -> None:
    write(file, "before")

    def fill(new: Changelog) -> int:
        write(file, "meanwhile")
        return from_itself(new)

    done = rebuild(file, fill)
    assert texts(file) == ["before", "meanwhile"]
    assert (done.from_the_old, done.events) == (2, 2)
    assert done.aside is not None
    assert texts(done.aside) == texts(file)


def test_a_rebuild_that_fails_changes_nothing(file: Path) -> None:
    write(file, "before")
    inode = file.stat().st_ino

    def fill(_: Changelog) -> int:
        write(file, "meanwhile")
        raise ChangelogError("the upstream does not answer")

    with pytest.raises(ChangelogError, match="does not answer"):
        rebuild(file, fill)
    assert texts(file) == ["before", "meanwhile"]
    assert file.stat().st_ino == inode
    assert scratches(file) == []


def test_killed_while_it_is_filled_the_old_one_is_in_force_and_the_next_cleans_up(
    file: Path,
) -> None:
    write(file, "before")
    script = """
import os, signal, sys
from pathlib import Path
from opskit.changelog.rebuild import rebuild
def fill(new):
    new.append("note", {"text": "only in the new one"})
    os.kill(os.getpid(), signal.SIGKILL)
rebuild(Path(sys.argv[1]), fill)
"""
    killed = subprocess.run([sys.executable, "-c", script, file], check=False, timeout=60)
    assert killed.returncode == -9
    assert scratches(file)
    write(file, "afterwards")
    assert texts(file) == ["afterwards", "before"]
    rebuild(file, from_itself)
    assert texts(file) == ["afterwards", "before"]
    assert scratches(file) == []


def test_writers_who_wait_for_the_lock_of_the_old_one_write_into_the_new_one(file: Path) -> None:
    write(file, "before")
    argv = [sys.executable, "-m", "tests.changelog.worker", str(file), "150"]
    writers = [
        subprocess.Popen([*argv, name], stdout=subprocess.PIPE, text=True)
        for name in ("ben", "cleo")
    ]
    rebuilt = 0
    while any(writer.poll() is None for writer in writers):
        rebuild(file, from_itself)
        rebuilt += 1
    said = "".join(writer.communicate(timeout=60)[0] for writer in writers)
    assert rebuilt > 1
    assert "ERR" not in said
    acknowledged = {line.split()[1][:10] for line in said.splitlines()}
    assert len(acknowledged) == 300
    with Changelog(file) as changelog:
        assert acknowledged <= {note.id for note in changelog.notes()}
        assert changelog.verify() == []


def test_a_writer_that_goes_on_notices_the_new_one(file: Path) -> None:
    with Changelog(file, actor="ana") as changelog:
        changelog.append("note", {"text": "before"})
        rebuild(file, from_itself)
        changelog.append("note", {"text": "after"})
    assert texts(file) == ["after", "before"]


def test_two_at_a_time_are_one_too_many(file: Path) -> None:
    write(file, "before")

    def fill(_: Changelog) -> int:
        with pytest.raises(ChangelogError, match="another rebuild"):
            rebuild(file, from_itself)
        return NOTHING

    rebuild(file, fill)
    assert texts(file) == ["before"]


def test_without_an_old_one_nothing_is_set_aside(file: Path) -> None:
    def fill(new: Changelog) -> int:
        new.append("note", {"text": "from elsewhere"})
        return 1

    assert rebuild(file, fill).aside is None
    assert texts(file) == ["from elsewhere"]


def test_what_the_old_one_had_not_pushed_the_new_one_pushes(file: Path, tmp_path: Path) -> None:
    write(file, "not pushed")
    rebuild(file, from_itself)
    write(file, "written since")
    upstream = Memory()
    shared(file, upstream)
    shared(other := tmp_path / "other" / "changelog.db", upstream)
    assert texts(other) == ["not pushed", "written since"]


def test_a_journal_that_a_killed_writer_left_goes_with_the_old_one(tmp_path: Path) -> None:
    old, journal, new = (tmp_path / name for name in ("db", "db-journal", "db.rebuilding"))
    for name in (old, journal, new):
        name.write_text(name.name)
    aside = replaced(old, new)
    assert aside is not None
    assert (aside.read_text(), old.read_text()) == ("db", "db.rebuilding")
    assert aside.with_name(f"{aside.name}-journal").read_text() == "db-journal"
    assert not journal.exists()


def test_a_number_that_no_changelog_reaches_ends_no_rebuild(file: Path) -> None:
    write(file, "one", "two")
    connection = sqlite3.connect(file)
    connection.execute("DROP TRIGGER event_follows_its_chain")
    connection.execute(
        "INSERT INTO event (n, wid, seq, prev, hash, header, signature, hlc, kind, rollout)"
        " VALUES (9223372036854775807, 1, 99, zeroblob(32), zeroblob(32), x'', x'', 1, '', '')"
    )
    connection.commit()
    connection.close()
    assert len(list(salvage(file))) == 3
    assert rebuild(file, from_itself).from_the_old == 2
    assert texts(file) == ["one", "two"]
