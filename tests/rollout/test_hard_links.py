"""Releases that share files as hard links: exactly the tree all the same, and no other release is touched by it."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from opskit.rollout import incoming, layout
from opskit.rollout.edits import MOST_TOUCHED, Edits, look, read_edits
from opskit.rollout.parcels import Parcels
from tests.rollout.test_edits import wait_for_a_tick
from tests.rollout.test_incoming import (
    SETS,
    TREES,
    V1,
    V2,
    left_over,
    make,
    possible,
    release,
)
from tests.rollout.trees import Sender, shape, write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.light import Light


@pytest.fixture(params=SETS)
def sender(request: pytest.FixtureRequest, tmp_path: Path) -> Sender:
    return replace(make(request.param, tmp_path), linked=True)


@pytest.fixture
def here(tmp_path: Path) -> Sender:
    return replace(make("sh", tmp_path), linked=True)


def alike(one: Path, other: Path) -> bool:
    """Tell whether two trees are the same but for how many releases their files belong to."""
    trees = [
        {name: held[:2] if isinstance(held, tuple) else held for name, held in shape(tree).items()}
        for tree in (one, other)
    ]
    return trees[0] == trees[1]


def modes(tree: Path) -> Mapping[str, int]:
    files = (path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(tree)): path.stat().st_mode for path in files}


def shared(one: Path, other: Path) -> list[str]:
    """Give the names of the files that are the same file in both."""
    return sorted(
        str(path.relative_to(one))
        for path in one.rglob("*")
        if path.is_file()
        and not path.is_symlink()
        and (other / path.relative_to(one)).exists()
        and path.samefile(other / path.relative_to(one))
    )


def test_what_is_the_same_is_one_file_and_a_program_is_none_of_it(
    here: Sender, tmp_path: Path
) -> None:
    v1, v2 = write(tmp_path / "v1", V1), write(tmp_path / "v2", V2)
    here.stage(v1, "R1")
    assert here.stage(v2, "R2", base="R1", known=here.manifest(v1)) == 1
    assert alike(release(here, "R2"), v2)
    assert alike(release(here, "R1"), v1)
    plain = {name for name, held in V1.items() if isinstance(held, bytes)} - {"version", "bin/run"}
    assert set(shared(release(here, "R1"), release(here, "R2"))) == plain


def test_every_shell_and_set_of_tools_brings_the_tree(sender: Sender, tmp_path: Path) -> None:
    v1, v2 = write(tmp_path / "v1", V1), write(tmp_path / "v2", V2)
    sender.stage(v1, "R1")
    before = modes(release(sender, "R1"))
    assert sender.stage(v2, "R2", base="R1", known=sender.manifest(v1)) == 1
    assert alike(release(sender, "R2"), v2)
    assert alike(release(sender, "R1"), v1)
    assert modes(release(sender, "R1")) == before
    assert left_over(sender) == []


def test_a_file_that_becomes_a_program_or_ceases_to_be_one_changes_in_its_own_release_only(
    here: Sender, tmp_path: Path
) -> None:
    v1, v2 = write(tmp_path / "v1", V1), write(tmp_path / "v2", V2)
    (v2 / "lib/a").chmod(0o755)
    (v2 / "-rf").chmod(0o755)
    (v2 / "bin/run").chmod(0o644)
    here.stage(v1, "R1")
    before = modes(release(here, "R1"))
    here.stage(v2, "R2", base="R1", known=here.manifest(v1))
    assert alike(release(here, "R2"), v2)
    assert modes(release(here, "R1")) == before


def test_what_somebody_wrote_into_a_release_is_sent_anew_and_not_written_over_there(
    here: Sender, tmp_path: Path
) -> None:
    v1, v2 = write(tmp_path / "v1", V1), write(tmp_path / "v2", V2)
    here.stage(v1, "R1")
    by_hand = release(here, "R1") / "lib/a"
    by_hand.write_bytes(b"by hand")
    by_hand.chmod(0o600)
    assert here.stage(v2, "R2", base="R1", known=here.manifest(v1)) == 2
    assert alike(release(here, "R2"), v2)
    assert (by_hand.read_bytes(), by_hand.stat().st_mode & 0o777) == (b"by hand", 0o600)


def test_what_an_earlier_try_linked_is_written_through_by_no_later_one(
    sender: Sender, tmp_path: Path
) -> None:
    """It was killed when it had linked all, also a program, and what it linked was altered since."""
    v1 = write(tmp_path / "v1", V1)
    v2 = write(tmp_path / "v2", {**V2, "lib/a": b"#!now a program\n"})
    sender.stage(v1, "R1")
    old = sender.place.opskit / "incoming" / f"{sender.look(v2, 'R2').content}.dead" / "tree"
    for name in modes(release(sender, "R1")):
        (old / name).parent.mkdir(parents=True, exist_ok=True)
        os.link(release(sender, "R1") / name, old / name)
    before = modes(release(sender, "R1"))
    sender.stage(v2, "R2", base="R1", known=sender.manifest(v1))
    assert alike(release(sender, "R2"), v2)
    assert alike(release(sender, "R1"), v1)
    assert modes(release(sender, "R1")) == before


def test_what_an_earlier_try_linked_is_no_part_of_a_service_that_shares_nothing_any_more(
    sender: Sender, tmp_path: Path
) -> None:
    v1 = write(tmp_path / "v1", V1)
    v2 = write(tmp_path / "v2", V2)
    (v2 / "lib/a").chmod(0o755)
    sender.stage(v1, "R1")
    old = sender.place.opskit / "incoming" / f"{sender.look(v2, 'R2').content}.dead" / "tree"
    shutil.copytree(release(sender, "R1"), old, copy_function=os.link, symlinks=True)
    before = modes(release(sender, "R1"))
    replace(sender, linked=False).stage(v2, "R2", base="R1", known=sender.manifest(v1))
    assert alike(release(sender, "R2"), v2)
    assert modes(release(sender, "R1")) == before
    if sender.tools is None:  # a find that knows no links has never let any be made
        assert shared(release(sender, "R1"), release(sender, "R2")) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_that_was_given_to_somebody_else_by_hand_stays_in_its_release(
    here: Sender, tmp_path: Path
) -> None:
    v1, v2 = write(tmp_path / "v1", V1), write(tmp_path / "v2", V2)
    here.stage(v1, "R1")
    os.chown(release(here, "R1") / "lib/a", 33, -1)
    here.stage(v2, "R2", base="R1", known=here.manifest(v1))
    assert alike(release(here, "R2"), v2)
    assert (release(here, "R1") / "lib/a").stat().st_uid == 33
    assert (release(here, "R2") / "lib/a").stat().st_uid == 0


@pytest.mark.parametrize("base", ["R1", ""])
def test_a_question_that_is_answered_goes_on_with_what_was_linked(
    here: Sender, tmp_path: Path, base: str
) -> None:
    v1, v2 = write(tmp_path / "v1", V1), write(tmp_path / "v2", V2)
    here.stage(v1, "R1")
    parcels = Parcels(here.look(v2, "R2"), here.scratch)
    here.place.lock()
    word, lines = here.send(
        parcels, parcels.question(here.manifest(v1) if base else None), "R2", base=base
    )
    assert word == incoming.LACKS
    assert len(lines) == (1 if base else 8)
    assert here.send(parcels, parcels.rest(lines), "R2") == (incoming.PLACED, ())
    assert alike(release(here, "R2"), v2)
    assert alike(release(here, "R1"), v1)


@given(old=TREES, new=TREES, both=TREES)
@settings(deadline=None, max_examples=15)
def test_from_any_tree_to_any_other(
    old: dict[str, bytes | str | None],
    new: dict[str, bytes | str | None],
    both: dict[str, bytes | str | None],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sender = replace(make(random.Random(len(old)).choice(SETS), folder), linked=True)
        v1 = write(folder / "v1", possible({**both, **old}))
        v2 = write(folder / "v2", possible({**both, **new}))
        sender.stage(v1, "R1")
        before = modes(release(sender, "R1"))
        sender.stage(v2, "R2", base="R1", known=sender.manifest(v1))
        assert alike(release(sender, "R1"), v1)
        assert alike(release(sender, "R2"), v2)
        assert modes(release(sender, "R1")) == before


def seen(sender: Sender, name: str = "") -> Edits:
    script = f"{layout.opening(sender.place.path)}\n{look(whole=False, release=name)}"
    path = sender.tools
    return read_edits(sender.place.run(script, path=path).stdout.decode())


@pytest.fixture
def three(sender: Sender, tmp_path: Path) -> Sender:
    """Give a place with three releases, the third of them live and the first gone again."""
    known = None
    for number in (1, 2, 3):
        tree = write(tmp_path / f"v{number}", {**V1, "version": f"v{number}\n".encode()})
        base = f"R{number - 1}" if known else ""
        sender.stage(tree, f"R{number}", base=base, known=known)
        known = sender.manifest(tree)
        sender.place.switch(f"R{number}")
    sender.place.run(layout.prune(sender.place.guard(), ["R1"]))
    wait_for_a_tick(tmp_path)
    return sender


def test_releases_that_come_and_go_are_nobodys_edits(three: Sender) -> None:
    found = seen(three)
    assert (found.looked, found.drift, found.remark) == (True, "", "")


def test_what_is_written_into_a_shared_file_is_found_in_each_release(three: Sender) -> None:
    with (three.place.root / "current/lib/a").open("a") as file:
        file.write("evil")
    # busybox tells times to the second only
    os.utime(three.place.root / "current/lib/a", (4e9, 4e9))
    assert seen(three).drift == "lib/a altered"
    linked = shared(release(three, "R2"), release(three, "R3"))
    assert seen(three, "R2").drift == ("lib/a altered" if linked else "")


def test_what_is_written_into_a_shared_file_is_found_though_its_time_was_set_back(
    here: Sender, tmp_path: Path
) -> None:
    stage_two(here, tmp_path, V1)
    file = release(here, "R2") / "lib/a"
    before = file.stat()
    file.write_bytes(b"A" * 5000)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert seen(here, "R2").drift == seen(here, "R1").drift == "lib/a altered"


def test_what_was_put_in_place_of_a_shared_file_is_found_after_the_next_deploy(
    here: Sender, tmp_path: Path
) -> None:
    stage_two(here, tmp_path, V1)
    other = tmp_path / "other"
    other.write_bytes(b"A" * 5000)
    os.utime(other, (1e9, 1e9))
    other.rename(release(here, "R2") / "lib/a")
    v3 = write(tmp_path / "v3", {**V1, "version": b"v3\n"})
    here.stage(v3, "R3", base="R2", known=here.manifest(tmp_path / "v2"))
    assert seen(here, "R2").drift == "lib/a altered"
    assert (seen(here, "R1").drift, seen(here, "R3").drift) == ("", "")


def stage_two(sender: Sender, folder: Path, files: Mapping[str, bytes | str | None]) -> None:
    v1 = write(folder / "v1", {**files, "version": b"v1\n"})
    v2 = write(folder / "v2", {**files, "version": b"v2\n"})
    sender.stage(v1, "R1")
    sender.stage(v2, "R2", base="R1", known=sender.manifest(v1))
    sender.place.switch("R2")
    wait_for_a_tick(folder)


MANY = {f"lib/{number}": b"x" for number in range(MOST_TOUCHED + 5)}


def test_a_release_that_went_leaves_nothing_to_be_read_in_one_with_many_files(
    here: Sender, tmp_path: Path
) -> None:
    """What was shared by two is one's own then, and was changed by that."""
    stage_two(here, tmp_path, MANY)
    here.place.run(layout.prune(here.place.guard(), ["R1"]))
    wait_for_a_tick(tmp_path)
    assert seen(here) == Edits(looked=True)


