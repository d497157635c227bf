"""A host is said to be with a bisection as long as that goes on, or has left it changed; and no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.blame.bisect.holding import demand_not_held, held
from opskit.blame.bisect.record import Writer
from opskit.blame.bisect.turn import Turns
from opskit.changelog import this_machine
from opskit.config.model import ChangelogSettings
from opskit.errors import LockedError
from tests.changelog.bisect_session import STARTED
from tests.changelog.writing import ELSEWHERE, start, whole
from tests.support.paper import changelog

if TYPE_CHECKING:
    from opskit.changelog import Changelog

__all__ = ["changelog"]
SETTINGS = ChangelogSettings(name="test")
DEAD = {**this_machine(), "pid": 2**22 + 1}


def begun(changelog: Changelog, **more: object) -> Writer:
    writer = Writer(changelog, "shop", "production", "")
    writer.start({**STARTED, "machine": DEAD, **more})
    return writer


def holdings(changelog: Changelog) -> list[tuple[str, bool]]:
    return [(each.host, each.goes_on) for each in held(changelog, "production", SETTINGS)]


def test_while_it_goes_on_here_or_elsewhere_it_has_its_host(changelog: Changelog) -> None:
    writer = begun(changelog, machine=this_machine())
    assert holdings(changelog) == [("web01", True)]
    assert held(changelog, "staging", SETTINGS) == ()
    assert held(changelog, "production", SETTINGS, "search") == ()
    with pytest.raises(LockedError, match=f"web01 is with bisection {writer.hash[:10]} of shop "):
        demand_not_held(changelog, "production", SETTINGS, "web01", "shop")
    demand_not_held(changelog, "production", SETTINGS, "web02", "shop")
    writer.finish("found")
    assert holdings(changelog) == []
    writer.resume(ELSEWHERE, knows=Turns(changelog, SETTINGS, writer.hash).known())
    writer.finish("stopped")
    assert holdings(changelog) == []


def test_one_that_died_has_only_what_it_has_changed(changelog: Changelog) -> None:
    writer = begun(changelog)
    assert holdings(changelog) == []
    writer.step("brings", whole(changelog, hosts=("web01",)))
    assert holdings(changelog) == [("web01", False)]
    whole(changelog, hosts=("web01",), before=2, to=3)
    assert holdings(changelog) == [], "somebody has deployed there since"
    writer.step("brings", start(changelog, hosts=("web01",), machine=ELSEWHERE))
    assert holdings(changelog) == [("web01", False)], "nobody knows what came of that"


def test_one_that_ended_before_its_host_was_back_behind_its_load_balancer_still_has_it(
    changelog: Changelog,
) -> None:
    writer = begun(changelog)
    writer.step("drains", whole(changelog, action="drain", hosts=("web01",)))
    writer.finish("found")
    assert holdings(changelog) == [("web01", False)]
    writer.step("restores", "neverbegan")
    assert holdings(changelog) == [("web01", False)]
    writer.step("restores", whole(changelog, action="restore", hosts=("web01",)))
    assert holdings(changelog) == []


def test_one_in_a_folder_has_no_host(changelog: Changelog) -> None:
    begun(changelog, host="", machine=this_machine())
    assert holdings(changelog) == []
