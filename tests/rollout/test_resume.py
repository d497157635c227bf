"""A rollout that died half-way is finished or taken back: by the same engineer or another, from what the hosts say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from opskit.cli.stopping import SAID
from tests.rollout.test_locks import WAIT, held, let_go
from tests.support.light import finish, hear, wait_for_file
from tests.support.processes import at_home
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.light import Light


def killed(light: Light, **keys: str) -> str:
    """Kill a deploy of v2 in the canary's restart; gives its id."""
    first = held(light, **keys)
    first.kill()
    finish(first)
    let_go(light)
    until(lambda: not at_home([light.hosts.folder("web01")]), what="the orphan to end")
    light.configure(**keys)
    return str(light.log()[0]["id"])


def resumed(light: Light, rollout: str, *arguments: str, **options: Any) -> Any:
    return light.opskit("resume", rollout, "-y", *arguments, **options)


def test_the_same_engineer_finishes_what_a_killed_run_began(any_light: Light) -> None:
    rollout = killed(any_light)
    assert f"never ended: opskit resume {rollout}" in any_light.opskit("log").stderr
    said = any_light.opskit("status", "shop", expect=1).stdout
    assert f"is unfinished: opskit resume {rollout}" in said
    resumed(any_light, rollout, "-m", "the battery was empty")
    assert any_light.live() == any_light.on_all("v2")
    assert any_light.locks() == []
    (last, first) = any_light.log()
    assert (last["id"], last["outcome"], first["outcome"]) == (rollout, "done", "done")
    (by,) = last["resumed"]
    assert (by["why"], by["revert"]) == ("the battery was empty", False)
    assert {host["outcome"] for host in last["hosts"]} == {"done"}
    assert any_light.opskit("status", "shop").exit == 0
    assert any_light.opskit("changelog", "verify").exit == 0
    page = any_light.opskit("log", rollout).stdout
    assert "the battery was empty" in page
    again = resumed(any_light, rollout, expect=5)
    assert "is done: nothing is left to do" in again.stderr


def test_what_was_switched_is_taken_back_and_the_rest_stays(light: Light) -> None:
    rollout = killed(light)
    before = light.restarts("web02")
    done = resumed(light, rollout, "--revert", "-m", "not today")
    assert "reverted (1 reverted)" in done.stdout, "web02 and the others were never touched"
    assert light.live() == light.on_all("v1")
    assert light.restarts("web02") == before, "what was not reached is not restarted"
    last = light.last()
    assert (last["id"], last["outcome"]) == (rollout, "reverted")
    assert last["resumed"][0]["revert"] is True
    assert light.locks() == []
    assert light.opskit("status", "shop").exit == 0
    light.commit("v3")
    light.deploy("v3")
    light.rollback()
    assert light.live() == light.on_all("v1"), "v2 is no way back"


def test_another_engineer_goes_on_from_another_laptop(light: Light, tmp_path: Path) -> None:
    ben = {"OPSKIT_STATE_DIR": str(tmp_path / "other laptop"), "OPSKIT_ACTOR": "ben"}
    rollout = killed(light)
    send(light, tmp_path / "ana's", to=ben)
    done = resumed(light, rollout, env=ben, expect=4)
    assert "if ana's run is certainly dead: opskit resume" in done.stderr
    done = resumed(light, rollout, "--take-over", env=ben, expect=2)
    assert "asks for a reason" in done.stderr
    resumed(light, rollout, "--take-over", "-m", "ana's laptop fell into the sea", env=ben)
    assert light.live() == light.on_all("v2")
    assert light.locks() == []
    send(light, tmp_path / "ben's", of=ben, to={})
    for env in (ben, {}):
        found = entries(light, env)
        record = next(entry for entry in found if entry["id"] == rollout)
        assert (record["outcome"], record["actor"]) == ("done", "ana")
        assert [by["actor"] for by in record["resumed"]] == ["ben"]
        assert "lock.broken" in [e["event"]["kind"] for e in found if e["type"] == "event"]
    assert "broke the lock of ana deploy" in light.opskit("log").stdout
    assert light.opskit("changelog", "verify").exit == 0