def test_what_is_linked_just_now_is_not_told_of_a_release_with_many_files(
    here: Sender, tmp_path: Path
) -> None:
    stage_two(here, tmp_path, MANY)
    comes = here.place.opskit / "incoming" / "comes"
    comes.mkdir()
    wait_for_a_tick(tmp_path)
    shutil.copytree(release(here, "R2"), comes / "tree", copy_function=os.link)
    wait_for_a_tick(tmp_path)
    (release(here, "R2") / "lib/1").write_bytes(b"by hand")
    found = seen(here)
    assert (found.drift, found.remark) == ("lib/1 altered", "")


def test_a_time_to_come_is_not_shared(here: Sender, tmp_path: Path) -> None:
    """One that a fast laptop sent, and one that somebody set."""
    tree = write(tmp_path / "v1", V1)
    os.utime(tree / "lib/a", (4e9, 4e9))
    here.stage(tree, "R1")
    os.utime(release(here, "R1") / "lib/b", (4e9, 4e9))
    here.stage(write(tmp_path / "v2", V2), "R2", base="R1", known=here.manifest(tree))
    one, two = release(here, "R1"), release(here, "R2")
    assert all((two / name).stat().st_mtime < time.time() + 1 for name in modes(two))
    assert set(V1) & set(shared(one, two)) >= {"lib/a", "lib/deep/c"}
    assert "lib/b" not in shared(one, two)


def test_a_fleet_deploys_goes_on_and_goes_back_with_shared_files(light: Light) -> None:
    big = {"lib/big": "big" * 1000}
    light.configure(hard_links="true")
    light.commit("v2", files=big)
    light.commit("v3")
    light.deploy("v2")
    light.deploy("v3")
    one, two = (light.place("web01", "releases", name) for name in release_names(light))
    assert shared(one, two) == [".gitignore", "lib/big"]
    assert light.opskit("status", "shop").stdout.count("drift") == 0
    with (two / "lib/big").open("a") as file:
        file.write("by hand")
    done = light.rollback("-H", "web01")
    told = f"web01: in {one.name} is lib/big altered, as releases share files (hard_links)"
    assert told in " ".join(done.stderr.split())
    light.deploy("v3", "-H", "web01")
    light.deploy("v2", "-H", "web01")
    assert (light.place("web01", "current", "lib/big")).read_text() == big["lib/big"]


def release_names(light: Light) -> list[str]:
    return sorted(path.name for path in light.place("web01", "releases").iterdir())
