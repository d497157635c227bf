"""What is packed here is what tar and sha256sum find there, whatever the names."""

from __future__ import annotations

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
from opskit.rollout.pack import Package, manifest_line, pack

BYTES = st.binary(min_size=1, max_size=40).filter(lambda name: not set(name) & {0, ord("/")})
NAMES = st.one_of(
    BYTES.map(os.fsdecode),
    st.text(st.sampled_from("\\\nr\r ab'\"-~é日"), min_size=1, max_size=8),
    st.sampled_from(["-rf", "--help", "\\n", " ", "a\\", "x: OK", "\udcff\udcfe", "*"]),
).filter(lambda name: name not in (".", ".."))


def unpacked(package: Package, to: Path) -> Path:
    """Unpack and check as a host does, with its own programs."""
    to.mkdir()
    data = b"".join(package.chunks())
    subprocess.run(["tar", "-xozf", "-", "-C", str(to)], input=data, check=True)
    if package.files:
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
)
@settings(deadline=None, max_examples=50)
def test_any_name_and_any_bytes_arrive(
    files: dict[str, bytes], folder: str, link: str, target: str
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch, "tree")
        (tree / folder).mkdir(parents=True)
        for name, data in files.items():
            (tree / folder / name).write_bytes(data)
        if link != folder:
            (tree / link).symlink_to(target)
        package = pack(tree, info={}, to=Path(scratch, "package"))
        assert (package.files, package.size) == (len(files), sum(map(len, files.values())))
        there = unpacked(package, Path(scratch, "there"))
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
    return unpacked(pack(tree, info={"a": "b"}, to=tmp_path / "package"), tmp_path / "there")


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
    package = pack(tree, info={}, to=tmp_path / "package")
    assert (package.files, package.size) == (0, 0)
    assert list(unpacked(package, tmp_path / "there").iterdir()) == []


def test_the_same_tree_is_the_same_package(tree: Path, tmp_path: Path) -> None:
    (tree / "a").write_text("x")
    first = pack(tree, info={}, to=tmp_path / "one")
    second = pack(tree, info={}, to=tmp_path / "two")
    assert b"".join(first.chunks()) == b"".join(second.chunks()) == b"".join(first.chunks())


def test_what_is_known_of_it_travels_along(tree: Path, tmp_path: Path) -> None:
    sent(tree, tmp_path)
    assert (tmp_path / "there" / "info").read_text() == '{"a": "b"}\n'


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
        pack(tree, info={}, to=tmp_path / "package")


def test_gzip_of_the_host_reads_it(tree: Path, tmp_path: Path) -> None:
    (tree / "zeros").write_bytes(bytes(3_000_000))
    package = pack(tree, info={}, to=tmp_path / "package")
    assert package.file.stat().st_size < 100_000
    subprocess.run(["gzip", "-t"], input=package.file.read_bytes(), check=True)
