"""`opskit deploy`, end to end: the real CLI, real hosts, a service of a few files."""

from __future__ import annotations

import json
import os
import tarfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.config.service import FolderSource
from opskit.rollout.deploy import _release_id
from opskit.rollout.probe import HostState
from opskit.rollout.source import Version

if TYPE_CHECKING:
    from tests.support.light import Light


def test_a_first_version_and_a_second_reach_every_host(any_light: Light) -> None:
    any_light.commit("v2")
    said = any_light.deploy("v1").stdout
    assert any_light.live() == any_light.on_all("v1")
    assert "batch 1 of 3 (canary): web01" in said
    any_light.deploy("v2")
    assert any_light.live() == any_light.on_all("v2")
    assert any_light.restarts("web03") == ["v1", "v2"]
    assert any_light.releases("web04") == ["v1", "v2"]
    newest, oldest = any_light.log()
    assert (newest["to"]["label"], newest["outcome"]) == ("v2", "done")
    assert {host["before"]["label"] for host in newest["hosts"]} == {"v1"}
    assert {host["before"] for host in oldest["hosts"]} == {None}
    assert any_light.locks() == []


def test_a_bad_version_stops_at_the_canary_which_goes_back(any_light: Light) -> None:
    any_light.commit("v2", good=False)
    any_light.deploy("v1")
    before = any_light.tree()
    done = any_light.deploy("v2", expect=5)
    assert "not healthy within 0.2 s" in done.stdout
    assert "back on v1" in done.stdout
    assert any_light.live() == any_light.on_all("v1")
    assert any_light.restarts("web01") == ["v1", "v2", "v1"]
    assert any_light.outcomes() == {"web01": "reverted"} | dict.fromkeys(
        ("web02", "web03", "web04"), "skipped"
    )
    changed = {path for path, held in any_light.tree().items() if before.get(path) != held}
    others = {path for path in changed if not path.startswith("web01:")}
    places = ("/releases/", "/.opskit/release/", "/.opskit/heirs")
    assert all(any(place in path for place in places) for path in others), others
    assert any_light.last()["reason"].startswith("web01: not healthy")
    assert any_light.locks() == []


def test_a_bad_first_version_has_nothing_to_go_back_to(any_light: Light) -> None:
    any_light.commit("v2", good=False)
    any_light.deploy("v2", expect=1)
    assert any_light.live() == any_light.on_all("") | {"web01": "v2"}
    assert any_light.outcomes()["web01"] == "failed"
    assert any_light.last()["outcome"] == "failed"
    any_light.deploy("v1")
    assert any_light.live() == any_light.on_all("v1")


def test_a_failure_in_a_later_batch_leaves_a_part_done(any_light: Light) -> None:
    any_light.commit("v2")
    any_light.deploy("v1")
    any_light.make_sick("web02", of="v2")
    any_light.deploy("v2", expect=3)
    assert any_light.live() == {"web01": "v2", "web02": "v1", "web03": "v2", "web04": "v1"}
    expected = {"web01": "done", "web02": "reverted", "web03": "done", "web04": "skipped"}
    assert any_light.outcomes() == expected
    assert any_light.last()["outcome"] == "partial"


def test_a_budget_of_one_failure_lets_one_host_fail(light: Light) -> None:
    light.commit("v2")
    light.commit("v3")
    light.configure(max_failures="1")
    light.deploy("v1")
    light.make_sick("web01")
    done = light.deploy("v2", expect=3)
    assert light.live() == {"web01": "v1"} | dict.fromkeys(("web02", "web03", "web04"), "v2")
    assert (
        "deploy shop: partial (1 failed, 3 done)" in done.stdout
    )  # v1 is not healthy there either
    light.make_sick("web02", of="v3")
    light.deploy("v3", expect=3)
    assert light.outcomes()["web04"] == "skipped"  # web01 and web02 are one too many


