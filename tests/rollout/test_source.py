"""What is deployed is what was planned: a commit, a folder or an archive, whole and unchanged."""

from __future__ import annotations

import contextlib
import io
import lzma
import os
import random
import tarfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opskit.config.service import ArtifactSource, FolderSource, GitSource
from opskit.demo.shop.history import git
from opskit.errors import SourceError
from opskit.rollout.source import Version, commits_between, export, find_version
from opskit.rollout.unpack import unpack

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "dist"
    (made / "sub").mkdir(parents=True)
    (made / "sub" / "app").write_text("one")
    (made / "link").symlink_to("/somewhere/else")
    return made


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    made = tmp_path / "tree"
    made.mkdir()
    return made


def contents(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): str(p.readlink()) if p.is_symlink() else p.read_text()
        for p in folder.rglob("*")
        if p.is_symlink() or p.is_file()
    }


WHOLE = {"sub/app": "one", "link": "/somewhere/else"}


def test_a_folder_is_exported_as_it_stands(folder: Path, tree: Path) -> None:
    version = find_version(FolderSource(folder), None)
    assert (version.label, len(version.revision)) == ("dist", 64)
    export(version, to=tree)
    assert contents(tree) == WHOLE
    assert commits_between(version, "abc") == ()


def test_the_same_content_is_the_same_revision_wherever_it_stands(folder: Path) -> None:
    before = find_version(FolderSource(folder), None).revision
    moved = folder.rename(folder.with_name("moved"))
    os.utime(moved / "sub" / "app", (1, 1))
    assert find_version(FolderSource(moved), None).revision == before


@pytest.mark.parametrize("what", ["text", "name", "link", "mode", "folder", "kind"])
def test_any_change_of_a_folder_is_another_revision(folder: Path, what: str) -> None:
    before = find_version(FolderSource(folder), None).revision
    app, link = folder / "sub" / "app", folder / "link"
    if what == "text":
        app.write_text("two")
    elif what == "name":
        app.rename(app.with_name("bpp"))
    elif what == "mode":
        app.chmod(0o755)
    elif what == "folder":
        (folder / "empty").mkdir()
    else:
        link.unlink()
        link.symlink_to("/other") if what == "link" else link.write_text("/somewhere/else")
    assert find_version(FolderSource(folder), None).revision != before


def test_a_folder_that_changes_after_the_plan_is_not_deployed(folder: Path, tree: Path) -> None:
    version = find_version(FolderSource(folder), None)
    (folder / "late").touch()
    with pytest.raises(SourceError, match="has changed since the plan was made"):
        export(version, to=tree)


def test_a_folder_with_what_cannot_be_copied_is_refused(folder: Path, tree: Path) -> None:
    os.mkfifo(folder / "pipe")
    version = find_version(FolderSource(folder), None)
    with pytest.raises(SourceError, match="pipe"):
        export(version, to=tree)


def test_a_folder_has_no_revisions_and_must_be_there(folder: Path) -> None:
    with pytest.raises(SourceError, match="no revisions, so 'v1'"):
        find_version(FolderSource(folder), "v1")
    with pytest.raises(SourceError, match="no such folder"):
        find_version(FolderSource(folder / "none"), None)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_an_artifact_of_any_compression_is_exported(
    folder: Path, tree: Path, tmp_path: Path, mode: str
) -> None:
    with tarfile.open(tmp_path / "shop-v1.tar", mode) as tar:
        tar.add(folder, ".")
    version = find_version(ArtifactSource(f"{tmp_path}/shop-{{revision}}.tar"), "v1")
    assert (version.label, len(version.revision)) == ("v1", 64)
    export(version, to=tree)
    assert contents(tree) == WHOLE


def test_an_artifact_is_named_by_its_file_where_it_has_no_revisions(tmp_path: Path) -> None:
    (tmp_path / "shop.tar").write_bytes(b"x")
    assert find_version(ArtifactSource(f"{tmp_path}/shop.tar"), None).label == "shop.tar"


