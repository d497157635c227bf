"""What was read of commits is kept, and what is kept is never trusted blindly."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.blame.text import cache
from opskit.blame.text.cache import Cache
from opskit.blame.text.commits import CommitText, FileText

if TYPE_CHECKING:
    from pathlib import Path

SHA = "a" * 40
TOLD = CommitText(
    SHA, "Ana", "The cart counts", "Twice.", (FileText("cart.py", ("add",), {"total": 2}, {}),), 2
)  # fmt: skip


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_is_kept_comes_back_the_same(tmp_path: Path) -> None:
    kept = Cache(tmp_path / "cache")
    assert kept.commits([SHA]) == {}
    assert kept.between(SHA, "b" * 40) is None
    kept.keep([TOLD])
    kept.keep_between(SHA, "b" * 40, (SHA,))
    again = Cache(tmp_path / "cache")
    assert again.commits([SHA, "c" * 40]) == {SHA: TOLD}
    assert again.between(SHA, "b" * 40) == (SHA,)
    assert Cache(tmp_path / "cache", "web").commits([SHA]) == {}


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    Cache(tmp_path / "cache").keep([TOLD])
    for path in (tmp_path / "cache").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0


def test_without_a_folder_nothing_is_kept() -> None:
    Cache(None).keep([TOLD])
    assert Cache(None).commits([SHA]) == {}


def test_where_nothing_can_be_written_nothing_is_kept_and_nobody_complains(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    Cache(tmp_path / "file").keep([TOLD])
    assert Cache(tmp_path / "file").commits([SHA]) == {}


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 60])
def test_half_a_file_is_as_none(tmp_path: Path, size: int) -> None:
    Cache(tmp_path).keep([TOLD])
    (file,) = files(tmp_path)
    file.write_bytes(file.read_bytes()[:size])
    assert Cache(tmp_path).commits([SHA]) == {}
    Cache(tmp_path).keep([TOLD])
    assert Cache(tmp_path).commits([SHA]) == {SHA: TOLD}


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_is_seen(
    tmp_path_factory: pytest.TempPathFactory, at: int, bit: int
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    Cache(folder).keep([TOLD])
    (file,) = files(folder)
    held = bytearray(file.read_bytes())
    held[at % len(held)] ^= 1 << bit
    file.write_bytes(held)
    assert Cache(folder).commits([SHA]) == {}


def test_what_another_version_kept_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Cache(tmp_path).keep([TOLD])
    monkeypatch.setattr(cache, "VERSION", "another")
    assert Cache(tmp_path).commits([SHA]) == {}


def test_many_who_keep_the_same_at_once_leave_it_whole(tmp_path: Path) -> None:
    commits = [CommitText(f"{number:040x}", "Ana", "words " * 50) for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: Cache(tmp_path).keep(commits), range(8)))
    found = Cache(tmp_path).commits([commit.sha for commit in commits])
    assert list(found.values()) == commits
    assert len(files(tmp_path)) == len(commits)


def test_there_are_never_many_more_than_the_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MOST_FILES", 30)
    for first in range(0, 100, 10):
        Cache(tmp_path).keep(
            CommitText(f"{number:040x}", "", "") for number in range(first, first + 10)
        )
        assert len(files(tmp_path)) <= 30
    last = f"{99:040x}"
    assert last in Cache(tmp_path).commits([last])
