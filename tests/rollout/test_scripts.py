"""The scripts for hosts do on every shell what they promise: staging, the switch, marks, pruning, the probe."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from typing import TYPE_CHECKING

import pytest

from opskit.rollout import layout
from tests.rollout.shells import NASTY, SHELLS, TOOLS, Place, revision

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=sorted(SHELLS))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(tmp_path, SHELLS[request.param])


@pytest.fixture
def here(tmp_path: Path) -> Place:
    return Place(tmp_path, SHELLS["sh"])


def test_a_release_comes_in_whole_and_nothing_is_live(place: Place) -> None:
    place.stage({"bin/run": "#!/bin/sh\n", "empty": "", "with space": "x"})
    release = place.root / "releases" / "R1"
    assert {f.name: f.read_text() for f in release.iterdir() if f.is_file()} == {
        "empty": "",
        "with space": "x",
    }
    known = place.opskit / "release" / "R1"
    told = (known / "manifest").read_bytes()
    digest = hashlib.sha256(told).hexdigest()
    info = {"revision": revision("R1"), "manifest": digest}
    assert json.loads((known / "info").read_text()) == info
    assert told.count(b"\n") == 3
    assert place.probe().find("R1").manifest == digest
    assert not (place.root / "current").exists()
    assert list((place.opskit / "incoming").iterdir()) == []


def test_a_release_without_files_comes_in(place: Place) -> None:
    place.stage({})
    assert list((place.root / "releases" / "R1").iterdir()) == []


def test_a_release_that_is_there_is_never_replaced(place: Place) -> None:
    place.stage({"a": "first"})
    done = place.stage({"a": "second", "b": ""}, expect=73)
    assert b"already there" in done.stderr
    assert (place.root / "releases/R1/a").read_text() == "first"
    assert (place.opskit / "release/R1/manifest").read_text().count("\n") == 1


def test_shared_folders_and_files_are_seeded_once_and_then_linked(place: Place) -> None:
    shared = {"folders": ("log", "var/data/deep"), "shared": ("config/settings.ini",)}
    place.stage({"log/first": "1", "config/settings.ini": "a=1", "app": ""}, **shared)
    release = place.root / "releases" / "R1"
    assert (release / "log").is_symlink()
    assert (release / "log/first").read_text() == "1"
    (release / "var/data/deep/kept").write_text("mine")
    (release / "config/settings.ini").write_text("a=2")
    place.stage({"log/second": "2", "config/settings.ini": "a=3"}, "R2", **shared)
    second = place.root / "releases" / "R2"
    assert sorted(f.name for f in (second / "log").iterdir()) == ["first"]
    assert (second / "var/data/deep/kept").read_text() == "mine"
    assert (second / "config/settings.ini").read_text() == "a=2"
    assert (place.root / "shared/config/settings.ini").read_text() == "a=2"


def test_a_shared_file_that_nobody_has_is_refused(place: Place) -> None:
    done = place.stage({"app": ""}, shared=("config/settings.ini",), expect=66)
    assert b"shared file missing" in done.stderr
    assert not (place.root / "releases" / "R1").exists()
    (place.root / "shared/config").mkdir(parents=True, exist_ok=True)
    (place.root / "shared/config/settings.ini").write_text("a=1")
    place.stage({"app": ""}, shared=("config/settings.ini",))
    assert (place.root / "releases/R1/config/settings.ini").read_text() == "a=1"


def test_what_is_seeded_by_half_is_seeded_anew(place: Place) -> None:
    half = place.root / "shared" / "log.seed"
    half.mkdir(parents=True)
    (half / "half").touch()
    place.stage({"log/whole": ""}, folders=("log",))
    assert [f.name for f in (place.root / "shared/log").iterdir()] == ["whole"]


def test_nothing_behind_a_link_of_the_release_is_touched(place: Place) -> None:
    outside = place.home / "outside"
    outside.mkdir()
    (outside / "settings.ini").write_text("precious")
    tree = place.home / "tree"
    tree.mkdir()
    (tree / "config").symlink_to(outside)
    place.lock()
    done = place.send(tree, "R1", shared=("config/settings.ini",), expect=66)
    assert b"a shared path lies behind a link" in done.stderr
    assert (outside / "settings.ini").read_text() == "precious"


def test_the_switch_leaves_the_receipt_and_makes_the_release_live(place: Place) -> None:
    place.stage({"a": ""})
    place.switch("R1")
    assert str((place.root / "current").readlink()) == "releases/R1"
    assert (place.opskit / "receipts").read_text().split() == ["{}"]


def test_a_release_that_is_not_there_is_not_made_live(place: Place) -> None:
    place.stage({"a": ""})
    place.switch("R1")
    place.switch("R2", expect=66)
    assert str((place.root / "current").readlink()) == "releases/R1"
    assert (place.opskit / "receipts").read_text().split() == ["{}"]


def test_a_current_that_is_a_folder_is_left_alone(place: Place) -> None:
    place.stage({"a": ""})
    (place.root / "current").mkdir()
    place.switch("R1", expect=1)
    assert list((place.root / "current").iterdir()) == []


def test_whoever_looks_sees_the_old_release_or_the_new_one_never_none(here: Place) -> None:
    here.stage({"a": ""}, "R1")
    here.stage({"a": ""}, "R2")
    here.switch("R1")
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            try:
                seen.add(str((here.root / "current").readlink()))
            except OSError as error:
                seen.add(str(error))

    watcher = threading.Thread(target=look)
    watcher.start()
    for number in range(30):
        here.switch(f"R{number % 2 + 1}")
    over.set()
    watcher.join()
    assert seen == {"releases/R1", "releases/R2"}


@pytest.mark.parametrize("link", ["releases/R1", "releases/R1/", "./releases/R1", "{root}/releases/R1"])  # fmt: skip
def test_pruning_never_removes_the_live_release(place: Place, link: str) -> None:
    place.stage({"a": ""}, "R1")
    place.stage({"a": ""}, "R2")
    (place.root / "current").symlink_to(link.format(root=place.root))
    place.run(layout.prune(place.guard(), ["R1", "R2", "R3"]))
    assert [r.name for r in (place.root / "releases").iterdir()] == ["R1"]
    assert [r.name for r in (place.opskit / "release").iterdir()] == ["R1"]


def test_a_pruning_that_is_cut_off_leaves_no_half_release(place: Place, tmp_path: Path) -> None:
    place.stage({"a": "", "b": ""}, "R1")
    (tmp_path / "rm").write_text(
        f'#!/bin/sh\ncase "$*" in *releases*) {TOOLS}/rm -f "$2/a"; kill -9 $PPID; exit;; esac\nexec {TOOLS}/rm "$@"\n'
    )
    (tmp_path / "rm").chmod(0o755)
    place.run(layout.prune(place.guard(), ["R1"]), path=tmp_path, expect=None)
    assert list((place.root / "releases").iterdir()) == []
    assert [release.id for release in place.probe().releases] == []
    place.run(layout.prune(place.guard(), ["R1"]))
    assert list((place.opskit / "incoming").iterdir()) == []
    assert list((place.opskit / "release").iterdir()) == []


def test_pruning_reaches_a_release_where_nothing_is_live(place: Place) -> None:
    place.stage({"a": ""}, "R1")
    place.run(layout.prune(place.guard(), ["R1"]))
    assert list((place.root / "releases").iterdir()) == []


def test_marks_and_receipts_are_lines_at_the_end(place: Place) -> None:
    place.lock()
    place.run(layout.leave_receipt(place.guard(), receipt='{"to": "it\'s"}'))
    for word in ("good", "bad"):
        line = layout.mark(word, release="R1", rollout="run1")
        place.run(f"{place.guard()}\n{line}")
    lines = (place.opskit / "history").read_text().splitlines()
    assert [line.split()[:3] for line in lines if line] == [
        ["good", "R1", "run1"],
        ["bad", "R1", "run1"],
    ]
    assert place.probe().receipt == {"to": "it's"}


def test_a_command_runs_in_the_live_release_and_nowhere_else(place: Place) -> None:
    place.stage({"a": ""})
    script = layout.run_in_current(place.path, "ls; false; echo on")
    place.run(script, expect=66)
    place.switch("R1")
    assert place.run(script).stdout == b"a\non\n"


def test_a_new_host_answers_the_probe(place: Place) -> None:
    state = place.probe()
    assert (state.live, state.releases, state.locks, state.lacks) == ("", (), (), ())
    assert state.writable
    assert state.free > 0
    assert state.now > 1_700_000_000


def test_the_probe_says_what_is_there(place: Place) -> None:
    place.stage({"a": ""}, "R1")
    place.stage({"a": ""}, "R2")
    place.switch("R2")
    place.run(f"{place.guard()}\n{layout.mark('good', release='R1', rollout='run1')}")
    state = place.probe()
    assert state.current is not None
    assert (state.live, state.current.revision) == ("R2", revision("R2"))
    assert [r.id for r in state.releases] == ["R1", "R2"]
    assert state.good == ("R1",)


@pytest.mark.parametrize("name", ["history", "receipts", "release/R1/info"])
@pytest.mark.parametrize("left", ["", '{"to": "R1"}', "good R1 run1 17", '{"revis'])
def test_a_file_that_breaks_off_hides_nothing_else(here: Place, name: str, left: str) -> None:
    here.stage({"a": ""}, "R1")
    here.stage({"a": ""}, "R2")
    here.switch("R2")
    (here.opskit / name).write_text(left)
    state = here.probe()
    assert state.live == "R2"
    assert [r.id for r in state.releases] == ["R1", "R2"]
    assert state.find("R2").revision == revision("R2")
    assert [lock.rollout for lock in state.locks] == ["run1"]


def test_a_current_with_an_absolute_path_is_understood(place: Place) -> None:
    place.stage({"a": ""})
    (place.root / "current").symlink_to(place.root / "releases" / "R1")
    assert place.probe().live == "R1"


def test_a_current_that_is_a_folder_blocks(place: Place) -> None:
    (place.root / "current").mkdir(parents=True)
    assert place.probe().blocked


def test_nasty_names_are_names_and_nothing_else(place: Place) -> None:
    nasty = Place(place.home, place.shell, name=NASTY.replace("/", ""))
    (nasty.home / nasty.name).mkdir()
    nasty.stage({"log/x": "", NASTY: "x"}, NASTY, folders=("log",))
    nasty.switch(NASTY)
    script = f"{nasty.guard()}\n{layout.mark('good', release=NASTY, rollout=NASTY)}"
    nasty.run(script)
    nasty.run(layout.prune(nasty.guard(), [NASTY]))
    assert (nasty.root / "current" / NASTY).read_text() == "x"
    assert nasty.probe().live == NASTY
    assert list(place.home.rglob("owned")) == []


def test_tools_that_a_host_lacks_are_named(here: Place) -> None:
    tools = here.home / "tools"
    tools.mkdir()
    for tool in set(layout.TOOLS.split()) - {"tar", "uniq", "xargs"}:
        (tools / tool).symlink_to(shutil.which(tool) or "")
    script = f"PATH={tools}\n{layout.probe(here.path)}"
    lacks = b"lacks tar\nlacks uniq\nlacks xargs\nlacks sha256sum or shasum\n"
    assert lacks in here.run(script).stdout


def test_a_host_that_has_nothing_at_all_is_still_heard_to_the_end(here: Place) -> None:
    here.stage({"version": "1"})
    here.switch("R1")
    said = here.run(f"PATH=/nonexistent\n{layout.probe(here.path)}").stdout
    assert said.endswith(b"end\n")
    assert all(f"lacks {tool}\n".encode() in said for tool in layout.TOOLS.split())
