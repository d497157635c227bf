"""What is rolled out in a run of a runbook says so: `$OPSKIT_RUN` and `$OPSKIT_INCIDENT` tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.light import Light

RUN = "k7x2m9qp4d"


def test_a_rollout_names_the_run_and_the_incident(light: Light) -> None:
    light.deploy("v1", env={"OPSKIT_RUN": RUN, "OPSKIT_INCIDENT": "INC-7"})
    light.opskit("exec", "-H", "web01", "-m", "to look", "true", env={"OPSKIT_RUN": RUN})
    light.restart("-H", "web01")
    restart, command, deploy = light.log()
    assert (deploy["during"], deploy["incident"]) == (RUN, "INC-7")
    assert (command["during"], command["incident"]) == (RUN, "")
    assert (restart["during"], restart["incident"]) == ("", "")
    assert f"  in run    {RUN}: opskit log {RUN}" in light.opskit("log", deploy["id"]).stdout
    found = light.opskit("log", "--incident", "INC-7", "--json").json["data"]["entries"]
    assert [entry["id"] for entry in found] == [deploy["id"]]


def test_what_cannot_be_right_stops_nothing_and_is_left_out(light: Light) -> None:
    odd = {"OPSKIT_RUN": "../../etc/passwd", "OPSKIT_INCIDENT": "a\nb" + "c" * 500}
    light.deploy("v1", env=odd)
    (deploy,) = light.log()
    assert (deploy["during"], deploy["incident"]) == ("", ("a b" + "c" * 97))


def test_who_agreed_to_a_command_in_a_run_is_not_asked_again(light: Light) -> None:
    agreed = {"OPSKIT_RUN": RUN, "OPSKIT_AGREED": RUN}
    light.deploy("v1")
    light.opskit("restart", "shop", env=agreed)
    for env in ({"OPSKIT_RUN": RUN}, {"OPSKIT_AGREED": RUN}, {**agreed, "OPSKIT_AGREED": "1"}):
        refused = light.opskit("restart", "shop", env=env, expect=5)
        assert "nobody is there to agree" in refused.stderr
    refused = light.opskit("restart", "shop", env={**agreed, "OPSKIT_AGREED": "mutates=no"}, expect=5)  # fmt: skip
    assert "its fence says mutates=no" in refused.stderr
    assert "take mutates=no away" in refused.stderr
