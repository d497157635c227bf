"""A release comes in on every shell, with every set of tools, whatever is there: exactly the tree, or nothing."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opskit.rollout import incoming
from opskit.rollout.manifest import Manifest, manifest_of
from opskit.rollout.parcels import Parcels
from tests.rollout.shells import SHELLS, Place
from tests.rollout.trees import BUSYBOX, Sender, busybox_tools, shape, write

SETS = [*sorted(SHELLS), *(["busybox alone"] if BUSYBOX else [])]
V1 = {
    "version": b"v1\n", "bin/run": b"#!/bin/sh\n", "lib/a": b"a" * 5000, "lib/b": b"b" * 5000, "lib/deep/c": b"c" * 5000,
    "empty": None, "to lib": "lib", "-rf": b"x", "it's $(id)": b"y", "\u8336/\u00fc": b"z",
}  # fmt: skip
V2 = {**V1, "version": b"v2\n"}
PADDING = 11_000  # behind what a tar ends with


@pytest.fixture(params=SETS)
def sender(request: pytest.FixtureRequest, tmp_path: Path) -> Sender:
    return make(request.param, tmp_path)


@pytest.fixture
def here(tmp_path: Path) -> Sender:
    return make("sh", tmp_path)


def make(kind: str, folder: Path) -> Sender:
    home, scratch = folder / "home", folder / "scratch"
    home.mkdir()
    scratch.mkdir()
    if kind == "busybox alone":
        return Sender(Place(home, SHELLS["busybox"]), scratch, busybox_tools(folder / "tools"))
    return Sender(Place(home, SHELLS[kind]), scratch)


def release(sender: Sender, name: str) -> Path:
    return sender.place.root / "releases" / name


def left_over(sender: Sender) -> list[str]:
    return sorted(path.name for path in (sender.place.opskit / "incoming").iterdir())


def test_one_changed_file_travels_alone(sender: Sender, tmp_path: Path) -> None:
    v1, v2 = write(tmp_path / "v1", V1), write(tmp_path / "v2", V2)
    assert sender.stage(v1, "R1") == 8
    assert sender.stage(v2, "R2", base="R1", known=sender.manifest(v1)) == 1
    assert shape(release(sender, "R2")) == shape(v2)
    assert shape(release(sender, "R1")) == shape(v1)
    assert left_over(sender) == []
    told = (sender.place.opskit / "release/R2/manifest").read_bytes()
    assert told == sender.manifest(v2).data


def test_what_is_renamed_does_not_travel(sender: Sender, tmp_path: Path) -> None:
    v1 = write(tmp_path / "v1", V1)
    moved = {f"new/{name}": held for name, held in V1.items()}
    v2 = write(tmp_path / "v2", moved)
    sender.stage(v1, "R1")
    assert sender.stage(v2, "R2", base="R1", known=sender.manifest(v1)) == 0
    assert shape(release(sender, "R2")) == shape(v2)


def test_names_that_tools_disagree_on_arrive_everywhere(sender: Sender, tmp_path: Path) -> None:
    odd = {
        "a\nb": b"1",
        "c\\d": b"#!2",
        "e\rf/g": b"3",
        "plain": b"4",
        "h\ni": "a\nb",
        "j\nk": None,
    }
    v1, v2 = write(tmp_path / "v1", odd), write(tmp_path / "v2", {**odd, "plain": b"5"})
    sender.stage(v1, "R1")
    assert shape(release(sender, "R1")) == shape(v1)
    assert sender.stage(v2, "R2", base="R1", known=sender.manifest(v1)) == 4
    assert shape(release(sender, "R2")) == shape(v2)


def test_what_was_altered_by_hand_is_found_and_sent(sender: Sender, tmp_path: Path) -> None:
    v1, v2 = write(tmp_path / "v1", V1), write(tmp_path / "v2", V2)
    sender.stage(v1, "R1")
    live = release(sender, "R1")
    (live / "lib/a").write_bytes(b"A" * 5000)
    (live / "lib/b").unlink()
    (live / "lib/b").mkdir()
    (live / "lib/b/more").write_text("more")
    (live / "added").write_text("by hand")
    (live / "bin/run").chmod(0o600)
    assert sender.stage(v2, "R2", base="R1", known=sender.manifest(v1)) == 3
    assert shape(release(sender, "R2")) == shape(v2)


@pytest.mark.parametrize("where", ["lib", "lib/a", "version"])
def test_nothing_is_written_through_a_link_of_the_live_release(
    sender: Sender, tmp_path: Path, where: str
) -> None:
    v1, v2 = write(tmp_path / "v1", V1), write(tmp_path / "v2", {**V2, "lib/b": b"new"})
    sender.stage(v1, "R1")
    outside = write(tmp_path / "outside", {"a": b"precious", "b": b"precious", "deep/c": b"c"})
    before = shape(outside)
    tampered = release(sender, "R1") / where
    shutil.rmtree(tampered) if tampered.is_dir() else tampered.unlink()
    tampered.symlink_to(outside if where == "lib" else outside / "a")
    sender.stage(v2, "R2", base="R1", known=sender.manifest(v1))
    assert shape(outside) == before
    assert shape(release(sender, "R2")) == shape(v2)


@pytest.mark.parametrize("gone", ["", "lib/b", "version"])
@pytest.mark.parametrize("kind", ["file", "link", "pipe"])
def test_what_was_added_to_a_release_does_not_come_into_the_next(
    here: Sender, tmp_path: Path, kind: str, gone: str
) -> None:
    """Though as much went as came, so that a release counts as many entries as it should."""
    v1, v2 = write(tmp_path / "v1", V1), write(tmp_path / "v2", V2)
    here.stage(v1, "R1")
    added = release(here, "R1") / "lib/added"
    if kind == "file":
        added.write_bytes(b"a log")
    elif kind == "link":
        added.symlink_to("/etc")
    else:
        os.mkfifo(added)
    if gone:
        (release(here, "R1") / gone).unlink()
    here.stage(v2, "R2", base="R1", known=here.manifest(v1))
    assert shape(release(here, "R2")) == shape(v2)


def test_a_pipe_in_place_of_a_file_holds_nobody_up(here: Sender, tmp_path: Path) -> None:
    v1, v2 = write(tmp_path / "v1", V1), write(tmp_path / "v2", V2)
    here.stage(v1, "R1")
    (release(here, "R1") / "lib/a").unlink()
    os.mkfifo(release(here, "R1") / "lib/a")
    here.stage(v2, "R2", base="R1", known=here.manifest(v1))
    assert shape(release(here, "R2")) == shape(v2)


def test_a_release_never_changes_with_another(here: Sender, tmp_path: Path) -> None:
    v1, v2 = write(tmp_path / "v1", V1), write(tmp_path / "v2", V2)
    here.stage(v1, "R1")
    here.stage(v2, "R2", base="R1", known=here.manifest(v1))
    for file in release(here, "R2").rglob("*"):
        if file.is_file() and not file.is_symlink():
            file.write_bytes(b"the service writes")
    assert shape(release(here, "R1")) == shape(v1)


def lies(v1: Manifest, v2: Manifest) -> dict[str, bytes]:
    return {
        "gone": b"", "half": v1.data[: len(v1.data) // 2], "noise": random.Random(1).randbytes(3000),
        "claims the new": v2.data, "upside down": b"".join(reversed(v1.lines)),
    }  # fmt: skip


@pytest.mark.parametrize("lie", ["gone", "half", "noise", "claims the new", "upside down"])
def test_a_manifest_that_lies_on_the_host_is_found_out(
    here: Sender, tmp_path: Path, lie: str
) -> None:
    v1, v2 = write(tmp_path / "v1", V1), write(tmp_path / "v2", V2)
    here.stage(v1, "R1")
    first, second = here.manifest(v1), here.manifest(v2)
    file = here.place.opskit / "release/R1/manifest"
    file.write_bytes(lies(first, second)[lie])
    if lie == "gone":
        file.unlink()
    here.stage(v2, "R2", base="R1", known=first)
    assert shape(release(here, "R2")) == shape(v2)


def test_a_host_that_claims_to_have_all_is_sent_what_it_has_not(
    here: Sender, tmp_path: Path
) -> None:
    v1, v2 = write(tmp_path / "v1", V1), write(tmp_path / "v2", V2)
    here.stage(v1, "R1")
    (here.place.opskit / "release/R1/manifest").write_bytes(here.manifest(v2).data)
    assert here.stage(v2, "R2", base="R1", known=here.manifest(v2)) == 1
    assert shape(release(here, "R2")) == shape(v2)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_transfer_that_breaks_off_anywhere_goes_on_where_it_was(
    sender: Sender, tmp_path: Path, *, zipped: bool
) -> None:
    noise = random.Random(7)
    tree = write(
        tmp_path / "v1", {**V1, **{f"noise/{n}": noise.randbytes(20_000) for n in range(30)}}
    )
    parcels = Parcels(sender.look(tree, "R1"), sender.scratch)
    parcels.zipped = zipped
    with parcels.parcel(parcels.whole()) as parcel:
        size = parcel.size
    for number, cut in enumerate(sorted(noise.sample(range(1, size - PADDING), 4))):
        rollout = f"run-{number}"
        sender.place.lock(rollout)
        sender.send(
            parcels, parcels.whole(), "R1", cut=cut, expect=incoming.BROKE_OFF, rollout=rollout
        )
        sender.place.unlock(rollout)
        assert not release(sender, "R1").exists()
        assert len(left_over(sender)) == 1
    sender.place.lock()
    word, lines = sender.send(parcels, parcels.question(None), "R1")
    assert word == incoming.LACKS
    wanted = parcels.rest(lines)
    assert len(wanted.files) < len(parcels.artifact.files)
    with parcels.parcel(wanted) as parcel:
        # what gzip and tar had not given on yet, and the file amid which it broke off
        assert parcel.size < size - cut + 70_000
    assert sender.send(parcels, wanted, "R1") == (incoming.PLACED, ())
    assert shape(release(sender, "R1")) == shape(tree)
    assert left_over(sender) == []


def test_something_else_on_its_way_in_makes_room(here: Sender, tmp_path: Path) -> None:
    one, two = write(tmp_path / "one", V1), write(tmp_path / "two", V2)
    parcels = Parcels(here.look(one, "R1"), here.scratch)
    here.place.lock()
    here.send(parcels, parcels.whole(), "R1", cut=300, expect=incoming.BROKE_OFF)
    (here.place.opskit / "incoming/by hand").mkdir()
    here.stage(two, "R2")
    assert left_over(here) == []


def test_what_was_left_is_trusted_in_nothing(here: Sender, tmp_path: Path) -> None:
    tree = write(tmp_path / "v1", V1)
    outside = write(tmp_path / "outside", {"a": b"precious", "deep/c": b"precious"})
    artifact = here.look(tree, "R1")
    old = here.place.opskit / "incoming" / f"{artifact.content}.dead"
    write(
        old / "tree",
        {**V1, "more": b"more", "lib/a": b"wrong", "to lib": "../../../../../outside"},
    )
    shutil.rmtree(old / "tree/lib")
    (old / "tree/lib").symlink_to(outside)
    before = shape(outside)
    here.stage(tree, "R1")
    assert shape(outside) == before
    assert shape(release(here, "R1")) == shape(tree)


def test_altered_bytes_are_not_placed(here: Sender, tmp_path: Path) -> None:
    tree = write(tmp_path / "v1", V1)
    parcels = Parcels(here.look(tree, "R1"), here.scratch)
    (tree / "version").write_bytes(b"v!\n")
    here.place.lock()
    word, lines = here.send(parcels, parcels.whole(), "R1")
    assert (word, [line[64:] for line in lines]) == (incoming.LACKS, [b"  ./version\n"])
    assert not release(here, "R1").exists()


def test_a_host_without_room_says_how_much_it_needs(here: Sender, tmp_path: Path) -> None:
    tree = write(tmp_path / "v1", V1)
    parcels = Parcels(here.look(tree, "R1"), here.scratch)
    here.place.lock()
    what = replace(here.place.expected(parcels.artifact, "R1"), room=1 << 40)
    done = here.place.run(incoming.stage(here.place.guard(), what), expect=incoming.NO_ROOM)
    assert b"MiB free, 1073741834 MiB needed" in done.stderr


NAMES = st.lists(
    st.text(st.sampled_from("ab -~'\\\n\u8336*$\udcff"), min_size=1, max_size=4), min_size=1, max_size=3
).map("/".join)  # fmt: skip
HELD = st.one_of(st.sampled_from([b"", b"1", b"2", b"#!run", b"x" * 3000]), st.none(), st.sampled_from(["a", "/etc"]))  # fmt: skip
TREES = st.dictionaries(NAMES, HELD, max_size=8)


def possible(entries: dict[str, bytes | str | None]) -> dict[str, bytes | str | None]:
    """Leave out what could not be below a file or a link."""
    leaves = {name for name, held in entries.items() if held is not None}
    return {n: h for n, h in entries.items() if not any(str(p) in leaves for p in Path(n).parents)}


@given(old=TREES, new=TREES, both=TREES)
@settings(deadline=None, max_examples=25)
def test_from_any_tree_to_any_other(
    old: dict[str, bytes | str | None],
    new: dict[str, bytes | str | None],
    both: dict[str, bytes | str | None],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sender = make(random.Random(len(old)).choice(SETS), folder)
        v1 = write(folder / "v1", possible({**both, **old}))
        v2 = write(folder / "v2", possible({**both, **new}))
        sender.stage(v1, "R1")
        sender.stage(v2, "R2", base="R1", known=sender.manifest(v1))
        assert shape(release(sender, "R1")) == shape(v1)
        assert shape(release(sender, "R2")) == shape(v2)


def test_the_empty_manifest_is_one_too(sender: Sender, tmp_path: Path) -> None:
    full, empty = write(tmp_path / "v1", V1), write(tmp_path / "v2", {})
    sender.stage(full, "R1")
    sender.stage(empty, "R2", base="R1", known=sender.manifest(full))
    sender.stage(full, "R3", base="R2", known=manifest_of([]))
    assert shape(release(sender, "R2")) == {}
    assert shape(release(sender, "R3")) == shape(full)
