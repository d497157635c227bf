"""opskit killed at any step of a rollout: hosts are whole, no event is lost, no lock stays, and resume completes it."""

from __future__ import annotations

import json
import os
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog
from tests.changelog.faults import HEAVY
from tests.rollout.victims import MOMENTS, Point, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.changelog import RolloutRecord
    from tests.rollout.victims import Ended
    from tests.support.light import Light

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200 if HEAVY else 600)]
SEED = int(os.environ.get("OPSKIT_SEED", "0"))
TRIES = {"deploy": 90, "rollback": 70, "restart": 60, "resume": 80, "revert": 60} if HEAVY else {
    "deploy": 2, "rollback": 1, "restart": 1, "resume": 2, "revert": 1
}  # fmt: skip
ENDS = {"revert": "reverted"}


@dataclass
class Figures:
    """What is printed in the end."""

    points: int = 0
    kills: int = 0
    resumed: int = 0
    unrecorded: int = 0
    ended: int = 0
    events: int = 0
    calls: list[int] = field(default_factory=list)


class Scene:
    """A fleet that goes from version to version, and the runs on it that die."""

    names: tuple[str, ...] = ("web01", "web02", "web03")
    earliest = 1

    def __init__(self, light: Light, server: Server, seed: int) -> None:
        self.light, self.server = light, server
        self.random = random.Random(seed)
        self.version = "v1"
        self.known: set[str] = set()
        self.figures = Figures()
        self._count = 1
        self._steps: dict[str, int] = {}
        self.configure()
        self.ok("deploy", "shop", "v1")

    def configure(self) -> None:
        self.light.configure(hosts=json.dumps(",".join(self.names)))

    def ok(self, *arguments: str) -> Ended:
        ended = self.run(*arguments)
        assert ended.code == 0, ended.said
        return ended

    def run(self, *arguments: str, at: Point | None = None) -> Ended:
        ended = self.server.run(*arguments, "-y", at=at)
        self.known.update(ended.acknowledged)
        return ended

    def new_version(self) -> str:
        self._count += 1
        self.light.commit(f"v{self._count}")
        return f"v{self._count}"

    def point(self, action: str) -> Point:
        """Choose where to die, among the steps that such a run had when it was not killed."""
        number = self.random.randint(self.earliest, self._steps.get(action, 30))
        return Point(number, self.random.choice(MOMENTS), self.random.random() * 25)

    def learn(self, action: str, ended: Ended) -> None:
        if not ended.killed:
            self._steps[action] = ended.calls

    def victim(self, action: str, *arguments: str) -> str:
        """Let a run die; gives the rollout that it left without an end, "" if there is none."""
        before = self.newest()
        at = self.point(action)
        ended = self.run(*arguments, at=at)
        print(
            action,
            at,
            "of",
            self._steps.get(action),
            "killed" if ended.killed else "ended",
            flush=True,
        )
        self.figures.points += 1
        self.figures.kills += ended.killed
        self.learn(action, ended)
        assert ended.killed or ended.code == 0, (at, ended.said)
        self.check_whole()
        record = self.newest()
        if record is None or (before and record.id == before.id and before.outcome == "done"):
            self.figures.unrecorded += 1
            return ""
        if record.outcome in ("done", "reverted"):
            self.figures.ended += 1
            return ""
        assert record.outcome == "unfinished", record
        return record.id

    def newest(self) -> RolloutRecord | None:
        with self.changelog() as changelog:
            found = changelog.rollouts()
        return found[0] if found else None

    def changelog(self) -> Changelog:
        return Changelog(Path(os.environ["OPSKIT_STATE_DIR"]) / "test" / "changelog.db")

    def complete(self, rollout: str, *more: str, outcome: str = "done") -> None:
        """Resume until it is over; it must be over at once."""
        ended = self.run("resume", rollout, *more)
        assert ended.code == 0, ended.said
        self.learn("resume", ended)
        self.figures.resumed += 1
        record = self.newest()
        assert record
        assert (record.id, record.outcome) == (rollout, outcome), record.reason
        assert len(record.resumed) >= 1

    def check_whole(self) -> None:
        """Each host is on one whole release, whatever was killed."""
        for name in self.names:
            current = self.light.place(name, "current")
            assert not current.exists() or current.is_symlink()
            if current.is_symlink():
                assert (current / "version").read_text(), name
            for release in self.light.place(name, "releases").glob("*"):
                assert (release / "version").exists(), (name, release)
                assert self.light.place(name, ".opskit", "release", release.name, "info").exists()

    def check_over(self, version: str) -> None:
        self.check_whole()
        assert {name: self.light.live_on(name) for name in self.names} == dict.fromkeys(
            self.names, version
        )
        assert self.light.locks() == []

    def check_events(self) -> None:
        """All that was said to be durable is there, and nothing is broken."""
        with self.changelog() as changelog:
            lines: list[str] = []
            changelog.export(lines.append)
            whole = "".join(lines)
            lost = [
                event for event in self.known if changelog.show(event).event.hash.hex() != event
            ]
            assert lost == []
            assert whole
            assert changelog.verify() == []
        self.figures.events = len(self.known)


