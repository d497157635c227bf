"""Who holds the hosts: one rollout at a time, an end to every lock, and nothing done on an old plan."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from tests.support.light import finish, wait_for_file
from tests.support.processes import at_home
from tests.support.waiting import until

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.support.light import Light

WAIT = 'touch "$HOME/waits"; while [ ! -e "$HOME/go" ]; do sleep 0.05; done; cat version >>"$HOME/restarts"'


def held(light: Light, **keys: str) -> subprocess.Popen[str]:
    """Start a deploy of v2 that waits in web01's restart until `let_go`."""
    light.commit("v2")
    light.deploy("v1")
    light.configure(restart=json.dumps(WAIT), **keys)
    process = light.start("deploy", "shop", "v2", "-y", "-m", "slow", env={"OPSKIT_ACTOR": "ana"})
    wait_for_file(light.hosts.folder("web01") / "waits")
    return process


def let_go(light: Light) -> None:
    for name in light.hosts.names:
        (light.hosts.folder(name) / "go").touch()


def test_a_second_rollout_is_told_who_holds_the_hosts(any_light: Light) -> None:
    first = held(any_light)
    before = any_light.tree()
    for action in (any_light.deploy, any_light.rollback, any_light.restart):
        done = action(expect=4)
        assert "is held by ana: deploy" in done.stderr, done
        assert "the lock ends by itself at" in done.stderr
    assert any_light.tree() == before
    assert any_light.log()[0]["outcome"] == "refused"
    shown = any_light.opskit("status", "shop", expect=None).stdout
    assert "web[01-04] are held by ana: deploy" in shown
    assert "is running" in shown
    let_go(any_light)
    assert finish(first)[0] == 0
    assert any_light.live() == any_light.on_all("v2")
    assert any_light.locks() == []


def test_a_plan_says_that_the_run_which_holds_the_hosts_died_and_what_becomes_of_it(
    light: Light,
) -> None:
    process = held(light)
    process.kill()
    finish(process)
    rollout = light.last()["id"]
    said = light.opskit("restart", "shop", "-n").stdout
    assert said.count("held by") == 1
    assert f"note: web[01-04] are held by ana: deploy {rollout}, since" in said
    assert "that run died, so this takes its locks over and it counts as abandoned" in said
    assert f"to finish it instead: opskit resume {rollout}" in said
    let_go(light)


def test_a_rollout_that_died_is_over_as_soon_as_another_one_holds_its_hosts(light: Light) -> None:
    process = held(light)
    process.kill()
    finish(process)
    dead, home = light.last()["id"], light.hosts.folder("web01")
    let_go(light)
    until(lambda: not at_home([home]), what="the orphan to end")
    for name in light.hosts.names:
        for mark in ("go", "waits"):
            (light.hosts.folder(name) / mark).unlink(missing_ok=True)
    second = light.start("deploy", "shop", "v1", "-y")
    wait_for_file(home / "waits")
    new, old = light.log()[:2]
    assert (new["outcome"], old["id"], old["outcome"]) == ("running", dead, "abandoned")
    assert "never ended" not in light.opskit("log").stderr
    second.kill()
    finish(second)
    assert [entry["outcome"] for entry in light.log()[:2]] == ["unfinished", "abandoned"]
    let_go(light)


def test_only_shared_hosts_are_in_the_way(light: Light) -> None:
    first = held(light, hosts='"web01"', batches="[1]")
    light.configure()
    light.deploy("v1", "-H", "web[02-04]")
    assert light.deploy("v1", "-H", "web[01-02]", expect=4)
    assert light.locks() == ["web01"]
    let_go(light)
    assert finish(first)[0] == 0


def killed(light: Light) -> str:
    """Kill a deploy of v2 in web01's restart; gives its id."""
    first = held(light)
    first.kill()
    finish(first)
    let_go(light)
    until(lambda: not at_home([light.hosts.folder("web01")]), what="the orphan to end")
    last = light.log()[0]
    assert last["outcome"] == "unfinished"
    return str(last["id"])


def test_a_lock_of_a_run_killed_here_is_taken_over(any_light: Light) -> None:
    killed(any_light)
    any_light.configure()
    any_light.deploy("v2")
    assert any_light.live() == any_light.on_all("v2")
    assert any_light.locks() == []


def test_a_lock_of_a_run_killed_elsewhere_ends_by_itself(light: Light, tmp_path: Path) -> None:
    run = killed(light)
    light.configure()
    other = {"OPSKIT_STATE_DIR": str(tmp_path / "other laptop")}
    assert f"ana: deploy {run}" in light.deploy("v2", expect=4, env=other).stderr
    for name in light.hosts.names:
        (lock,) = light.place(name).glob(".opskit/locks/*")
        *named, until_, action = str(lock.readlink()).split(":")
        assert 0 < int(until_) - time.time() <= 900
        lock.unlink()
        lock.symlink_to(":".join((*named, str(int(time.time()) - 1), action)))
    light.deploy("v2", env=other)
    assert light.live() == light.on_all("v2")
    assert light.locks() == []


def test_a_run_that_has_lost_its_lock_is_refused_by_the_host(light: Light) -> None:
    first = held(light)
    for name in light.hosts.names[1:]:
        (lock,) = light.place(name).glob(".opskit/locks/*")
        lock.unlink()
    let_go(light)
    code, said, _ = finish(first)
    assert code == 3
    assert "the lock of this run is gone" in said
    assert light.live() == {"web01": "v2"} | dict.fromkeys(("web02", "web03", "web04"), "v1")
    assert light.outcomes()["web02"] == "failed"


def test_a_plan_is_refused_when_a_host_was_changed_since(light: Light) -> None:
    for version in ("v2", "v3"):
        light.commit(version)
    light.deploy("v1")
    built, go = light.folder / "built", light.folder / "go"
    light.configure(build=json.dumps(f"touch {built}; while [ ! -e {go} ]; do sleep 0.05; done"))
    first = light.start("deploy", "shop", "v2", "-y")
    wait_for_file(built)
    light.configure()
    light.deploy("v3", "-H", "web03")
    before = light.tree()
    go.touch()
    code, _, complaint = finish(first)
    assert code == 5, complaint
    assert "web03 was changed since this was planned: it runs v3" in complaint
    assert light.tree() == before
    assert light.locks() == []


def test_two_at_the_same_moment_never_both_win(light: Light) -> None:
    light.commit("v2")
    light.deploy("v1")
    both = [light.start("deploy", "shop", version, "-y") for version in ("v1", "v2")]
    codes = [finish(process)[0] for process in both]
    assert set(codes) <= {0, 4, 5}
    assert len(set(light.live().values())) == 1
    assert light.locks() == []
