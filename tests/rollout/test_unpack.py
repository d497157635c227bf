"""Archives that lie are refused whole; honest ones are unpacked on every Python."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from opskit.errors import SourceError
from opskit.rollout.unpack import unpack

if TYPE_CHECKING:
    from pathlib import Path


def archive(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for member in members:
            member.size = 3 if member.isfile() else 0
            tar.addfile(member, io.BytesIO(b"abc") if member.isfile() else None)
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, 0o6777
    return info


def test_files_folders_and_links_arrive_without_special_bits(tmp_path: Path) -> None:
    made = archive(
        tmp_path / "a.tgz",
        member("bin", tarfile.DIRTYPE),
        member("bin/run"),
        member("etc", tarfile.SYMTYPE, "/etc"),
        member("again", tarfile.LNKTYPE, "bin/run"),
    )
    unpack(made, tmp_path / "tree")
    run = tmp_path / "tree" / "bin" / "run"
    assert run.read_bytes() == (tmp_path / "tree" / "again").read_bytes() == b"abc"
    assert run.stat().st_mode & 0o7777 == 0o755
    assert str((tmp_path / "tree" / "etc").readlink()) == "/etc"


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([member("../evil")], "reaches outside"),
        ([member("/evil")], "reaches outside"),
        ([member("a/../../evil")], "reaches outside"),
        ([member("x", tarfile.SYMTYPE, "/"), member("x/evil")], "behind a link"),
        ([member("x", tarfile.SYMTYPE, ".."), member("./x/y/evil")], "behind a link"),
        ([member("x", tarfile.SYMTYPE, "../evil"), member("x")], "behind a link"),
        ([member("h", tarfile.LNKTYPE, "../evil")], "reaches outside"),
        ([member("x", tarfile.SYMTYPE, ".."), member("h", tarfile.LNKTYPE, "x/evil")], "behind a link"),
        ([member("p", tarfile.FIFOTYPE)], "neither a file"),
        ([member("d", tarfile.CHRTYPE)], "neither a file"),
    ],
)  # fmt: skip
def test_a_member_that_reaches_elsewhere_is_refused_and_nothing_is_written(
    tmp_path: Path, members: list[tarfile.TarInfo], said: str
) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(SourceError, match=said):
        unpack(archive(tmp_path / "a.tgz", *members), tmp_path / "in" / "tree")
    assert [path for path in tmp_path.rglob("*") if path.name == "evil"] == []
    assert not (tmp_path / "in" / "tree").exists()


@pytest.mark.parametrize("data", [b"", b"no archive", b"\x1f\x8b\x08\x00broken"])
def test_what_is_no_archive_is_said(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(data)
    with pytest.raises(SourceError, match="cannot be unpacked"):
        unpack(tmp_path / "a.tar", tmp_path / "tree")