def test_whom_its_locks_refuse_says_nothing_of_its_end(light: Light, tmp_path: Path) -> None:
    ben = {"OPSKIT_STATE_DIR": str(tmp_path / "other laptop"), "OPSKIT_ACTOR": "ben"}
    rollout = killed(light)
    send(light, tmp_path / "ana's", to=ben)
    light.deploy("v1", expect=4, env=ben)
    send(light, tmp_path / "ben's", of=ben, to={})
    for env in (ben, {}):
        said = light.opskit("status", "shop", expect=1, env=env).stdout
        assert f"deploy {rollout} by ana is unfinished: opskit resume {rollout}" in said
        assert "refused" not in said
    resumed(light, rollout)
    assert light.live() == light.on_all("v2")


def send(
    light: Light, file: Path, *, to: dict[str, str], of: dict[str, str] | None = None
) -> None:
    light.opskit("changelog", "export", str(file), env=of or {})
    light.opskit("changelog", "import", str(file), env=to)


def entries(light: Light, env: dict[str, str]) -> list[Any]:
    return list(light.opskit("log", "--json", env=env).json["data"]["entries"])


def test_who_has_no_key_of_the_hosts_is_told_so(light: Light, tmp_path: Path) -> None:
    ben = {"OPSKIT_STATE_DIR": str(tmp_path / "other laptop"), "OPSKIT_ACTOR": "ben"}
    light.commit("v2")
    light.deploy("v1")
    light.configure(build=json.dumps("kill -9 $PPID"))
    light.deploy("v2", expect=-9)
    light.configure()
    rollout = light.log()[0]["id"]
    send(light, tmp_path / "ana's", to=ben)
    done = resumed(light, rollout, env=ben, expect=5)
    assert "no host has its key" in done.stderr
    resumed(light, rollout)
    assert light.live() == light.on_all("v2")


def test_a_build_that_gives_something_else_is_refused_and_can_be_taken_back(light: Light) -> None:
    odd = json.dumps("date +%s%N >stamp")
    rollout = killed(light, build=odd)
    (light.place("web04", "releases", light.release("web01"))).rename(light.folder / "gone")
    done = resumed(light, rollout, expect=5)
    assert "gives something else than what" in done.stderr
    assert f"opskit resume {rollout} --revert" in done.stderr
    assert light.locks() != [], "nothing was touched, the lock of the dead run neither"
    resumed(light, rollout, "--revert")
    assert light.live() == light.on_all("v1")
    assert light.locks() == []


def test_what_is_missing_is_staged_again_from_the_same_revision(light: Light) -> None:
    rollout = killed(light)
    release = light.release("web01")
    (light.place("web04", "releases", release)).rename(light.folder / "gone")
    light.commit("v3")
    done = resumed(light, rollout)
    assert "(the rest is there)" in done.stdout, "of a change, as in a deploy"
    assert light.live() == light.on_all("v2")
    assert light.release("web04") == release
    sent = {name: host.get("sent") for name, host in light.last()["hosts"].items()}
    assert sent.pop("web04"), sent
    assert not any(sent.values()), sent


def test_a_host_that_was_changed_since_is_left_alone(light: Light) -> None:
    rollout = killed(light)
    light.commit("v3")
    light.deploy("v3", "-H", "web01")
    done = resumed(light, rollout, expect=1)
    assert "was changed since by deploy" in done.stderr
    assert light.live() == light.on_all("v1") | {"web01": "v3"}


def test_a_switched_host_that_is_not_healthy_is_put_back_and_the_gate_holds(light: Light) -> None:
    rollout = killed(light)
    light.make_sick("web01", "v2")
    resumed(light, rollout, expect=5)
    assert light.live() == light.on_all("v1")
    assert light.outcomes() == light.on_all("skipped") | {"web01": "reverted"}
    assert light.last()["outcome"] == "refused"
    done = resumed(light, rollout, expect=5)
    assert "cannot go on: web01 was put back" in done.stderr, (
        "the budget is that of the whole rollout"
    )
    assert light.live() == light.on_all("v1")


def test_ctrl_c_says_how_to_go_on_and_it_goes_on(light: Light) -> None:
    process = held(light)
    process.send_signal(2)
    hear(process, SAID[1])
    let_go(light)
    code, said, _ = finish(process)
    rollout = light.log()[0]["id"]
    assert (code, f"opskit resume {rollout}" in said) == (130, True)
    said = light.opskit("status", "shop", expect=None).stdout
    assert f"is interrupted: opskit resume {rollout}" in said
    light.configure()
    resumed(light, rollout)
    assert light.live() == light.on_all("v2")
    assert light.last()["outcome"] == "done"


