"""A manifest is made of another by deleting and adding lines; what a host says of its own is data."""

from __future__ import annotations

import gzip
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opskit.rollout.artifact import look_at
from opskit.rollout.manifest import (
    MOST_DELETED,
    Manifest,
    by_content,
    manifest_line,
    manifest_of,
    read_manifest,
    step_between,
)
from opskit.rollout.parcels import WHOLE, Parcels
from tests.rollout.trees import write

LINES = st.sets(
    st.tuples(st.sampled_from("0123abc"), st.text(st.sampled_from("ab \\-é\n"), min_size=1, max_size=3))
    .map(lambda pair: manifest_line(pair[0] * 64, pair[1]))
)  # fmt: skip


@given(old=LINES, new=LINES, shuffled=st.randoms())
@settings(deadline=None, max_examples=40)
def test_sed_and_sort_make_the_new_one_of_the_old(
    old: set[bytes], new: set[bytes], shuffled: object
) -> None:
    lines = sorted(old, key=lambda _: shuffled.random())  # type: ignore[attr-defined]
    there, wanted = Manifest(tuple(lines), ""), manifest_of(new)
    step = step_between(there, wanted)
    assert step
    with tempfile.TemporaryDirectory() as name:
        for file, data in (("m", there.data), ("deleted", step.deleted), ("added", step.added)):
            Path(name, file).write_bytes(data)
        script = "LC_ALL=C sed -f deleted m | LC_ALL=C sort - added"
        made = subprocess.run(["sh", "-c", script], cwd=name, capture_output=True, check=True)
    assert made.stdout == wanted.data


def test_a_step_is_small_and_to_the_letter() -> None:
    old = manifest_of(manifest_line(f"{n:064x}", f"f{n}") for n in range(9))
    new = manifest_of([*old.lines[:2], *old.lines[5:8], manifest_line("f" * 64, "x")])
    step = step_between(old, new)
    assert step
    assert (step.deleted, step.added) == (b"3,5d\n9d\n", manifest_line("f" * 64, "x"))


def test_many_deletions_and_lines_that_are_there_twice_are_no_step() -> None:
    many = manifest_of(manifest_line(f"{n:064x}", "f") for n in range(MOST_DELETED + 1))
    assert step_between(many, manifest_of([])) is None
    twice = Manifest((many.lines[0], many.lines[0]), "")
    assert step_between(twice, many) is None


def test_a_manifest_of_a_host_is_read_only_if_it_is_what_it_claims() -> None:
    made = manifest_of([manifest_line("a" * 64, "x"), manifest_line("b" * 64, "y\rz")])
    packed = gzip.compress(made.data)
    assert read_manifest(packed, made.digest) == made
    assert read_manifest(packed, "0" * 64) is None
    for broken in (b"", b"lies", packed[:-9], packed[:20], gzip.compress(made.data[:-1])):
        assert read_manifest(broken, made.digest) is None
    bare = manifest_of([b"no line's end"])
    assert read_manifest(gzip.compress(bare.data), bare.digest) is None


def test_content_is_found_under_another_name_only_where_it_is_plain() -> None:
    made = Manifest(
        (manifest_line("a" * 64, "x y"), manifest_line("b" * 64, "y\nz"), b"junk\n"), ""
    )
    assert by_content(made) == {"a" * 64: "x y"}


@pytest.mark.parametrize("name", ["a/b", "link", "empty", "run"])
def test_trees_that_differ_in_anything_differ_in_content(tmp_path: Path, name: str) -> None:
    base: dict[str, bytes | str | None] = {"a/b": b"1", "link": "a", "empty": None, "run": b"#!"}
    one, same = (look_at(write(tmp_path / n, base), info={"rollout": n}) for n in ("1", "2"))
    other: dict[str, bytes | str | None] = {"a/b": b"2", "link": "b", "empty": b"", "run": b"#!"}
    changed = write(tmp_path / "3", {**base, name: other[name]})
    if name == "run":
        (changed / "run").chmod(0o644)
    assert one.content == same.content
    assert one.content != look_at(changed, info={}).content


def test_each_parcel_is_packed_once_and_a_rest_goes_with_its_last_user(tmp_path: Path) -> None:
    artifact = look_at(write(tmp_path / "tree", {"a": b"1", "b": b"2"}), info={})
    parcels = Parcels(artifact, tmp_path)
    with parcels.parcel(parcels.whole()) as one, parcels.parcel(parcels.whole()) as two:
        assert one is two
    assert one.file.exists()
    rest = parcels.rest((artifact.files[0].line,))
    with parcels.parcel(rest) as first, parcels.parcel(rest) as second:
        assert first is second
        assert {file.name for file in first.files} == {"a"}
    assert not first.file.exists()
    assert parcels.rest((b"none of it\n",)).files == frozenset(artifact.files)
    assert parcels.whole().kind == WHOLE
