"""`opskit reboot`, end to end, on OpenSSH hosts that really go and come back as another boot."""

from __future__ import annotations

import re
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from opskit.demo.keys import make_key
from opskit.rollout import boots
from tests.support.light import finish, hear, interrupt
from tests.support.reboots import Rebooting, configure, rebooting
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.light import Light

NAMES = ("web01", "web02", "web03")
HOSTS = '"web[01-03]"'
LINE = ("reboot", "-H", "web[01-03]", "--yes")


def reboot(light: Light, *arguments: object, expect: int | None = 0, **options: Any) -> Any:
    return light.opskit(*LINE, "--within", "20s", *arguments, expect=expect, **options)


def set_up(light: Light, **keys: str) -> None:
    configure(light, hosts=HOSTS, **keys)


@pytest.fixture
def fleet(light: Light) -> Iterator[Rebooting]:
    """Three hosts with a service, which know how to reboot."""
    set_up(light)
    light.deploy("v1")
    with rebooting(light, *NAMES) as found:
        yield found


def test_each_host_is_rebooted_once_and_is_back_before_the_next_one(
    light: Light, fleet: Rebooting
) -> None:
    before = {name: fleet.boot(name) for name in fleet.names}
    done = reboot(light, "-m", "a new kernel")
    assert fleet.happened == [*NAMES]
    assert "batch 1 of 3 (canary): web01" in done.stdout
    assert "refused the connection" in done.stdout
    last = light.last()
    assert (last["action"], last["outcome"], last["why"]) == ("reboot", "done", "a new kernel")
    assert [step["step"] for step in last["hosts"]["web01"]["steps"]] == [
        "reboot",
        "wait",
        "check",
    ]
    assert all(fleet.boot(name) != before[name] for name in fleet.names)
    assert light.locks() == []
    assert light.opskit("status", "shop").stdout.count(" ok ") == 3


def test_the_plan_says_what_lives_there_and_what_is_at_stake(light: Light) -> None:
    configure(light, health=None, min_healthy='"50%"')
    done = light.opskit("reboot", "-H", "web01,web02", "-n")
    assert done.stdout.startswith("reboot in production, 2 hosts: nothing is changed (dry run)")
    assert "batches: 1 + 1; at most 1 host can be bad before the gate stops it" in done.stdout
    assert "shop lives on web[01-02]" in done.stdout
    assert "shop has no health check: nothing tells whether it comes back" in done.stdout
    assert "# reboot\n    echo asked" in done.stdout
    assert light.log() == []


def test_min_healthy_of_what_lives_there_is_kept_whatever_the_batches_are(
    light: Light, fleet: Rebooting
) -> None:
    set_up(light, min_healthy="1")
    down: list[int] = []

    def count(_name: str) -> bool:
        down.append(sum(name not in light.hosts._servers for name in NAMES))
        return True

    fleet.meanwhile = count
    done = reboot(light, "--batches", "3")
    assert "batches: 2 + 1; at most 2 hosts can be bad" in done.stderr
    assert "batch 1 of 2 (canary): web01, web02" in done.stdout
    assert "batch 2 of 2: web03\n" in done.stdout
    assert max(down) <= 2
    set_up(light, min_healthy="3")
    done = reboot(light, expect=2)
    assert (
        "min_healthy of service shop is 3 of 3 hosts: none of them may ever be away" in done.stderr
    )


def test_a_reboot_command_that_fails_has_changed_nothing_and_stops_the_run(
    light: Light, fleet: Rebooting
) -> None:
    set_up(light, command="echo sudo: a password is required >&2; exit 1")
    done = reboot(light, expect=1)
    assert "the reboot command ended with status 1" in done.stdout
    assert "| sudo: a password is required" in done.stdout
    assert fleet.happened == []
    assert light.outcomes() == {"web01": "failed"} | dict.fromkeys(NAMES[1:], "skipped")
    assert light.locks() == []


def test_a_host_that_was_never_away_has_not_been_rebooted(light: Light, fleet: Rebooting) -> None:
    set_up(light, command="true")
    done = reboot(light, "--within", "300ms", expect=1)
    assert "not back within 0.3 s: it still runs as before" in done.stdout
    assert light.outcomes()["web02"] == "skipped"


def test_a_host_that_does_not_come_back_stops_the_run_and_resume_does_the_rest(
    light: Light, fleet: Rebooting
) -> None:
    fleet.meanwhile = lambda name: name != "web02"
    done = reboot(light, "--within", "8s", expect=3)
    assert "not back within 8 s" in done.stdout
    rollout = light.last()["id"]
    assert f"when it is well: opskit resume {rollout}" in done.stdout
    assert light.outcomes() == {
        "web01": "done",
        "web02": "failed",
        "web03": "skipped",
    }
    fleet.meanwhile = lambda _name: True
    fleet.power("web02")
    done = light.opskit("resume", rollout, "--yes")
    assert "web02 has been away and is back: it is checked and taken into use again" in done.stderr
    assert fleet.happened == [*NAMES]
    assert light.last()["outcome"] == "done"
    assert light.locks() == []
    page = light.opskit("log", rollout).stdout
    assert re.search(r"; in fact 1 host for \d+\.\d host-minutes", page), page
    assert "web02, before somebody went on: not back within 8 s" in page
    assert ": the last run took " in page


