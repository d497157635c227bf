"""Digests of files are kept between runs, and believed only of what cannot have changed since."""

from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING

import pytest

from opskit.config.service import FolderSource
from opskit.rollout import digests
from opskit.rollout.source import find_version
from opskit.rollout.tree import Entry, entries

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of files that were read, as they are read."""
    names: list[str] = []
    real = digests.Digests._read

    def noted(self: digests.Digests, entry: Entry, now: digests.Stamp) -> bytes:
        names.append(entry.name)
        return real(self, entry, now)

    monkeypatch.setattr(digests.Digests, "_read", noted)
    return names


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are made now were made long ago: this machine's clock is an hour on."""
    real = time.time_ns
    monkeypatch.setattr(digests.time, "time_ns", lambda: real() + 3600 * 10**9)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "shop"
    made.mkdir()
    for name in ("a", "b", "c\udcff\n"):
        (made / name).write_text(name, errors="surrogateescape")
    return made


def revision(folder: Path) -> str:
    return find_version(FolderSource(folder), None, cache=folder.parent / "cache").revision


@pytest.mark.usefixtures("later")
def test_a_file_that_stays_as_it_is_is_read_once(folder: Path, read: list[str]) -> None:
    first = revision(folder)
    assert sorted(read) == ["a", "b", "c\udcff\n"]
    read.clear()
    assert revision(folder) == first == find_version(FolderSource(folder), None).revision
    assert sorted(read) == ["a", "b", "c\udcff\n"]  # only by the one that keeps nothing


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("how", ["content", "same size and times", "another file", "touched"])
def test_whatever_changes_a_file_has_it_read_again(
    folder: Path, read: list[str], how: str
) -> None:
    first, file = revision(folder), folder / "a"
    state = file.stat()
    read.clear()
    if how == "another file":
        (folder / "new").write_text("b")
        (folder / "new").replace(file)
    elif how != "touched":
        file.write_text("b")
    if how != "content":
        os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert (revision(folder) == first) == (how == "touched")
    assert read == ["a"]


def test_what_was_changed_just_now_is_not_believed_next_time(
    folder: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = (folder / "a").stat().st_ctime_ns
    monkeypatch.setattr(digests.time, "time_ns", lambda: made)  # however long this test takes
    revision(folder)
    revision(folder)
    assert sorted(read) == ["a", "a", "b", "b", "c\udcff\n", "c\udcff\n"]


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("what", ["cut", "bit", "empty", "text", "writable", "folder", "long"])
def test_what_was_kept_and_is_not_as_it_was_left_counts_for_nothing(
    folder: Path, read: list[str], what: str
) -> None:
    first = revision(folder)
    file = digests.file_of(folder, folder.parent / "cache")
    said = file.read_bytes()
    match what:
        case "cut":
            file.write_bytes(said[:-7])
        case "bit":
            file.write_bytes(said[:-1] + bytes([said[-1] ^ 1]))
        case "empty":
            file.write_bytes(b"")
        case "text":
            file.write_text("hello\n")
        case "writable":
            file.chmod(0o666)
        case "long":
            file.write_bytes(said + b"x" * digests.ROW.size)
        case "folder":
            file.unlink()
            file.mkdir()
    read.clear()
    assert revision(folder) == first
    assert len(read) == 3


@pytest.mark.usefixtures("later")
def test_a_place_where_nothing_can_be_kept_only_costs_time(folder: Path) -> None:
    (folder.parent / "cache").write_text("a file, not a folder")
    assert revision(folder) == find_version(FolderSource(folder), None).revision


@pytest.mark.usefixtures("later")
def test_only_the_owner_can_write_what_is_kept(folder: Path) -> None:
    old = os.umask(0)
    try:
        revision(folder)
    finally:
        os.umask(old)
    file = digests.file_of(folder, folder.parent / "cache")
    assert not file.stat().st_mode & 0o022
    assert not file.parent.stat().st_mode & 0o022


@pytest.mark.usefixtures("later")
def test_files_that_are_gone_are_forgotten(folder: Path) -> None:
    revision(folder)
    file = digests.file_of(folder, folder.parent / "cache")
    before = file.stat().st_size
    (folder / "b").unlink()
    (folder / "d").write_text("d")
    (folder / "a").unlink()
    revision(folder)
    assert file.stat().st_size == before - digests.ROW.size


def test_a_digest_is_the_files_own(folder: Path) -> None:
    known = digests.Digests()
    for entry in entries(folder):
        with open(entry.path, "rb") as stream:  # noqa: PTH123 - the name is no text
            assert known.of(entry) == hashlib.sha256(stream.read()).hexdigest()