def test_an_artifact_that_changes_after_the_plan_is_not_deployed(
    folder: Path, tree: Path, tmp_path: Path
) -> None:
    source = ArtifactSource(str(tmp_path / "shop.tar"))
    with tarfile.open(source.path, "w") as tar:
        tar.add(folder, ".")
    version = find_version(source, None)
    with tarfile.open(source.path, "a") as tar:
        tar.add(folder, "more")
    with pytest.raises(SourceError, match="has changed since the plan was made"):
        export(version, to=tree)
    assert contents(tree) == {}


def test_an_artifact_must_be_there_and_its_revision_named(tmp_path: Path) -> None:
    source = ArtifactSource(f"{tmp_path}/shop-{{revision}}.tar")
    with pytest.raises(SourceError, match="which revision"):
        find_version(source, None)
    with pytest.raises(SourceError, match=r"shop-v1\.tar: No such file") as raised:
        find_version(source, "v1")
    assert raised.value.hint == "build the artifact first"


def test_a_hard_link_to_a_link_does_not_open_the_way_out(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("precious")
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, kind, link in (
            ("x", tarfile.SYMTYPE, "../outside"),
            ("h", tarfile.LNKTYPE, "x"),
            ("h", tarfile.REGTYPE, ""),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, link
            member.size = 4 if member.isreg() else 0
            tar.addfile(member, io.BytesIO(b"evil"))
    with pytest.raises(SourceError, match="behind a link"):
        unpack(tmp_path / "a.tar", tmp_path / "tree")
    assert outside.read_text() == "precious"


def packed(mode: str) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as tar:  # type: ignore[call-overload]  # any mode
        for name, data in {"a": b"x" * 700, "b": random.Random(7).randbytes(900)}.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return made.getvalue()


PACKED = {mode: packed(mode) for mode in ("w", "w:gz", "w:bz2", "w:xz")}


@given(mode=st.sampled_from(sorted(PACKED)), data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_damaged_archive_is_unpacked_or_refused_in_words(
    tmp_path: Path, mode: str, data: st.DataObject
) -> None:
    whole = bytearray(PACKED[mode])
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    damaged = tmp_path / "damaged.tar"
    damaged.write_bytes(whole[: cut or None])
    with contextlib.suppress(SourceError):
        unpack(damaged, tmp_path / "tree")


def test_damage_within_xz_is_said(tmp_path: Path) -> None:
    data = bytearray(PACKED["w:xz"])
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "a.tar.xz").write_bytes(data)
    with pytest.raises(lzma.LZMAError):
        lzma.decompress(bytes(data))
    with pytest.raises(SourceError, match="cannot be unpacked"):
        unpack(tmp_path / "a.tar.xz", tmp_path / "tree")


def test_a_commit_is_exported_without_what_lies_around(tmp_path: Path, tree: Path) -> None:
    repository = tmp_path / "repository"
    (repository / "dist").mkdir(parents=True)
    git(repository, "init", "--quiet")
    (repository / "dist" / "app").write_text("one")
    (repository / "other").write_text("")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "One")
    (repository / "dist" / "app").write_text("dirty")
    version = find_version(GitSource(repository, folder="dist"), None)
    assert version.notes == (f"uncommitted changes in {repository} are not deployed, files: 1",)
    export(version, to=tree)
    assert contents(tree) == {"app": "one"}
    assert version.label == git(repository, "branch", "--show-current").strip()
    again = find_version(GitSource(repository), version.revision[:10])
    assert again == Version(GitSource(repository), version.revision, version.revision[:8], again.notes)  # fmt: skip


def test_head_is_called_by_its_branch_or_else_by_its_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=feature/cart")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "One")
    assert find_version(GitSource(tmp_path), None).label == "feature/cart"
    git(tmp_path, "checkout", "--quiet", "--detach")
    version = find_version(GitSource(tmp_path), "HEAD")
    assert version.label == version.revision[:8]


def test_a_link_that_leads_nowhere_is_a_part_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    before = find_version(FolderSource(tmp_path / "site"), None).revision
    (tmp_path / "site" / "far").symlink_to("x" * 4000)
    assert find_version(FolderSource(tmp_path / "site"), None).revision != before
