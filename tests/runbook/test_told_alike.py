"""What the changelog says of a run without its page is what the page's own fold says: where steps stand, and what is open."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from opskit.changelog import runs
from opskit.changelog.event import Event, Header
from opskit.runbook.folding import fold
from opskit.runbook.model import Action, Decide, Wait
from opskit.runbook.parts import WHOLE, is_over, working
from tests.runbook.scripted import book_of
from tests.runbook.test_walk import DO, LOOK, steps

if TYPE_CHECKING:
    from opskit.changelog import RunRecord
    from opskit.runbook.progress import Progress

EXAMPLES = 1000 if os.environ.get("OPSKIT_HEAVY") else 40
DRAIN = '<!-- opskit: local rollback="#put-it-back" -->\n```sh\ndrain {}\n```\n'
BOOK = book_of(
    steps(
        LOOK.format("echo queue"),
        "**Ask:** `server` - Which?\n\n" + DRAIN.format("$server"),
        DRAIN.format("$server twice"),
        "**Wait:** 5m\n\n" + LOOK.replace("mutates=no", "mutates=no capture=queue").format("echo 7")
        + "\n**Wait:** until `queue` is 0, every 1s, at most 1m, else go to [Put it back](#put-it-back)\n",
    )
    + "\n## Put it back\n\n" + DO.format("undrain $server") + "\n" + DO.format("look at $server")
    + "\n**Decide:** Once more? [Look](#1-step-1), [this](#put-it-back), [ask](#6-ask), or go on.\n"
    + "\n## 6. Ask\n\n" + LOOK.format("date")
)  # fmt: skip
STEPS = {step.id: step for step in BOOK.steps}
WAYS = ("done", "done", "done", "failed", "died", "skipped", "marked", "back", "resumed", "undo", "cleared", "sent", "sent")  # fmt: skip


class Story:
    """Events of a run as the engine writes them, by chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.events: list[Event] = []
        told = [
            {"id": s.id, "title": s.title, "digest": s.digest, "parts": list(working(s))}
            for s in BOOK.steps
        ]
        self.add("run.started", {"runbook": "page", "steps": told, "mode": "run"})

    @property
    def now(self) -> Progress:
        return fold(BOOK.steps, self.events)

    @property
    def record(self) -> RunRecord:
        return runs.run(self.events, lambda _machine, _since: False)

    def add(self, kind: str, body: dict[str, Any]) -> None:
        number = len(self.events) + 1
        header = Header(
            "aa" * 32, number, kind, number << 16, number * 1000, "bb" * 32, rollout="r", actor="ana",
        )  # fmt: skip
        self.events.append(Event(header, b"", b"", number.to_bytes(32), b"", body))

    def step(self, step: str, part: int, what: str, **more: Any) -> None:
        self.add("run.step", {"step": step, "part": part, "what": what, **more})

    def move(self, way: str) -> None:
        now = self.now
        if way == "resumed":
            self.add("run.resumed", {"machine": {}})
        elif way in ("undo", "cleared"):
            if now.liabilities:
                self.end_one(now, way)
        elif not now.step:
            return
        elif way == "back" and len(now.path) > 1:
            self.step(now.step, WHOLE, "went", to=now.path[-2], how="back")
        elif way == "skipped":
            self.step(now.step, WHOLE, "skipped", why="y")
        elif now.part != WHOLE:
            self.deal(now.step, now.part, way)

    def deal(self, step: str, part: int, way: str) -> None:
        """Do what a part of a step asks for, or say that it is done."""
        action = STEPS[step].parts[part]
        if isinstance(action, Decide) and way == "sent":
            chosen = self.chance.choice(action.choices)
            self.step(step, part, "went", to=chosen.target, how="decide", value=chosen.label)
        elif isinstance(action, Decide):
            self.step(step, part, "answered", kind="decide", value="go on")
        elif isinstance(action, Wait):
            self.wait(step, part, action, way)
        elif not isinstance(action, Action):
            value = self.chance.choice(["web03", "web05"])
            self.step(step, part, "answered", kind="ask", name="server", value=value)
        elif way == "marked":
            self.step(step, part, "marked", why="y")
        else:
            self.step(
                step, part, "began", script=action.text, on=action.on, mutates=action.mutates,
                rollback=action.rollback, hosts=["local"], language="sh",
            )  # fmt: skip
            if way != "died":
                self.step(step, part, "ended", outcome=way if way == "failed" else "done", results=[])  # fmt: skip

    def wait(self, step: str, part: int, action: Wait, way: str) -> None:
        """Let time pass, or look until something is so, in vain if it is sent elsewhere."""
        if not action.name:
            self.step(step, part, "began", hosts=[], mutates=False, awaited={"most": 300_000})
            if way != "died":
                self.step(step, part, "answered", kind="wait", value="300 s")
            return
        self.step(step, part, "began", hosts=["local"], mutates=False, awaited={"name": "queue"})
        self.step(step, part, "ended", outcome="failed" if way == "sent" else "done", results=[])
        if way == "sent":
            self.step(step, part, "went", to=action.otherwise, how="wait")

    def end_one(self, now: Progress, way: str) -> None:
        """Take one thing back, or say that it is none."""
        owed = self.chance.choice(now.liabilities)
        if way == "cleared":
            self.step(owed.step, owed.part, "cleared", why="gone", began=owed.began)
            return
        self.step(owed.step, owed.part, "went", to=owed.rollback, how="undo", began=owed.began)
        for part in working(STEPS[owed.rollback]):
            self.deal(owed.rollback, part, self.chance.choice(["done", "sent"]))
            if self.now.step != owed.rollback:
                break
        self.step(owed.step, owed.part, "undone", of=owed.step, rollback=owed.rollback, began=owed.began)  # fmt: skip


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 25))
def test_both_say_the_same_is_still_to_be_undone(seed: int, moves: int) -> None:
    story = Story(seed)
    for _ in range(moves):
        story.move(story.chance.choice(WAYS))
        owed = [(o.step, o.part, o.values.get("server", "")) for o in story.now.liabilities]
        said = [
            (o.step, o.part, next((v.value for v in o.values), ""))
            for o in story.record.liabilities
        ]
        assert sorted(said) == sorted(owed)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 25))
def test_both_say_of_the_same_steps_that_nothing_is_left_of_them(seed: int, moves: int) -> None:
    story = Story(seed)
    for _ in range(moves):
        story.move(story.chance.choice([way for way in WAYS if way not in ("undo", "cleared")]))
    parts = story.now.parts
    over = {step.id for step in BOOK.steps if is_over(step, parts)}
    states = {step.id: step.state for step in story.record.steps}
    assert {
        name for name, state in states.items() if state in ("done", "skipped", "marked")
    } == over
    unknown = {step for (step, _), done in parts.items() if done.status == "unknown"} - over
    assert unknown <= {name for name, state in states.items() if state == "unknown"}
