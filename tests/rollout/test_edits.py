"""Files of the live release that were changed by hand are found, on every shell; what services write there is no drift."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from opskit.rollout import layout
from opskit.rollout.edits import MOST_TOUCHED, Edits, look, read_edits
from tests.rollout.shells import SHELLS, Place
from tests.support.missing import missing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.light import Light

FILES = {
    "index.html": "hello",
    "lib/a.py": "a = 1",
    "with space": "x",
    "data/seed.db": "s",
    "conf": "c",
}


@pytest.fixture(params=sorted(SHELLS))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    made = Place(tmp_path, SHELLS[request.param])
    made.stage(FILES, folders=("data",), shared=("conf",))
    made.switch("R1")
    wait_for_a_tick(tmp_path)
    return made


def wait_for_a_tick(folder: Path) -> None:
    """Wait until what is written now is newer than what was: a file system's clock ticks every few milliseconds."""
    mark = folder / "tick"
    mark.touch()
    first = mark.stat().st_ctime_ns
    while mark.stat().st_ctime_ns == first:
        mark.touch()
        os.utime(mark)


def seen(place: Place, *, whole: bool = False) -> Edits:
    script = f"{layout.opening(place.path)}\n{look(whole=whole)}"
    found = read_edits(place.run(script).stdout.decode("utf-8", "replace"))
    assert found.looked
    return found


def live(place: Place) -> Path:
    return place.root / "current"


@pytest.mark.parametrize("whole", [False, True])
def test_what_was_deployed_is_as_it_was(place: Place, *, whole: bool) -> None:
    (place.root / "shared" / "data" / "seed.db").write_text("grown")
    (place.root / "shared" / "data" / "more.db").write_text("new")
    (place.root / "shared" / "conf").write_text("set by hand")
    cache = live(place) / "lib" / "__pycache__"
    cache.mkdir()
    (cache / "a.cpython-311.pyc").write_bytes(b"compiled")
    found = seen(place, whole=whole)
    assert (found.drift, found.remark) == ("", "")


@pytest.mark.parametrize("whole", [False, True])
def test_each_kind_of_edit_is_named(place: Place, *, whole: bool) -> None:
    with (live(place) / "index.html").open("a") as file:
        file.write("evil")
    (live(place) / "lib" / "a.py").unlink()
    (live(place) / "hotfix with space").write_text("x")
    (live(place) / "with space").touch()
    found = seen(place, whole=whole)
    assert (found.altered, found.missing, found.new) == (
        ("index.html",), ("lib/a.py",), ("hotfix with space",),
    )  # fmt: skip
    assert found.drift == "index.html altered, lib/a.py missing"
    assert found.remark == "new in its release: hotfix with space"


def test_a_file_whose_time_was_set_back_is_read_where_find_can_tell(place: Place) -> None:
    file = live(place) / "index.html"
    before = file.stat()
    file.write_text("HELLO")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert seen(place).altered == ("index.html",)
    assert seen(place, whole=True).altered == ("index.html",)


def test_busybox_alone_sees_what_a_time_tells_and_all_when_asked(tmp_path: Path) -> None:
    if "busybox" not in SHELLS:
        missing("busybox")
    place = Place(tmp_path / "home", SHELLS["sh"])
    place.home.mkdir()
    place.stage(FILES)
    place.switch("R1")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("find", "awk", "sha256sum", "sed", "head", "wc", "readlink"):
        (tools / name).symlink_to(shutil.which("busybox") or "")
    made = time.time() - 5  # its `find` compares whole seconds
    os.utime(place.opskit / "release" / "R1", (made, made))
    for file in (live(place) / "with space", live(place) / "conf"):
        os.utime(file, (made - 5, made - 5))
    (live(place) / "index.html").write_text("evil")
    (live(place) / "lib" / "a.py").unlink()
    script = f"{layout.opening(place.path)}\n"
    for whole in (False, True):
        done = place.run(script + look(whole=whole), path=tools)
        found = read_edits(done.stdout.decode())
        assert found.looked
        assert found.drift == "index.html altered, lib/a.py missing"


def test_a_time_to_come_in_a_release_is_no_drift(tmp_path: Path) -> None:
    place = Place(tmp_path, SHELLS["sh"])
    place.lock()
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "index.html").write_text("from a fast laptop")
    later = time.time() + 3600
    for path in (tree / "index.html", tree):
        os.utime(path, (later, later))
    place.send(tree, "R1")
    place.switch("R1")
    assert seen(place).drift == ""


def test_too_many_touched_files_are_counted_and_read_when_asked(tmp_path: Path) -> None:
    place = Place(tmp_path, SHELLS["sh"])
    place.stage({f"f{number}": "x" for number in range(MOST_TOUCHED + 5)})
    place.switch("R1")
    wait_for_a_tick(tmp_path)
    for file in live(place).iterdir():
        file.write_text("y")
    found = seen(place)
    assert found.drift == ""
    assert found.remark.startswith(f"{MOST_TOUCHED} files or more were touched and not read")
    whole = seen(place, whole=True)
    assert whole.counts == {"altered": MOST_TOUCHED + 5}
    assert whole.drift.endswith(f"and {MOST_TOUCHED + 2} more")


def test_a_link_in_place_of_a_file_does_not_hide_it(tmp_path: Path) -> None:
    place = Place(tmp_path, SHELLS["sh"])
    place.stage(FILES)
    place.switch("R1")
    (live(place) / "index.html").unlink()
    (live(place) / "index.html").symlink_to("/etc/hostname")
    assert seen(place).missing == ("index.html",)


def test_a_release_without_a_manifest_is_not_said_to_be_well(tmp_path: Path) -> None:
    place = Place(tmp_path, SHELLS["sh"])
    place.stage(FILES)
    place.switch("R1")
    (place.opskit / "release" / "R1" / "manifest").unlink()
    done = place.run(f"{layout.opening(place.path)}\n{look(whole=True)}")
    assert not read_edits(done.stdout.decode()).looked


@pytest.mark.parametrize(
    "said", ["", "altered", "altered x\n", "count\n", "count altered x", "touched\n", "touched -1", "count a b 3"]
)  # fmt: skip
def test_whatever_a_host_says_only_edits_come_out(said: str) -> None:
    assert read_edits(said) == Edits()


def statuses(light: Light, *arguments: str, expect: int) -> dict[str, tuple[str, str]]:
    done = light.opskit("status", "shop", *arguments, "--json", expect=expect)
    hosts = done.json["data"]["services"][0]["hosts"]
    return {host["host"]: (host["verdict"], host["note"]) for host in hosts}


def test_a_live_release_that_was_edited_is_drift_and_verify_names_it(any_light: Light) -> None:
    any_light.deploy("v1")
    (any_light.place("web03", "current", "hotfix")).write_text("x")
    assert statuses(any_light, expect=0)["web03"] == ("ok", "new in its release: hotfix")
    with any_light.place("web02", "current", "version").open("a") as file:
        file.write("evil\n")
    verdict, note = statuses(any_light, expect=1)["web02"]
    assert (verdict, note) == ("drifted", "changed by hand in its release: version altered")
    assert statuses(any_light, "--check-files", expect=1)["web02"][0] == "drifted"
    done = any_light.opskit("changelog", "verify", "--hosts", expect=1)
    assert "web02, shop: changed by hand in its live release: version altered" in done.stdout
    assert "web03" not in done.stdout
