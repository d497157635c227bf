"""A run that dies at any of its events, or amid a command, is known for what it was: what ended, and what nobody knows; somebody finishes it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from opskit.runbook import shelf
from opskit.runbook.folding import fold
from opskit.runbook.model import Action
from opskit.runbook.talk import Reply
from tests.rollout.victims import MOMENTS, Point, Server
from tests.runbook.scripted import Scripted, Stage
from tests.support.cli import HEAVY
from tests.support.light import Light

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from opskit.changelog import Event
    from opskit.runbook.model import Step
    from opskit.runbook.talk import Question
    from tests.support.hosts import Hosts

POINTS = 200 if HEAVY else 5
PAGE = """---
opskit: 1
id: victim
---
# A victim

## Look

<!-- opskit: on=web01,web02 mutates=no capture=found -->
```sh
echo looked >>"$HOME/did"; echo 42
```

## Change

<!-- opskit: on=web01,web02 batch=1 rollback="#put-back" -->
```sh
echo "changed $found" >>"$HOME/did"
```

<!-- opskit: local -->
```sh
echo local >>did
```

## Wait

<!-- opskit: on=web01 mutates=no capture=state -->
```sh
echo waited >>"$HOME/did"; echo up
```

**Wait:** until `state` is up, every 1s, at most 10s

## Put back

<!-- opskit: on=web01,web02 -->
```sh
echo back >>"$HOME/did"
```
"""
WORDS = {"look": "looked", "change": "changed 42", "wait": "waited", "put-back": "back"}


class Finisher(Scripted):
    """Whoever finishes it: what nobody knows is run again, whatever else is agreed to."""

    def ask(self, question: Question) -> Reply:
        self.asked.append(question)
        return Reply("again" if question.kind == "unknown" else "go")


@pytest.fixture
def light(tmp_path: Path, hosts: Hosts) -> Light:
    made = Light.create(tmp_path / "project", hosts)
    (made.folder / "runbooks").mkdir()
    (made.folder / "runbooks" / "victim.md").write_text(PAGE)
    return made


@pytest.fixture
def server(tmp_path: Path, light: Light) -> Iterator[Server]:
    with Server(tmp_path / "victims", light.folder) as server:
        yield server


def did(light: Light, host: str) -> list[str]:
    file = light.folder / "did" if host == "local" else light.hosts.folder(host) / "did"
    return file.read_text().splitlines() if file.exists() else []


def forget(light: Light) -> None:
    for file in [
        light.folder / "did",
        *(light.hosts.folder(name) / "did" for name in light.hosts.names),
    ]:
        file.unlink(missing_ok=True)


@pytest.mark.timeout(3600 if HEAVY else 300)
def test_killed_at_any_point_it_is_known_what_was_done_and_finished(
    light: Light, server: Server
) -> None:
    calls = server.run("runbook", "run", "victim", "--auto").calls
    assert calls > 15
    chance = random.Random(7)
    every = [
        Point(n, moment, chance.uniform(0, 40)) for n in range(1, calls + 1) for moment in MOMENTS
    ]
    points = [chance.choice(every) for _ in range(POINTS)]
    stage, unknown, killed = Stage(light.folder, light.hosts, name="test"), 0, 0
    book = shelf.open_book(light.folder / "runbooks" / "victim.md")
    for point in points:
        forget(light)
        ended = server.run("runbook", "run", "victim", "--auto", at=point)
        killed += ended.killed
        events = stage.events()
        assert set(ended.acknowledged) <= {event.hash.hex() for event in events}, point
        now = fold(book.steps, events)
        if now.outcome == "done" or not now.run:
            continue
        unknown += demand_true(light, book.steps, events, point)
        talk = Finisher([])
        with stage.reopened(book, now.run, talk) as walk:
            assert walk.go().outcome == "done", point
        demand_all_done(light, talk)
    print(
        f"{POINTS} points of {len(every)}: {killed} killed, {unknown} commands of unknown outcome"
    )


def demand_true(light: Light, steps: Sequence[Step], events: list[Event], point: Point) -> int:
    """See that what the record says of each command is what happened on its hosts; gives how many nobody knows."""
    now = fold(steps, events)
    unknown = 0
    for step in steps:
        for number, part in enumerate(step.parts):
            if not isinstance(part, Action):
                continue
            word = "local" if part.on == "local" else WORDS[step.id]
            hosts = part.on.split(",")
            there = [host for host in hosts if word in did(light, host)]
            status = now.of(step.id, number).status
            assert status in ("pending", "unknown", "done"), (point, status)
            unknown += status == "unknown"
            if status == "done":
                assert there == hosts, (point, step.id)
            if status == "pending":
                assert there == [], (point, step.id)
    return unknown


def demand_all_done(light: Light, talk: Finisher) -> None:
    """See that everything was done, and twice at most what was of unknown outcome."""
    again = {
        question.step.id for question in talk.asked if question.kind == "unknown" and question.step
    }
    for host in ("web01", "web02"):
        lines = did(light, host)
        for step, word in WORDS.items():
            if step == "wait":
                continue
            count = lines.count(word)
            assert count == 1 or (count == 2 and step in again), (host, step, lines)