@pytest.fixture
def scene(light: Light, tmp_path: Path) -> Iterator[Scene]:
    seed = SEED or random.randrange(10**6)
    print(f"seed {seed}")
    server = Server(tmp_path, light.folder)
    yield Scene(light, server, seed)
    server.close()


def test_killed_at_any_step_a_rollout_is_completed_by_resume(scene: Scene) -> None:
    began = time.monotonic()
    actions = [action for action, tries in TRIES.items() for _ in range(tries)]
    scene.random.shuffle(actions)
    for number, action in enumerate(actions):
        globals()[f"_{action}"](scene)
        if number % 40 == 39:
            scene.check_events()
            say(scene.figures, time.monotonic() - began)
    scene.check_events()
    say(scene.figures, time.monotonic() - began)
    assert scene.figures.kills > scene.figures.points * 0.6


def say(f: Figures, seconds: float) -> None:
    print(
        f"FIGURES killed: {f.points} points, {f.kills} kills, {f.resumed} resumed, {f.ended} had ended, "
        f"{f.unrecorded} had not begun; {f.events} events acknowledged, 0 lost; 0 hosts between releases, "
        f"0 locks left; {seconds:.0f} s",
        flush=True,
    )


def _deploy(scene: Scene) -> None:
    version = scene.new_version()
    if rollout := scene.victim("deploy", "deploy", "shop", version):
        scene.complete(rollout)
    elif scene.light.live_on("web01") != version:
        scene.ok("deploy", "shop", version)
    scene.check_over(version)
    scene.version = version


def _rollback(scene: Scene) -> None:
    old, scene.version = scene.version, scene.new_version()
    scene.ok("deploy", "shop", scene.version)
    if rollout := scene.victim("rollback", "rollback", "shop"):
        scene.complete(rollout)
    elif scene.light.live_on("web01") != old:
        scene.ok("rollback", "shop")
    scene.check_over(old)
    scene.version = old


def _restart(scene: Scene) -> None:
    if rollout := scene.victim("restart", "restart", "shop"):
        scene.complete(rollout)
    scene.check_over(scene.version)


def _resume(scene: Scene) -> None:
    """A deploy dies, and so does whoever resumes it."""
    version = scene.new_version()
    if rollout := scene.victim("deploy", "deploy", "shop", version):
        rollout = scene.victim("resume", "resume", rollout)
        if rollout:
            scene.complete(rollout)
    if scene.light.live_on("web01") != version:
        scene.ok("deploy", "shop", version)
    scene.check_over(version)
    scene.version = version


def _revert(scene: Scene) -> None:
    """A deploy dies, and so does whoever takes it back."""
    version = scene.new_version()
    if rollout := scene.victim("deploy", "deploy", "shop", version):
        if rollout := scene.victim("revert", "resume", rollout, "--revert"):
            scene.complete(rollout, "--revert", outcome="reverted")
        scene.check_over(scene.version)
    elif scene.light.live_on("web01") == version:
        scene.version = version