def test_batches_grow_as_configured(light: Light) -> None:
    light.configure(batches='[1, "50%"]')
    plan = light.deploy("v1", "--json").json["data"]["plan"]
    assert plan["batches"] == [["web01"], ["web02", "web03"], ["web04"]]
    assert plan["most_bad"] == 1


def test_hosts_can_be_narrowed_and_strangers_are_refused(light: Light) -> None:
    light.deploy("v1", "-H", "web[02-03]")
    assert light.live() == {"web01": "", "web02": "v1", "web03": "v1", "web04": ""}
    light.configure(hosts='"web[01-02]"')
    done = light.deploy("v1", "-H", "web03", expect=2)
    assert "web03 does not run shop" in done.stderr


def test_the_hosts_that_a_rollout_left_undone_can_be_chosen(light: Light) -> None:
    light.commit("v2")
    light.deploy("v1")
    light.make_sick("web02", of="v2")
    light.deploy("v2", expect=3)
    failed = light.last()["id"]
    light.hosts.folder("web02").joinpath("sick").unlink()
    light.deploy("v2", "-H", f"@failed:{failed}")
    assert set(light.outcomes()) == {"web02", "web04"}
    assert light.live() == light.on_all("v2")


def test_old_releases_go_but_never_the_live_one_nor_good_ones_for_bad_ones(light: Light) -> None:
    light.configure(keep="2", hosts='"web01"', batches="[1]")
    for number in range(1, 4):
        light.commit(f"v{number}") if number > 1 else None
        light.deploy(f"v{number}")
    assert light.releases("web01") == ["v2", "v3"]
    for number in range(4, 8):
        light.commit(f"v{number}", good=False)
        light.deploy(f"v{number}", expect=5)
    assert light.live_on("web01") == "v3"
    assert light.releases("web01")[:2] == ["v2", "v3"]
    light.commit("v8")
    light.deploy("v8")
    assert light.releases("web01") == ["v3", "v6", "v7", "v8"]  # two bad ones stay as evidence
    infos = light.place("web01", ".opskit", "release").iterdir()
    assert {path.name for path in infos} == {
        path.name for path in light.place("web01", "releases").iterdir()
    }


def test_shared_folders_and_files_are_seeded_once_and_survive(light: Light) -> None:
    light.configure(shared_folders='["log", "public/up"]', shared_files='["config/settings.ini"]')
    light.commit("v2", files={"config/settings.ini": "theirs\n", "public/up/logo": "1\n"})
    light.commit("v3", files={"config/settings.ini": "newer\n", "public/up/logo": "2\n"})
    light.deploy("v2")
    live = light.place("web01", "current")
    assert (live / "config/settings.ini").read_text() == "theirs\n"
    (live / "config/settings.ini").write_text("ours\n")
    (live / "log" / "app.log").write_text("a line\n")
    light.deploy("v3")
    assert light.live_on("web01") == "v3"
    assert (live / "config/settings.ini").read_text() == "ours\n"
    assert (live / "log/app.log").read_text() == "a line\n"
    assert (live / "public/up/logo").read_text() == "1\n"
    assert (live / "log").resolve() == light.place("web01", "shared", "log").resolve()


def test_a_shared_file_that_nobody_has_is_named_and_nothing_goes_live(light: Light) -> None:
    light.configure(shared_files='["secrets.ini"]')
    done = light.deploy("v1", expect=1)
    assert "shared file missing" in done.stdout
    assert "secrets.ini" in done.stdout
    assert light.live() == light.on_all("")
    assert light.releases("web01") == []


def test_the_build_runs_once_in_the_exported_tree(light: Light) -> None:
    counter = light.folder / "builds.log"
    command = f'echo "$OPSKIT_REVISION" >>{counter}; ls -A >made; pwd >where'
    light.configure(build=json.dumps(command))
    sha = light.commit("v2")
    light.deploy("v2")
    assert counter.read_text() == f"{sha}\n"
    live = light.place("web04", "current")
    assert live.joinpath("made").read_text().split() == [".gitignore", "made", "version"]
    assert not live.joinpath("where").read_text().startswith(str(light.folder))


