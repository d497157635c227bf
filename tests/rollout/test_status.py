"""`opskit status`, end to end: what hosts run, against what the changelog says."""

from __future__ import annotations

import json
import shutil
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.light import finish, hear, wait_for_file

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.light import Light

HANG = json.dumps('touch "$HOME/waits"; sleep 100')


def verdicts(light: Light, *, expect: int = 0, **env: str) -> dict[str, str]:
    done = light.opskit("status", "shop", "--json", expect=expect, env=env)
    return {host["host"]: host["verdict"] for host in _service(done.json)["hosts"]}


def _service(envelope: Any) -> Any:
    return envelope["data"]["services"][0]


def test_all_is_well_after_a_deploy(any_light: Light) -> None:
    assert verdicts(any_light) == any_light.on_all("empty")
    any_light.deploy("v1")
    assert verdicts(any_light) == any_light.on_all("ok")
    shown = any_light.opskit("status").stdout
    assert "shop in production" in shown
    assert any_light.last()["id"] in shown


def test_a_change_by_hand_is_drift(light: Light) -> None:
    light.commit("v2")
    light.deploy("v1")
    first = light.release("web02")
    light.deploy("v2")
    current = light.place("web02", "current")
    current.unlink()
    current.symlink_to("releases/by-hand")
    assert verdicts(light, expect=1) == light.on_all("ok") | {"web02": "drifted"}
    current.unlink()
    current.symlink_to(f"releases/{first}")
    assert verdicts(light, expect=1)["web02"] == "drifted"
    current.unlink()
    assert verdicts(light, expect=1)["web02"] == "drifted"
    assert "`current` is gone" in light.opskit("status", expect=1).stdout
    shutil.rmtree(light.place("web02"))
    assert verdicts(light, expect=1)["web02"] == "drifted"


def test_a_folder_in_the_place_of_current_is_drift_and_no_deploy_goes_over_it(
    light: Light,
) -> None:
    light.deploy("v1")
    current = light.place("web02", "current")
    current.unlink()
    current.mkdir()
    assert verdicts(light, expect=1)["web02"] == "drifted"
    done = light.deploy("v1", expect=1)
    assert "`current` is not a symbolic link: move it away first" in done.stdout
    assert current.is_dir()


def test_what_another_changelog_knows_is_unrecorded_here(light: Light, tmp_path: Path) -> None:
    light.deploy("v1", env={"OPSKIT_STATE_DIR": str(tmp_path / "laptop")})
    assert verdicts(light, expect=1) == light.on_all("unrecorded")
    assert verdicts(light, OPSKIT_STATE_DIR=str(tmp_path / "laptop")) == light.on_all("ok")


def test_an_unreachable_host_is_shown_as_such(light: Light) -> None:
    light.deploy("v1")
    light.hosts.stop("web03")
    assert verdicts(light, expect=1) == light.on_all("ok") | {"web03": "unreachable"}
    assert "web03  unreachable" in light.opskit("status", expect=1).stdout


def test_after_a_canary_went_back_all_is_as_recorded(light: Light) -> None:
    light.commit("v2", good=False)
    light.deploy("v1")
    light.deploy("v2", expect=5)
    assert verdicts(light) == light.on_all("ok")


def test_hosts_can_be_narrowed(light: Light) -> None:
    light.deploy("v1", "-H", "web01")
    done = light.opskit("status", "shop", "-H", "web01", "--json")
    assert [host["host"] for host in _service(done.json)["hosts"]] == ["web01"]


@pytest.mark.parametrize("moment", ["build", "restart"])
def test_a_killed_rollout_is_shown_as_unfinished(light: Light, moment: str) -> None:
    light.commit("v2")
    light.deploy("v1")
    mark = light.folder / "builds" if moment == "build" else light.hosts.folder("web01") / "waits"
    go = light.folder / "go"
    wait = f"touch {mark}; while [ ! -e {go} ]; do sleep 0.05; done"
    hang = json.dumps(wait) if moment == "build" else HANG
    light.configure(**{moment: hang})
    process = light.start("deploy", "shop", "v2", "-y", "-m", "killed")
    wait_for_file(mark)
    running = light.opskit("status", "shop", "--json")
    assert _service(running.json)["unfinished"][0]["outcome"] == "running"
    assert _service(running.json)["hosts"][0]["verdict"] == (
        "ok" if moment == "build" else "running"
    )
    process.send_signal(signal.SIGKILL)
    finish(process)
    go.touch()
    shown = light.opskit("status", "shop", expect=1)
    killed = light.log()[0]
    assert (killed["outcome"], killed["why"]) == ("unfinished", "killed")
    assert f"deploy {killed['id']}" in shown.stdout
    assert "is unfinished" in shown.stdout
    touched = moment == "restart"
    assert ("held by" in shown.stdout) == touched
    assert (f"deploy {killed['id']} never ended" in shown.stdout) == touched


def test_hosts_that_run_different_versions_are_remarked_on_and_why(light: Light) -> None:
    light.commit("v2")
    light.deploy("v1")
    assert "versions are live" not in light.opskit("status").stdout
    light.configure(
        restart=json.dumps('touch "$HOME/waits"; while [ ! -e "$HOME/go" ]; do sleep 0.1; done')
    )
    process = light.start("deploy", "shop", "v2", "-y")
    wait_for_file(light.hosts.folder("web01") / "waits")
    process.send_signal(signal.SIGINT)
    hear(process, "Ctrl-C")
    (light.hosts.folder("web01") / "go").touch()
    finish(process)
    shown = light.opskit("status").stdout
    last = light.log()[0]
    assert last["outcome"] == "interrupted"
    assert "2 versions are live: v2 (" in shown
    assert ") on web01, v1 (" in shown
    assert f") on web[02-04]; deploy {last['id']} by {last['actor']} is interrupted" in shown


def test_an_unknown_service_is_a_usage_error(light: Light) -> None:
    assert "did you mean 'shop'?" in light.opskit("status", "shopp", expect=2).stderr