def test_a_service_that_does_not_come_up_with_its_host_stops_the_run(
    light: Light, fleet: Rebooting
) -> None:
    light.make_sick("web01")
    done = reboot(light, expect=1)
    assert "not healthy within 0.2 s" in done.stdout
    assert fleet.happened == ["web01"]
    rollout = light.last()["id"]
    (fleet.home("web01") / "sick").unlink()
    light.opskit("resume", rollout, "--yes")
    assert fleet.happened == [*NAMES]


def test_a_freeze_or_a_lock_of_what_lives_there_is_in_the_way(
    light: Light, fleet: Rebooting
) -> None:
    light.opskit("freeze", "shop", "-m", "stocktaking")
    done = reboot(light, expect=5)
    assert "shop in production is frozen by" in done.stderr
    light.opskit("thaw", "shop", "-m", "over")
    lock = light.place("web03", ".opskit", "locks", "0123456789")
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.symlink_to(f"v1:0123456789:bob%40laptop:1:{int(time.time()) + 600}:deploy")
    done = reboot(light, expect=4)
    assert "web03 is held by bob@laptop: deploy 0123456789" in done.stderr
    assert fleet.happened == []
    assert light.locks() == ["web03"]


def test_a_host_key_that_changes_with_a_reboot_is_refused_at_once(
    light: Light, fleet: Rebooting
) -> None:
    def rekeyed(name: str) -> bool:
        file = light.hosts.host(name).host_key
        file.unlink()
        make_key(file, comment="somebody in between")
        return True

    key = light.hosts.host("web01").host_key
    kept = {file: file.read_bytes() for file in (key, key.with_name(f"{key.name}.pub"))}
    fleet.meanwhile = rekeyed
    try:
        done = reboot(light, expect=1)
    finally:
        light.hosts.stop("web01")
        for file, data in kept.items():
            file.write_bytes(data)
    assert "HAS CHANGED" in done.stdout
    assert "somebody may be in between" in done.stdout
    assert light.outcomes()["web02"] == "skipped"


def test_a_host_where_no_service_lives_is_rebooted_all_the_same(light: Light) -> None:
    configure(light, hosts='"web02"')
    with rebooting(light, "web01") as fleet:
        done = light.opskit("reboot", "-H", "web01", "--yes")
        assert fleet.happened == ["web01"]
    assert (
        "no service of opskit.toml lives on web01: nothing is locked or checked there"
        in done.stderr
    )


def test_killed_while_a_host_is_down_it_is_known_and_resume_waits_for_the_host(
    light: Light, fleet: Rebooting
) -> None:
    fleet.meanwhile = lambda _name: False
    run = light.start(*LINE, "--within", "20s")
    hear(run, "waits for it")
    run.kill()
    run.wait()
    last = light.last()
    assert (last["outcome"], last["hosts"]["web01"]["outcome"]) == ("unfinished", "unknown")
    assert last["hosts"]["web02"]["outcome"] == "not reached"
    assert "; in fact nobody knows of web01" in light.opskit("log", last["id"]).stdout
    told = light.opskit("status", "shop", expect=1).stdout
    assert f"is unfinished: opskit resume {last['id']}" in told
    until(lambda: fleet.happened == ["web01"], what="the reboot")
    fleet.meanwhile = lambda _name: True
    resumed = light.start("resume", last["id"], "--yes")
    hear(resumed, "waits for it")
    fleet.power("web01")
    code, said, complained = finish(resumed)
    assert code == 0, said + complained
    assert "web01 was begun and does not answer: it is waited for" in complained
    assert fleet.happened == [*NAMES]
    assert light.last()["outcome"] == "done"
    assert light.locks() == []


def test_killed_before_a_host_went_away_resume_reboots_it(light: Light, fleet: Rebooting) -> None:
    set_up(light, command='touch "$HOME/asked"; sleep 30')
    run = light.start(*LINE)
    hear(run, "web01  reboot")
    until((fleet.home("web01") / "asked").exists, what="the command")
    run.kill()
    run.wait()
    set_up(light)
    done = light.opskit("resume", light.last()["id"], "--yes")
    assert "web01 was begun and still runs as before: that is done again" in done.stderr
    assert fleet.happened == [*NAMES]


def test_interrupted_twice_while_it_waits_it_says_so_and_how_to_go_on(
    light: Light, fleet: Rebooting
) -> None:
    fleet.meanwhile = lambda _name: False
    run = light.start(*LINE, "--within", "60s")
    hear(run, "waits for it")
    interrupt(run)
    hear(run, "Ctrl-C again")
    interrupt(run, signal.SIGINT)
    code, said, _ = finish(run)
    rollout = light.last()["id"]
    assert code == 130
    assert f"to go on: opskit resume {rollout}\n" in said
    assert light.outcomes() == {"web01": "unknown"} | dict.fromkeys(NAMES[1:], "skipped")


def test_the_script_that_asks_for_the_boot_is_this_one() -> None:
    assert boots.script() == (
        "b=\n"
        '[ -n "$b" ] || b=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null) || b=\n'
        '[ -n "$b" ] || b=$(sysctl -n kern.boottime 2>/dev/null) || b=\n'
        '[ -n "$b" ] || b=$(who -b 2>/dev/null) || b=\n'
        "printf 'boot %s\\n' \"$b\""
    )