def test_a_failed_build_is_recorded_and_touches_no_host(light: Light) -> None:
    light.configure(build='"echo cannot compile; exit 3"')
    before = light.tree()
    done = light.deploy("v1", expect=1)
    assert "the build ended with status 3" in done.stderr
    assert "cannot compile" in done.stderr
    assert light.tree() == before
    assert (light.last()["outcome"], light.last()["to"]["label"]) == ("failed", "v1")
    assert "the build ended with status 3" in light.last()["reason"]


def test_a_folder_is_deployed_as_it_stands(light: Light) -> None:
    dist = light.folder / "dist"
    dist.mkdir()
    (dist / "version").write_text("built\n")
    (dist / "run.sh").write_text("#!/bin/sh\n")
    (dist / "run.sh").chmod(0o755)
    (dist / "link").symlink_to("version")
    light.configure(source='{ folder = "dist" }')
    light.deploy()
    live = light.place("web02", "current")
    assert light.live() == light.on_all("built")
    assert os.access(live / "run.sh", os.X_OK)
    assert (live / "link").readlink() == Path("version")
    assert "a folder has no revisions" in light.deploy("v1", expect=2).stderr


def test_an_artifact_is_found_by_its_revision(light: Light) -> None:
    (light.folder / "version").write_text("7.1\n")
    with tarfile.open(light.folder / "shop-7.1.tar.gz", "w:gz") as archive:
        archive.add(light.folder / "version", "version")
    light.configure(source='{ artifact = "shop-{revision}.tar.gz" }')
    light.deploy("7.1")
    assert light.live() == light.on_all("7.1")
    assert light.last()["to"]["label"] == "7.1"
    assert "shop-7.2.tar.gz" in light.deploy("7.2", expect=2).stderr


def test_an_archive_that_reaches_outside_is_refused(light: Light) -> None:
    with tarfile.open(light.folder / "evil.tar", "w") as archive:
        archive.add(light.folder / "version", "../../outside")
    light.configure(source='{ artifact = "evil.tar" }')
    done = light.deploy(expect=2)
    assert "reaches outside" in done.stderr
    assert light.live() == light.on_all("")


def test_uncommitted_changes_are_said_and_not_deployed(light: Light) -> None:
    (light.folder / "version").write_text("dirty\n")
    done = light.deploy()
    assert "are not deployed, files: 1\n" in done.stderr
    assert light.live() == light.on_all("v1")
    assert "uncommitted" in light.last()["remarks"][0]


def test_an_unknown_revision_is_one_line_and_touches_nothing(light: Light) -> None:
    before = light.tree()
    done = light.deploy("v9", expect=2)
    assert "no revision 'v9'" in done.stderr
    assert (light.tree(), light.log()) == (before, [])


def test_the_revision_that_is_left_out_is_the_configured_one(light: Light) -> None:
    light.commit("v2")
    light.deploy()
    assert light.live() == light.on_all("v2")
    light.configure(source='{ git = ".", revision = "v1" }')
    light.deploy()
    assert light.live() == light.on_all("v1")


def test_a_dry_run_shows_all_and_changes_nothing(any_light: Light) -> None:
    any_light.commit("v2", subject="Sell oolong")
    any_light.deploy("v1")
    before, log = any_light.tree(), any_light.log()
    shown = any_light.opskit("deploy", "shop", "v2", "--dry-run").stdout
    assert (any_light.tree(), any_light.log()) == (before, log)
    assert "nothing is changed (dry run)" in shown
    assert "batches: 1 + 2 + 1; at most 1 host can be bad" in shown
    assert "Sell oolong (ana)" in shown
    row = next(line for line in shown.splitlines() if "web02" in line)
    assert row.split()[:3] == ["2", "web02", "v1"]
    assert "v2" in row
    assert all(f"# {step}" in shown for step in ("stage", "switch", "restart", "check"))
    for action in ("rollback", "restart"):
        any_light.opskit(action, "shop", "-n", expect=None)
    assert (any_light.tree(), any_light.log()) == (before, log)


