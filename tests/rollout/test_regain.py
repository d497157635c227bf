"""A deploy that is a part of a replacement is stopped with it, and stops or resumes nothing of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from opskit.config.service import FolderSource, Service
from opskit.errors import HostError
from opskit.fleet.command import Command
from opskit.rollout import regain
from opskit.rollout.context import Run
from opskit.rollout.facts import Teller
from opskit.rollout.plan import Plan
from opskit.rollout.probe import Release
from opskit.rollout.stop import STOP_NOW, Stop
from opskit.rollout.tenants import Tenant
from tests.fleet.opening import all_of
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.hosts import Hosts


def test_work_on_other_hosts_that_was_stopped_stays_so_when_such_a_deploy_has_ended(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    service = Service("shop", "production", "/srv/shop", "@web", FolderSource(tmp_path))
    plan = Plan("k3x", "replace", "production", targets=(), batches=())
    stop, said = Stop(), list[str]()

    def deploy(_made: object, own: Run) -> Any:
        """Be interrupted by a second Ctrl-C, find out what runs, and end, as a real one does."""
        stop.at_once()
        until(lambda: own.stop.level == STOP_NOW)
        own.fleet.cancel()
        own.fleet.resume()
        said.append(own.fleet.remote("web01").execute(Command("echo v1")).text)
        return SimpleNamespace(outcome="done")

    monkeypatch.setattr(regain, "plan_deploy", lambda **_: None)
    monkeypatch.setattr(regain, "deploy", deploy)
    with all_of(hosts) as fleet, stop.during(fleet.cancel, least=STOP_NOW):
        run = Run(
            fleet=fleet,
            changelog=SimpleNamespace(new_rollout_id=lambda: "k4y"),  # type: ignore[arg-type]
            actor="ana",
            tasks=tmp_path,
            secrets={},
            tell=Teller(lambda _: None),
            stop=stop,
            reader=SimpleNamespace(all=lambda _: {}),  # type: ignore[arg-type]
        )
        regain.regain(
            Tenant(service, frozenset(("web01",))), Release("r1"), "web01", plan=plan, run=run
        )
        assert said == ["v1\n"]
        with pytest.raises(HostError, match="cancelled before it began"):
            fleet.remote("web02").execute(Command("reboot"))
