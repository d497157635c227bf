"""A plan says what it would go over that the changelog does not know: whose rollout, and what was changed by hand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.light import Light


def notes(light: Light, *arguments: str) -> list[str]:
    done = light.opskit(*arguments, "--dry-run", "--json")
    found: list[str] = done.json["data"]["plan"]["notes"]
    return found


def test_a_rollout_that_the_changelog_lacks_is_named_before_it_is_gone_over(light: Light) -> None:
    light.commit("v2")
    light.commit("v3")
    light.deploy("v1")
    assert notes(light, "deploy", "shop", "v3") == []
    ben = {"OPSKIT_STATE_DIR": str(light.folder.parent / "ben"), "OPSKIT_ACTOR": "ben"}
    light.deploy("v2", env=ben)
    known = re.compile(
        r"web\S+ unrecorded: deploy \w{10} by ben at [-\d]+ [:\d]+, which this changelog does not know"
    )
    for command in (("deploy", "shop", "v3"), ("rollback", "shop"), ("restart", "shop")):
        said = notes(light, *command)
        assert said
        assert all(known.fullmatch(note) for note in said), said
    assert "by ben at" in light.rollback().stderr
    remarks = light.last()["remarks"]
    assert all(known.fullmatch(remark) for remark in remarks)
    assert remarks


def test_what_was_changed_by_hand_is_told_before_a_deploy_goes_over_it(light: Light) -> None:
    light.commit("v2")
    light.deploy("v1")
    for host in ("web02", "web03"):
        light.place(host, "current", "version").write_text("hotfix\n")
    light.place("web04", "current").unlink()
    assert notes(light, "deploy", "shop", "v2") == [
        "web[02-03] drifted: changed by hand in its release: version altered",
        "web04 drifted: `current` is gone: the link that says which release is live",
    ]


def test_what_is_known_of_a_version_is_told_once_for_all_hosts(light: Light) -> None:
    light.commit("v2")
    light.deploy("v1")
    light.deploy("v2")
    light.rollback()
    assert notes(light, "deploy", "shop", "v2") == [
        "web[01-04] have had this version, and it was taken back there"
    ]
    assert notes(light, "deploy", "shop", "v1") == ["web[01-04] run this version already"]