def test_the_same_version_again_is_taken_back_though_its_releases_are_no_ways_back(
    light: Light,
) -> None:
    process = held(light, keep="1")
    let_go(light)
    finish(process)
    for name in light.hosts.names:
        (light.hosts.folder(name) / "go").unlink()
        (light.hosts.folder(name) / "waits").unlink(missing_ok=True)
    before = light.place("web01", "current").readlink()
    process = light.start("deploy", "shop", "v2", "-y", "-m", "again")
    wait_for_file(light.hosts.folder("web01") / "waits")
    process.send_signal(2)
    hear(process, SAID[1])
    let_go(light)
    finish(process)
    light.configure(keep="1")
    done = resumed(light, light.log()[0]["id"], "--revert")
    assert "reverted (1 reverted)" in done.stdout
    assert light.place("web01", "current").readlink() == before


def test_a_run_that_is_alive_is_not_resumed(light: Light) -> None:
    process = held(light)
    rollout = light.log()[0]["id"]
    done = resumed(light, rollout, expect=5)
    assert "runs now" in done.stderr
    let_go(light)
    assert finish(process)[0] == 0


def test_a_command_says_what_can_be_done_instead(light: Light) -> None:
    light.opskit("exec", "-H", "web01,web02", 'test "$OPSKIT" || false', expect=1)
    rollout = light.log()[0]["id"]
    done = resumed(light, rollout, expect=5)
    assert f"@failed:{rollout}" in done.stderr


def test_a_dry_run_says_where_each_host_stands_and_touches_nothing(light: Light) -> None:
    rollout = killed(light)
    before = light.tree()
    said = light.opskit("resume", rollout, "-n").stdout
    assert "web01 was switched, and nobody knows whether it is well" in said
    assert "note: web[02-04] were not reached yet\n" in said
    for step in ("# switch", "# restart", "# check"):
        assert step in said
    assert light.tree() == before
    assert light.log()[0]["outcome"] == "unfinished"


def test_two_who_resume_at_the_same_moment_do_not_harm_each_other(
    light: Light, tmp_path: Path
) -> None:
    ben = {"OPSKIT_STATE_DIR": str(tmp_path / "other laptop"), "OPSKIT_ACTOR": "ben"}
    rollout = killed(light)
    send(light, tmp_path / "ana's", to=ben)
    line = ("resume", rollout, "-y", "-m", "quick", "--take-over")
    both = [light.start(*line, env=env) for env in ({}, ben)]
    codes = [finish(process)[0] for process in both]
    assert set(codes) <= {0, 3, 4, 5}, (
        "3 ends who is robbed of a live lock by the other's --take-over"
    )
    if 0 not in codes:
        resumed(light, rollout)
    assert light.live() == light.on_all("v2")
    assert light.locks() == []
    send(light, tmp_path / "ben's", of=ben, to={})
    record = light.opskit("log", rollout, "--json").json["data"]["rollout"]
    assert record["outcome"] == "done"
    assert light.opskit("changelog", "verify").exit == 0


def test_a_rollback_that_was_killed_is_finished_or_undone(light: Light) -> None:
    light.commit("v2")
    light.deploy("v1")
    light.deploy("v2")
    for revert in (True, False):
        light.configure(restart=json.dumps(WAIT))
        for name in light.hosts.names:
            for mark in ("go", "waits"):
                (light.hosts.folder(name) / mark).unlink(missing_ok=True)
        process = light.start("rollback", "shop", "-y")
        wait_for_file(light.hosts.folder("web01") / "waits")
        process.kill()
        finish(process)
        let_go(light)
        until(lambda: not at_home([light.hosts.folder("web01")]), what="the orphan to end")
        light.configure()
        rollout = light.log()[0]["id"]
        resumed(light, rollout, *(["--revert"] if revert else []))
        assert light.live() == light.on_all("v2" if revert else "v1")
        assert light.last()["outcome"] == ("reverted" if revert else "done")
        assert light.opskit("status", "shop").exit == 0


def test_a_host_that_does_not_answer_stops_a_deploy_and_no_way_back(light: Light) -> None:
    rollout = killed(light)
    light.hosts.stop("web03")
    resumed(light, rollout, expect=1)
    assert light.live()["web02"] == "v1"
    resumed(light, rollout, "--revert", expect=3)
    assert light.live() == light.on_all("v1")
    light.hosts.start("web03")
    done = resumed(light, rollout, expect=5)
    assert "is being taken back" in done.stderr
    resumed(light, rollout, "--revert")
    assert light.last()["outcome"] == "reverted"
    light.deploy("v2")
    assert light.live() == light.on_all("v2")
