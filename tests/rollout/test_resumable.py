"""`opskit resume` alone says what can be resumed, how each stands, and what to type; it resumes nothing by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.rollout.test_resume import killed, resumed
from tests.support.reboots import configure, rebooting

if TYPE_CHECKING:
    from tests.support.light import Light

NONE = "no rollout is left half-way: nothing can be resumed\n"


def listed(light: Light) -> list[Any]:
    """Give what is listed as JSON; the exit code says whether there is any."""
    done = light.opskit("resume", "--json", expect=None)
    found: list[Any] = done.json["data"]["resumable"]
    assert done.exit == (1 if found else 0)
    return found


def test_one_that_died_is_listed_with_its_command_and_is_not_run(light: Light) -> None:
    assert light.opskit("resume").stdout == NONE
    rollout = killed(light)
    before = light.tree()
    said = light.opskit("resume", expect=1)
    assert f"{rollout}  deploy shop v1 → v2 in production, by ana, " in said.stdout
    assert said.stdout.splitlines()[0].endswith(": unfinished")
    assert "  why: slow\n  web01 unknown, web[02-04] not reached\n" in said.stdout
    assert f"  to go on: opskit resume {rollout} (with --revert to take it back)\n" in said.stdout
    (one,) = listed(light)
    assert (one["id"], one["action"], one["service"], one["actor"]) == (rollout, "deploy", "shop", "ana")  # fmt: skip
    assert one["hosts"] == light.on_all("not reached") | {"web01": "unknown"}
    assert (one["command"], one["reverting"]) == (f"opskit resume {rollout}", False)
    assert light.tree() == before
    resumed(light, rollout)
    assert listed(light) == []
    assert light.opskit("resume").stdout == NONE


def test_it_is_listed_until_later_rollouts_have_come_to_all_its_hosts(light: Light) -> None:
    rollout = killed(light)
    light.commit("v3")
    light.deploy("v3", "-H", "web[01-02]")
    assert [(one["id"], one["outcome"]) for one in listed(light)] == [(rollout, "abandoned")]
    light.deploy("v3", "-H", "web[03-04]")
    assert listed(light) == []


def test_it_is_not_listed_for_hosts_that_are_gone(light: Light) -> None:
    killed(light)
    file = light.folder / "opskit.toml"
    text = file.read_text()
    for number, left in ((1, 1), (2, 1), (3, 1), (4, 0)):
        text = text.replace(f"web0{number}", f"new0{number}")
        file.write_text(text)
        assert len(listed(light)) == left


def test_one_that_is_being_taken_back_goes_on_so(light: Light) -> None:
    rollout = killed(light)
    light.hosts.stop("web01")
    resumed(light, rollout, "--revert", expect=None)
    (one,) = listed(light)
    assert (one["command"], one["reverting"]) == (f"opskit resume {rollout} --revert", True)
    assert "--revert to take it back" not in light.opskit("resume", expect=1).stdout
    light.hosts.start("web01")
    resumed(light, rollout, "--revert")
    assert listed(light) == []


def test_hosts_that_are_worked_on_as_a_whole_can_be_resumed_too(light: Light) -> None:
    with rebooting(light, "web01", "web02") as fleet:
        configure(light, hosts='"web01"')
        fleet.meanwhile = lambda _name: False
        light.opskit("reboot", "-H", "web[01-02]", "-y", "--within", "1s", expect=1)
        (one,) = listed(light)
        assert (one["action"], one["hosts"]) == ("reboot", {"web01": "failed", "web02": "skipped"})
        assert "--revert" not in light.opskit("resume", expect=1).stdout


def test_what_a_gate_stopped_and_put_back_is_not_listed(light: Light) -> None:
    light.commit("v2", good=False)
    light.deploy("v1")
    light.deploy("v2", expect=5)
    light.configure(build='"false"')
    light.deploy("v1", expect=1)
    assert listed(light) == []


@pytest.mark.parametrize("option", ["-y", "-n", "--revert", "--take-over", "--no-drain", "--why=x", "--wait"])  # fmt: skip
def test_nothing_is_done_with_a_rollout_that_nobody_named(light: Light, option: str) -> None:
    done = light.opskit("resume", option, expect=2)
    assert "say which ROLLOUT" in done.stderr
    assert "those that can be resumed: opskit resume" in done.stderr
