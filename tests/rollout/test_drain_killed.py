"""opskit killed at any step of a rollout behind a real HAProxy: whoever resumes it leaves no host out, and no backend was ever without."""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog
from tests.changelog.faults import HEAVY
from tests.rollout.test_drain import ALL_UP, answers, edge
from tests.rollout.victims import MOMENTS, Point, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.changelog import RolloutRecord
    from tests.support.haproxy import HAProxy
    from tests.support.light import Light

__all__ = ["answers", "edge"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600 if HEAVY else 300)]
TRIES = 100 if HEAVY else 4


class Watcher:
    """Looks at the backend all the time; `least` is the fewest servers that ever served."""

    def __init__(self, edge: HAProxy) -> None:
        self.least = 4
        self._edge = edge
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> int:
        self._over.set()
        self._thread.join()
        return self.least

    def _look(self) -> None:
        while not self._over.wait(0.01):
            up = sum(server.serves for server in self._edge.backend().servers.values())
            self.least = min(self.least, up)


@pytest.fixture
def server(tmp_path: Path, light: Light) -> Iterator[Server]:
    server = Server(tmp_path / "victims", light.folder)
    yield server
    server.close()


def newest() -> RolloutRecord:
    with Changelog(Path(os.environ["OPSKIT_STATE_DIR"]) / "test" / "changelog.db") as changelog:
        return changelog.rollouts()[0]


def test_killed_at_any_step_and_resumed_no_host_stays_out(
    light: Light, edge: HAProxy, server: Server
) -> None:
    chance, watcher = random.Random(20), Watcher(edge)
    steps, kills, out = 60, 0, 0
    for number in range(TRIES):
        version = f"w{number}"
        light.commit(version)
        at = Point(chance.randint(1, steps), chance.choice(MOMENTS), chance.random() * 25)
        before = newest().id
        ended = server.run("deploy", "shop", version, "-y", at=at)
        kills += ended.killed
        steps = steps if ended.killed else ended.calls
        out += edge.words() != ALL_UP
        if newest().id == before or newest().outcome != "unfinished":
            continue
        more = ("--revert",) if chance.random() < 0.3 and newest().to else ()
        resumed = server.run("resume", newest().id, "-y", *more)
        assert resumed.code in (0, 5), (at, resumed.said)
        assert edge.words() == ALL_UP, (at, ended.said, resumed.said)
        assert newest().outcome in ("done", "reverted"), (at, resumed.said)
    print(f"points {TRIES}, kills {kills}, hosts left out by them {out}, then none; steps {steps}")
    assert watcher.end() >= 1, "never the last"
    assert edge.words() == ALL_UP
