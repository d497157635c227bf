"""opskit killed at any step of a reboot or a replacement, behind a real HAProxy: hosts are whole and in use, and resume completes it."""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING

import pytest

from tests.changelog.faults import HEAVY
from tests.rollout.test_drain import BEHIND, answers
from tests.rollout.test_killed import SEED, Scene, say
from tests.rollout.victims import Server
from tests.support.haproxy import Answers, HAProxy
from tests.support.reboots import Rebooting, configure, rebooting
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opskit.changelog import RolloutRecord
    from tests.support.light import Light

__all__ = ["answers"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200 if HEAVY else 300)]
TRIES = {"reboot": 60, "task": 50, "command": 40} if HEAVY else {"reboot": 1, "task": 1, "command": 1}  # fmt: skip
NAMES = ("web01", "web02")
HOSTS = ("-H", "web[01-02]")
TASK = """
from fabric import task
@task
def patch(c):
    c.run('echo patched >>"$HOME/patched"; sleep 0.02')
"""
REPLACED = """
cd {base}/"$OPSKIT_HOST"; echo >reboots.new; mv reboots.new reboots
until [ ! -e {base}/"$OPSKIT_HOST"/shop ]; do sleep 0.02; done
until grep -q . {base}/"$OPSKIT_HOST"/boot_id 2>/dev/null; do sleep 0.02; done
"""
"""A cloud: the new machine has nothing on it but the host key of the old one."""


class Upkeep(Scene):
    """Two hosts behind a load balancer, which reboot, are patched or are replaced."""

    names = NAMES
    earliest = 1 if HEAVY else 10
    """Few points are to be such that work has begun on a host."""

    def __init__(self, light: Light, server: Server, seed: int, fleet: Rebooting, edge: HAProxy):
        self.fleet, self.edge = fleet, edge
        super().__init__(light, server, seed)

    def configure(self) -> None:
        more = {"load_balancer": BEHIND, "extra": self.edge.toml("lb01")}
        configure(self.light, hosts=json.dumps(HOSTS[1]), **more)
        (self.light.folder / "tasks.py").write_text(TASK)
        command = REPLACED.format(base=self.light.hosts.base)
        (self.light.folder / "new-machine").write_text(command)

    def newest(self) -> RolloutRecord | None:
        """Give the newest upkeep; the deploys that it consists of are records of their own."""
        with self.changelog() as changelog:
            found = [each for each in changelog.rollouts() if each.action in ("reboot", "replace")]
        return found[0] if found else None

    def settle(self) -> None:
        """Wait for hosts that are on their way down and up."""

        def are_up() -> bool:
            homes = [self.fleet.home(name) for name in NAMES]
            going = [home for home in homes if [*home.glob("reboots*")]]
            return not going and all(name in self.light.hosts._servers for name in NAMES)

        until(are_up, within=30, what="the hosts to be up")

    def patched(self) -> list[int]:
        files = [self.fleet.home(name) / "patched" for name in NAMES]
        return [len(file.read_text().split()) if file.exists() else 0 for file in files]

    def finish(self, rollout: str, *line: str) -> None:
        """Resume, and do again what nobody knows of, which only a person may; then it is over."""
        ended = self.run("resume", rollout)
        self.figures.resumed += 1
        record = self.newest()
        assert record
        assert (record.id, ended.code == 0) == (rollout, record.outcome == "done"), ended.said
        if record.outcome != "done":
            unsure = [host.name for host in record.hosts if host.outcome == "failed"]
            assert len(unsure) == 1, ended.said
            assert "nobody knows how far" in ended.said
            self.settle()
            self.ok(*line, "-H", f"@failed:{rollout}")

    def check_over(self, version: str) -> None:
        super().check_over(version)
        assert self.edge.words() == dict.fromkeys(NAMES, "UP")
        with self.changelog() as changelog:
            assert [each for each in changelog.rollouts() if each.outcome == "unfinished"] == []


@pytest.fixture
def scene(light: Light, answers: Answers, tmp_path: Path) -> Iterator[Upkeep]:
    seed = SEED or random.randrange(10**6)
    print(f"seed {seed}")
    light.hosts.odd("lb01")
    with (
        HAProxy(dict.fromkeys(NAMES, answers.port)) as edge,
        rebooting(light, *NAMES) as fleet,
        Server(tmp_path, light.folder) as server,
    ):
        edge.wait_for(**dict.fromkeys(NAMES, "UP"))
        yield Upkeep(light, server, seed, fleet, edge)


def test_killed_at_any_step_upkeep_is_completed_by_resume(scene: Upkeep) -> None:
    began = time.monotonic()
    actions = [action for action, tries in TRIES.items() for _ in range(tries)]
    scene.random.shuffle(actions)
    for action in actions:
        globals()[f"_{action}"](scene)
        scene.check_over("v1")
    scene.check_events()
    say(scene.figures, time.monotonic() - began)
    assert scene.figures.kills > scene.figures.points * 0.6


def _reboot(scene: Upkeep) -> None:
    """Each host reboots once; one that had been asked when opskit died may do so twice."""
    scene.fleet.happened.clear()
    line = ("reboot", *HOSTS, "--within", "20s")
    rollout = scene.victim("reboot", *line)
    if rollout:
        scene.complete(rollout)
    times = [scene.fleet.happened.count(name) for name in NAMES]
    assert sorted(times) in ([0, 0], [1, 1], [1, 2]), times


def _task(scene: Upkeep) -> None:
    """Nothing is done twice that nobody knows of."""
    before = sum(scene.patched())
    line = ("replace", "--task", "patch")
    if rollout := scene.victim("task", *line, *HOSTS):
        scene.finish(rollout, *line)
        assert sum(scene.patched()) - before in (2, 3)


def _command(scene: Upkeep) -> None:
    """A machine is replaced by an empty one, which gets what the old one had."""
    scene.fleet.meanwhile = scene.fleet.empty_machine
    line = ("replace", "--command", "sh new-machine", "--within", "20s")
    if rollout := scene.victim("command", *line, *HOSTS):
        scene.settle()
        scene.finish(rollout, *line)
    scene.fleet.meanwhile = lambda _name: True
