"""What is packed here is what tar and sha256sum find there, whatever the names."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opskit.errors import SourceError
from opskit.rollout.artifact import Artifact, look_at
from opskit.rollout.manifest import manifest_line
from opskit.rollout.pack import Parcel, pack

BYTES = st.binary(min_size=1, max_size=40).filter(lambda name: not set(name) & {0, ord("/")})
NAMES = st.one_of(
    BYTES.map(os.fsdecode),
    st.text(st.sampled_from("\\\nr\r ab'\"-~é日"), min_size=1, max_size=8),
    st.sampled_from(["-rf", "--help", "\\n", " ", "a\\", "x: OK", "\udcff\udcfe", "*"]),
).filter(lambda name: name not in (".", ".."))


def whole(
    tree: Path, to: Path, info: dict[str, str] | None = None, *, zipped: bool = True
) -> tuple[Artifact, Parcel]:
    artifact = look_at(tree, info=info or {})
    files = frozenset(artifact.files)
    return artifact, pack(artifact, files, to=to, manifest=artifact.manifest.data, zipped=zipped)


def unpacked(tree: Path, parcel: Parcel, to: Path) -> Path:
    """Unpack and check as a host does, with its own programs; files with odd names get them last."""
    to.mkdir()
    data = b"".join(parcel.chunks())
    subprocess.run(
        ["tar", "-xozf" if parcel.zipped else "-xof", "-", "-C", str(to)], input=data, check=True
    )
    odd = (file for file in look_at(tree, info={}).files if file.odd)
    for number, file in enumerate(odd, 1):
        (to / f"odd-{number}").rename(to / "tree" / file.name)
    if (to / "links").stat().st_size:
        subprocess.run(["tar", "-xof", "links", "-C", "tree"], cwd=to, check=True)
    if parcel.files:
        subprocess.run(
            ["sha256sum", "-c", "--strict", "--quiet", "../manifest"], cwd=to / "tree", check=True,
            capture_output=True,
        )  # fmt: skip
    return to / "tree"


@given(
    files=st.dictionaries(NAMES, st.binary(max_size=300), max_size=6),
    folder=NAMES,
    link=NAMES,
    target=BYTES.map(os.fsdecode),
    zipped=st.booleans(),
)
@settings(deadline=None, max_examples=50)
def test_any_name_and_any_bytes_arrive(
    files: dict[str, bytes], folder: str, link: str, target: str, zipped: bool
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch, "tree")
        (tree / folder).mkdir(parents=True)
        for name, data in files.items():
            (tree / folder / name).write_bytes(data)
        if link != folder:
            (tree / link).symlink_to(target)
        artifact, parcel = whole(tree, Path(scratch, "parcel"), zipped=zipped)
        held = (len(artifact.files), artifact.size)
        assert held == (len(files), sum(map(len, files.values())))
        there = unpacked(tree, parcel, Path(scratch, "there"))
        assert {file.name: file.read_bytes() for file in (there / folder).iterdir()} == files
        if link != folder:
            assert (there / link).readlink() == Path(target)


def test_a_manifest_line_is_what_sha256sum_writes(tmp_path: Path) -> None:
    for name in ("plain", "a b", "new\nline", "back\\slash", "both\\\n"):
        (tmp_path / name).write_bytes(b"x")
        said = subprocess.run(
            ["sha256sum", "--", f"./{name}"], cwd=tmp_path, capture_output=True, check=True
        ).stdout
        digest = said.lstrip(b"\\")[:64].decode()
        assert manifest_line(digest, name) == said


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    made = tmp_path / "tree"
    made.mkdir()
    return made


def sent(tree: Path, tmp_path: Path) -> Path:
    _, parcel = whole(tree, tmp_path / "parcel", {"a": "b"})
    return unpacked(tree, parcel, tmp_path / "there")


@pytest.mark.parametrize(
    ("mode", "arrives"),
    [(0o644, 0o644), (0o600, 0o644), (0o755, 0o755), (0o100, 0o755), (0o6777, 0o755), (0o666, 0o644)],
)  # fmt: skip
def test_a_file_can_be_read_by_all_and_run_if_it_could(
    tree: Path, tmp_path: Path, mode: int, arrives: int
) -> None:
    (tree / "file").touch()
    (tree / "file").chmod(mode | 0o400)
    (tree / "folder").mkdir(mode=0o700)
    there = sent(tree, tmp_path)
    assert stat.S_IMODE((there / "file").stat().st_mode) == arrives
    assert stat.S_IMODE((there / "folder").stat().st_mode) == 0o755
    assert stat.S_IMODE(there.stat().st_mode) == 0o755


def test_links_stay_links_and_hard_links_become_files(tree: Path, tmp_path: Path) -> None:
    (tree / "file").write_text("x")
    (tree / "hard").hardlink_to(tree / "file")
    (tree / "dangling").symlink_to("/nowhere/at/all")
    (tree / "around").symlink_to(".")
    there = sent(tree, tmp_path)
    assert (there / "hard").read_text() == "x"
    assert (there / "hard").stat().st_nlink == 1
    assert str((there / "dangling").readlink()) == "/nowhere/at/all"
    assert str((there / "around").readlink()) == "."


def test_nothing_is_packed_too(tree: Path, tmp_path: Path) -> None:
    artifact, parcel = whole(tree, tmp_path / "parcel")
    assert (artifact.files, artifact.size) == ((), 0)
    assert list(unpacked(tree, parcel, tmp_path / "there").iterdir()) == []


def test_the_same_tree_is_the_same_package(tree: Path, tmp_path: Path) -> None:
    (tree / "a").write_text("x")
    _, first = whole(tree, tmp_path / "one")
    _, second = whole(tree, tmp_path / "two")
    assert b"".join(first.chunks()) == b"".join(second.chunks()) == b"".join(first.chunks())


def test_what_is_known_of_it_travels_along(tree: Path, tmp_path: Path) -> None:
    sent(tree, tmp_path)
    digest = hashlib.sha256((tmp_path / "there" / "manifest").read_bytes()).hexdigest()
    known = {"a": "b", "manifest": digest}
    assert json.loads((tmp_path / "there" / "info").read_text()) == known


def test_a_long_path_arrives(tree: Path, tmp_path: Path) -> None:
    deep = tree.joinpath(*["d" * 100] * 5)
    deep.mkdir(parents=True)
    (deep / ("f" * 200)).write_text("x")
    (tree / "link").symlink_to("t" * 300)
    there = sent(tree, tmp_path)
    assert (there / deep.relative_to(tree) / ("f" * 200)).read_text() == "x"
    assert str((there / "link").readlink()) == "t" * 300


@pytest.mark.parametrize("kind", ["fifo", "socket"])
def test_what_is_neither_file_folder_nor_link_is_refused(
    tree: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree)
    if kind == "fifo":
        os.mkfifo("odd")
    else:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("odd")
    with pytest.raises(SourceError, match="odd: neither a file, a folder nor a link"):
        look_at(tree, info={})


def test_gzip_of_the_host_reads_it(tree: Path, tmp_path: Path) -> None:
    (tree / "zeros").write_bytes(bytes(3_000_000))
    _, parcel = whole(tree, tmp_path / "parcel")
    assert parcel.size < 100_000
    subprocess.run(["gzip", "-t"], input=parcel.file.read_bytes(), check=True)


def test_what_cannot_be_packed_is_only_wrapped(tree: Path, tmp_path: Path) -> None:
    (tree / "noise").write_bytes(os.urandom(300_000))
    _, parcel = whole(tree, tmp_path / "parcel")
    assert 300_000 < parcel.size < 320_000
    assert (sent(tree, tmp_path) / "noise").read_bytes() == (tree / "noise").read_bytes()
