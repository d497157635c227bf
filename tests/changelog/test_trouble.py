from __future__ import annotations

import sqlite3
import subprocess
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog, database, files
from opskit.changelog.files import filesystem, is_remote
from opskit.errors import ChangelogError
from tests.support.privileges import none_over_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Damage = Callable[[Path], object]


def sql(*statements: str) -> Damage:
    def damage(file: Path) -> None:
        connection = sqlite3.connect(file, isolation_level=None)
        for statement in statements:
            connection.execute(statement)
        connection.close()

    return damage


def overwritten(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    file.write_bytes(content)


def replaced_by_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize(
    ("damage", "what", "hint"),
    [
        (sql("PRAGMA user_version = 2"), "written by a newer opskit", "upgrade opskit"),
        (sql("PRAGMA application_id = 1"), "a database of something else", "OPSKIT_STATE_DIR"),
        (lambda file: file.write_text("hello " * 1000), "is not a changelog", "rebuild"),
        (overwritten, "is damaged", "rebuild"),
        (replaced_by_a_folder, "cannot be opened", "check that"),
    ],
)
def test_trouble_with_the_file_is_one_line_with_a_hint(
    changelog: Changelog, file: Path, damage: Damage, what: str, hint: str
) -> None:
    for number in range(30):
        changelog.append("note", {"text": str(number)})
    changelog.close()
    damage(file)
    for attempt in (changelog.entries, lambda: changelog.append("note", {"text": "more"})):
        with pytest.raises(ChangelogError, match=what) as caught:
            attempt()
        assert "\n" not in str(caught.value)
        assert str(file) in str(caught.value)
        assert hint in caught.value.hint


def test_a_locked_changelog_says_so(
    changelog: Changelog, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changelog.append("note", {"text": "x"})
    changelog.close()
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(ChangelogError, match="locked by another opskit") as caught:
        changelog.append("note", {"text": "y"})
    assert str(file) in caught.value.hint
    with pytest.raises(ChangelogError, match="locked by another opskit"):
        changelog.notes()
    other.close()
    changelog.append("note", {"text": "y"})
    assert len(changelog.notes()) == 2


def test_a_read_only_changelog_can_be_read(
    changelog: Changelog, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changelog.append("note", {"text": "x"})
    changelog.close()
    real = sqlite3.connect
    monkeypatch.setattr(
        database.sqlite3,
        "connect",
        lambda name, **options: real(name.replace("mode=rw", "mode=ro"), **options),
    )
    assert len(changelog.notes()) == 1
    with pytest.raises(ChangelogError, match="read-only") as caught:
        changelog.append("note", {"text": "y"})
    assert "OPSKIT_STATE_DIR" in caught.value.hint


def test_a_folder_that_is_not_ours_says_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    changelog = Changelog(tmp_path / "a" / "changelog.db")
    with none_over_files(), pytest.raises(ChangelogError, match="may not be opened"):
        changelog.append("note", {"text": "x"})


def test_a_file_where_the_folder_should_be_says_so(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    with Changelog(tmp_path / "state" / "changelog.db") as changelog:
        for attempt in (changelog.entries, lambda: changelog.append("note", {"text": "x"})):
            with pytest.raises(ChangelogError, match="cannot be opened"):
                attempt()


def test_an_empty_file_is_an_empty_changelog(changelog: Changelog, file: Path) -> None:
    file.parent.mkdir(parents=True)
    file.touch()
    assert changelog.entries() == ()
    changelog.append("note", {"text": "x"})
    assert len(changelog.entries()) == 1


@pytest.mark.parametrize("kind", ["nfs4", "nfs", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs"])
def test_a_disk_of_another_machine_is_refused(
    changelog: Changelog, file: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(files, "filesystem", lambda _: kind)
    with pytest.raises(ChangelogError, match=f"on a {kind} file system") as caught:
        changelog.append("note", {"text": "x"})
    assert "OPSKIT_STATE_DIR" in caught.value.hint
    assert not file.exists()


@pytest.mark.parametrize("kind", ["ext4", "apfs", "btrfs", "tmpfs", "overlay", "zfs", ""])
def test_a_disk_of_this_machine_is_taken(kind: str) -> None:
    assert not is_remote(kind)


def test_the_file_system_is_that_of_the_longest_mount_point(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mounts = [("/", "ext4"), (str(tmp_path), "nfs4"), (f"{tmp_path}/x", "tmpfs"), ("/", "btrfs")]
    monkeypatch.setattr(files, "_linux_mounts", lambda: mounts)
    monkeypatch.setattr(files, "LINUX", True)
    assert filesystem(tmp_path / "deep" / "er") == "nfs4"
    assert filesystem(tmp_path / "x" / "y") == "tmpfs"
    assert filesystem(tmp_path.parent) == "btrfs"


def test_mount_points_are_read_on_both_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\\" not in "".join(point for point, _ in files._linux_mounts())
    assert files._unescaped("/mnt/my\\040disk") == "/mnt/my disk"
    said = (
        "/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)\n"
        "//ann@nas/home on /Volumes/home dir (smbfs, nodev, nosuid, mounted by ann)\n"
        "nas:/vol on /mnt/nas (nfs)\n"
    )
    run = subprocess.CompletedProcess([], 0, stdout=said)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: run)
    assert files._bsd_mounts() == [
        ("/", "apfs"),
        ("/Volumes/home dir", "smbfs"),
        ("/mnt/nas", "nfs"),
    ]
