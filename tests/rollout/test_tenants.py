"""Several services on the same hosts, worked on together: what each asks for holds."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from tests.rollout.test_resume import send
from tests.support.light import finish, hear
from tests.support.reboots import Rebooting, configure, rebooting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.light import Light

WITNESS = 'echo "$OPSKIT_HOSTS" >>asked'


def two_services(light: Light, **of_api: str) -> None:
    """Configure a shop on all four hosts, and an api on the last two, which `of_api` says more of."""
    keys = {
        "path": '"~/api"',
        "hosts": '"web[03-04]"',
        "source": '{ git = "." }',
        "health": '{ command = "test ! -e \\"$HOME/api-is-sick\\"", within = "200ms", interval = "50ms" }',
        **of_api,
    }
    lines = "\n".join(f"{key} = {value}" for key, value in keys.items())
    configure(light, extra=f"[services.api]\n{lines}\n", gate=json.dumps(WITNESS))


@pytest.fixture
def fleet(light: Light) -> Iterator[Rebooting]:
    two_services(light)
    light.deploy("v1")
    light.opskit("deploy", "api", "v1", "--yes")
    (light.folder / "asked").unlink(missing_ok=True)
    with rebooting(light) as found:
        yield found


def reboot(light: Light, *arguments: object, expect: int = 0) -> str:
    done = light.opskit("reboot", "-H", "@web", "--yes", *arguments, expect=expect)
    return str(done.stdout + done.stderr)


def test_each_service_has_its_own_floor_and_its_own_gate(light: Light, fleet: Rebooting) -> None:
    two_services(light, min_healthy="1")
    said = reboot(light, "--batches", "4")
    assert "batches: 3 + 1; at most 3 hosts can be bad" in said
    assert "between batches: 1 of 2 hosts of api stay healthy" in said
    assert "batch 1 of 2 (canary): web01, web02, web03\n" in said
    assert "batch 2 of 2: web04\n" in said
    assert "shop lives on web[01-04]" in said
    assert "api lives on web[03-04]" in said
    asked = "web01 web02 web03\n"
    assert (light.folder / "asked").read_text() == asked
    reboot(light, "--batches", "2")
    assert (light.folder / "asked").read_text() == f"{asked}web01 web02\nweb03\n"
    assert light.locks() == []


def test_a_service_that_does_not_come_back_stops_it_though_the_other_is_well(
    light: Light, fleet: Rebooting
) -> None:
    (fleet.home("web03") / "api-is-sick").touch()
    said = reboot(light, expect=3)
    assert "not healthy within 0.2 s" in said
    assert light.outcomes() == {
        "web01": "done",
        "web02": "done",
        "web03": "failed",
        "web04": "skipped",
    }


def test_while_it_goes_on_no_service_there_can_be_changed_and_none_of_its_locks_is_left(
    light: Light, fleet: Rebooting
) -> None:
    fleet.meanwhile = lambda _name: False
    process = light.start("reboot", "-H", "web01,web03", "--yes")
    hear(process, "waits for it")
    held = light.opskit("restart", "shop", "-H", "web03", "--yes", expect=4)
    assert "web03 is held by" in held.stderr
    light.opskit("deploy", "api", "v1", "-H", "web04", "--yes")
    locked = light.opskit("deploy", "api", "v1", "-H", "web03", "--yes", expect=4)
    assert ": reboot " in locked.stderr
    fleet.meanwhile = lambda _name: True
    fleet.power("web01")
    assert finish(process)[0] == 0
    places = [
        *fleet.home("web03").glob("*/.opskit/locks/*"),
        *fleet.home("web01").glob("*/.opskit/locks/*"),
    ]
    keys = [*fleet.home("web03").glob("*/.opskit/heirs/*")]
    assert (places, keys) == ([], [])


def test_one_service_that_is_frozen_is_enough_to_refuse_it(light: Light, fleet: Rebooting) -> None:
    light.opskit("freeze", "api", "-m", "stocktaking")
    assert "api in production is frozen by" in reboot(light, expect=5)
    said = reboot(light, "--override-freeze", "security", "-n")
    assert "overridden: security" in said
    reboot_of_others = light.opskit("reboot", "-H", "web01", "--yes")
    assert "frozen" not in reboot_of_others.stderr


def test_one_service_that_is_held_is_enough_to_hold_none(light: Light, fleet: Rebooting) -> None:
    lock = fleet.home("web04") / "api" / ".opskit" / "locks" / "0123456789"
    lock.symlink_to(f"v1:0123456789:bob%40laptop:1:{int(time.time()) + 600}:deploy")
    assert "web04 is held by bob@laptop" in reboot(light, expect=4)
    assert fleet.happened == []
    assert light.locks() == []


def test_another_engineer_finishes_from_another_laptop_what_died(
    light: Light, fleet: Rebooting, tmp_path: Path
) -> None:
    ben = {"OPSKIT_STATE_DIR": str(tmp_path / "other laptop"), "OPSKIT_ACTOR": "ben"}
    fleet.meanwhile = lambda _name: False
    process = light.start("reboot", "-H", "web[02-03]", "--yes")
    hear(process, "waits for it")
    process.kill()
    process.wait()
    fleet.meanwhile = lambda _name: True
    rollout = light.last()["id"]
    send(light, tmp_path / "ana's", to=ben)
    fleet.power("web02")
    done = light.opskit("resume", rollout, "--yes", env=ben, expect=4)
    assert f"opskit resume {rollout} --take-over -m WHY" in done.stderr
    light.opskit("resume", rollout, "--take-over", "-m", "at sea", "--yes", env=ben)
    assert fleet.happened == ["web02", "web03"]
    send(light, tmp_path / "ben's", of=ben, to={})
    record = light.opskit("log", rollout, "--json").json["data"]["rollout"]
    assert (record["outcome"], [by["actor"] for by in record["resumed"]]) == ("done", ["ben"])
