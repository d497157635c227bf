"""Where a run stands is told by its events alone: at any point at which it died, it is known what ended and what nobody knows."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from opskit.changelog.event import Event, Header
from opskit.runbook.folding import fold
from opskit.runbook.parts import OVER, WHOLE, working
from tests.runbook.scripted import book_of
from tests.runbook.test_walk import DO, DRAIN, LOOK, steps

if TYPE_CHECKING:
    from opskit.runbook.progress import Progress

BOOK = book_of(
    steps(
        LOOK.format("echo 1") + "\n" + DRAIN.format("drain"),
        "**Ask:** `name` - Which?\n\n" + DO.format("echo $name") + "\n- [ ] It is so\n",
        "Only read.\n",
        DRAIN.format("drain again") + "\n**Wait:** 5m\n",
    )
    + "\n## Put it back\n\n" + DO.format("undrain")
)  # fmt: skip
WAYS = (
    "did",
    "died",
    "failed",
    "interrupted",
    "answered",
    "skipped",
    "marked",
    "back",
    "jump",
    "resumed",
)


class Story:
    """Events of a run, as an engine would write them, by chance; what it did is noted beside them."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.events: list[Event] = []
        self.sure: list[dict[tuple[str, int], str]] = []
        """After each event, the last word on each part since the run last came to its step."""
        self.words: dict[tuple[str, int], str] = {}
        told = [{"id": s.id, "title": s.title, "digest": s.digest} for s in BOOK.steps]
        self.add("run.started", {"runbook": "page", "steps": told, "mode": "run"})

    def add(self, kind: str, body: dict[str, Any]) -> None:
        number = len(self.events) + 1
        header = Header(
            "aa" * 32,
            number,
            kind,
            number << 16,
            number * 1000,
            "bb" * 32,
            rollout="r",
            actor="ana",
        )
        self.events.append(Event(header, b"", b"", number.to_bytes(32), b"", body))
        self.sure.append(dict(self.words))

    def step(self, now: Progress, part: int, what: str, **more: Any) -> None:
        if what in ("began", "ended", "answered", "skipped", "marked"):
            word = {"began": "unknown", "ended": more.get("outcome", "")}.get(what, what)
            self.words[now.step, part] = word
        if what == "went":
            order = [s.id for s in BOOK.steps]
            later = order[order.index(more["to"]) :]
            self.words = {key: word for key, word in self.words.items() if key[0] not in later}
        self.add("run.step", {"step": now.step, "part": part, "what": what, **more})

    def go(self, moves: int) -> None:
        for _ in range(moves):
            now = fold(BOOK.steps, self.events)
            if not now.step:
                return
            self.move(now, self.chance.choice(WAYS))

    def move(self, now: Progress, way: str) -> None:
        acted = {"mutates": True, "rollback": "put-it-back", "hosts": ["web01"]}
        if way in ("did", "failed", "interrupted", "died") and now.part != WHOLE:
            self.step(now, now.part, "began", **acted)
            if way != "died":
                self.step(
                    now, now.part, "ended", outcome={"did": "done"}.get(way, way), results=[]
                )
        elif way in ("answered", "marked"):
            self.step(now, now.part, way, kind="ask", value="x", why="y")
        elif way == "skipped":
            self.step(now, WHOLE, way, why="y")
        elif way == "back" and len(now.path) > 1:
            self.step(now, WHOLE, "went", to=now.path[-2], how="back")
        elif way == "jump":
            self.step(now, WHOLE, "went", to=self.chance.choice(BOOK.steps).id, how="jump")
        elif way == "resumed":
            self.add("run.resumed", {"machine": {}})


@given(st.integers(0, 2**32), st.integers(1, 40))
def test_killed_after_any_event_it_is_known_what_ended_and_what_nobody_knows(
    seed: int, moves: int
) -> None:
    story = Story(seed)
    story.go(moves)
    for count in range(1, len(story.events) + 1):
        now = fold(BOOK.steps, story.events[:count])
        for (step, part), word in story.sure[count - 1].items():
            assert now.of(step, part).status == word
        assert set(now.parts) == set(story.sure[count - 1])
        if now.step:
            step_ = next(s for s in BOOK.steps if s.id == now.step)
            left = [n for n in working(step_) if now.of(step_.id, n).status not in OVER]
            assert now.part == (left[0] if left else WHOLE)


@given(st.integers(0, 2**32), st.integers(1, 40))
def test_nothing_that_changed_something_is_forgotten_until_it_is_undone(
    seed: int, moves: int
) -> None:
    story = Story(seed)
    story.go(moves)
    for count in range(1, len(story.events) + 1):
        now = fold(BOOK.steps, story.events[:count])
        begun = {}
        for number, event in enumerate(story.events[:count]):
            if event.body.get("what") == "began":
                begun[event.body["step"], event.body["part"]] = number
        open_ = {(owed.step, owed.part) for owed in now.liabilities}
        assert open_ <= set(begun)
        back = [
            number for number, event in enumerate(story.events[:count])
            if event.body.get("step") == "put-it-back" and event.body.get("what") in ("ended", "answered", "marked")
            and event.body.get("outcome", "done") == "done"
        ]  # fmt: skip
        for key, number in begun.items():
            if not any(n > number for n in back):
                assert key in open_


@given(st.integers(0, 2**32), st.integers(1, 30))
def test_no_body_makes_it_fail(seed: int, moves: int) -> None:
    story = Story(seed)
    story.go(moves)
    chance = random.Random(seed)
    junk: list[Any] = [None, -3, "", "x", [], {}, [None], {"name": 3}, True]
    events = []
    for event in story.events:
        body = dict(event.body)
        for name in list(body):
            if chance.random() < 0.3:
                body[name] = chance.choice(junk)
        events.append(event._replace(body=body))
    fold(BOOK.steps, events)


def test_the_steps_that_were_run_keep_the_digest_that_they_had_then() -> None:
    story = Story(1)
    now = fold(BOOK.steps, story.events)
    story.step(now, 0, "began", hosts=["local"])
    changed = [replace(step, digest="other") for step in BOOK.steps]
    story.add(
        "run.resumed",
        {"steps": [{"id": s.id, "digest": s.digest} for s in changed], "machine": {}},
    )
    assert fold(BOOK.steps, story.events).ran == {"step-1": BOOK.steps[0].digest}