def test_a_dry_run_on_hosts_never_touched_leaves_no_trace(light: Light, tmp_path: Path) -> None:
    light.opskit("deploy", "shop", "-n", env={"OPSKIT_STATE_DIR": str(tmp_path / "none")})
    assert light.tree() == {}
    assert not (tmp_path / "none").exists()


def test_nothing_happens_when_nobody_can_agree(light: Light) -> None:
    done = light.opskit("deploy", "shop", expect=5)
    assert "--yes" in done.stderr
    assert (light.tree(), light.log()) == ({}, [])


def test_a_reason_is_asked_for_where_the_environment_says_so(light: Light) -> None:
    light.configure(require_why=True)
    assert "asks for a reason" in light.deploy(expect=2).stderr
    light.deploy("-m", "Because of ÄÖ, at 3 am")
    assert light.last()["why"] == "Because of ÄÖ, at 3 am"


def test_a_reader_of_current_never_sees_it_missing(light: Light) -> None:
    light.configure(hosts='"web01"', batches="[1]", keep="2")
    light.commit("v2")
    light.deploy("v1")
    current, seen, over = light.place("web01", "current"), set(), threading.Event()

    def look() -> None:
        while not over.is_set():
            try:
                seen.add((current / "version").read_text().strip())
            except OSError as error:
                seen.add(str(error))

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for version in ("v2", "v1", "v2"):
            light.deploy(version)
        light.rollback()
    finally:
        over.set()
        reader.join()
    assert seen == {"v1", "v2"}


def test_the_same_revision_can_be_deployed_again_at_once(light: Light) -> None:
    for _ in range(3):
        light.deploy("v1")
    assert light.live() == light.on_all("v1")
    assert light.restarts("web01") == ["v1"] * 3


def test_names_of_releases_sort_as_they_were_made_whatever_the_clocks_say(light: Light) -> None:
    far = time.strftime("%Y%m%d-%H%M%S", time.gmtime(time.time() + 10 * 365 * 86400))
    foreign = ("by-hand", "20261399-250000-12345678", "99991231-235959-12345678", f"{far}-by-hand")
    for name in (f"{far}-ffffffff", *foreign):
        light.place("web02", "releases", name).mkdir(parents=True)
    made = []
    for number in range(2, 6):
        light.commit(f"v{number}")
        light.deploy(f"v{number}", "-H", "web[01-02]")
        made.append(light.release("web01"))
    assert made == sorted(made)
    assert made[0] > f"{far}-ffffffff"
    assert made[-1] < "9999", "names that are not ours count for nothing"


def test_names_of_releases_tell_the_time_of_the_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    version = Version(FolderSource(Path()), "0123456789" * 4, "v1")
    clocks = {"web01": 1_800_000_000, "web02": 1_800_000_000, "web03": 2_100_000_000, "web04": 0}
    states = {host: HostState(host, now=now) for host, now in clocks.items()}
    for ours in (1, 1_700_000_000, 4_000_000_000):
        monkeypatch.setattr(time, "time", lambda now=ours: float(now))
        assert _release_id(version, states).startswith("20270115-080000-")
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.9)
    unknown = {host: HostState(host) for host in clocks}
    assert _release_id(version, unknown).startswith("20231114-221320-")


@pytest.mark.parametrize("names", ['"web99"', '"@nothing"'])
def test_a_service_on_hosts_that_are_unknown_is_a_usage_error(light: Light, names: str) -> None:
    light.configure(hosts=names)
    assert light.deploy(expect=2).stderr.startswith("opskit: ")
    assert light.tree() == {}
