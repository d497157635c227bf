"""Whatever events of a run say, in whatever order they come and however often: a record comes out, and always the same one."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from opskit.changelog.event import Event, Header
from opskit.changelog.runs import run
from opskit.cli.render.records import as_data
from opskit.cli.render.run import _facts  # what the page says is made of the same
from opskit.cli.render.runs import open_lines

EXAMPLES = 2000 if os.environ.get("OPSKIT_HEAVY") else 40
KINDS = (
    "run.started",
    "run.step",
    "run.resumed",
    "run.approved",
    "run.finished",
    "note",
    "run.later",
)
WHATS = (
    "began",
    "ended",
    "answered",
    "skipped",
    "marked",
    "went",
    "undone",
    "cleared",
    "exploded",
)
WRITERS = tuple(hashlib.sha256(name).hexdigest() for name in (b"ana", b"ben", b"eve"))
FIELDS = (
    "step", "part", "what", "of", "to", "how", "why", "kind", "name", "value", "secret", "hosts", "mutates", "rollback", "outcome",
    "results", "capture", "rollouts", "script", "language", "on", "runbook", "title", "mode", "incident", "params", "secrets", "steps",
    "machine", "changed", "command", "ms", "exit", "parts", "id", "undo", "text", "services",
)  # fmt: skip
WORDS = st.sampled_from(["a", "b", "put-back", "done", "failed", "drill", "web03", "", *WHATS])
LEAVES = WORDS | st.integers(-(2**53) + 1, 2**53 - 1) | st.booleans() | st.none() | st.text(max_size=5)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=12,
)  # fmt: skip
LIKELY = st.fixed_dictionaries(
    {"step": WORDS, "part": st.integers(-1, 3), "what": st.sampled_from(WHATS)},
    optional={
        "mutates": st.booleans(), "rollback": WORDS, "outcome": WORDS, "hosts": st.lists(WORDS, max_size=3),
        "to": WORDS, "of": WORDS, "kind": WORDS, "name": WORDS, "value": WORDS, "script": WORDS,
        "steps": st.lists(st.fixed_dictionaries({"id": WORDS, "title": WORDS, "parts": st.lists(st.integers(0, 3), max_size=3)}), max_size=4),
    },
)  # fmt: skip
BODIES = LIKELY | st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=8)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Give events of one run by three writers, each with its own chain; clocks go as they like."""
    seqs = dict.fromkeys(WRITERS, 0)
    events = []
    for number in range(draw(st.integers(1, 14))):
        writer = draw(st.sampled_from(WRITERS))
        seqs[writer] += 1
        heir = {"owner": WRITERS[0]} if draw(st.booleans()) else {}
        header = Header(
            writer=writer, seq=seqs[writer], kind=draw(st.sampled_from(KINDS)), ts=draw(st.integers(0, 2**42)),
            hlc=draw(st.integers(1, 2**63 - 1)), body="0" * 64, rollout="k7x2m9qp4d", actor=draw(WORDS), heir=heir, pick="x",
        )  # fmt: skip
        digest = hashlib.sha256(f"{number} {header}".encode()).digest()
        damage = draw(st.sampled_from(["", "", "", "redacted"]))
        body: dict[str, Any] = {} if damage else draw(BODIES)
        received = draw(st.sampled_from([0, 0, 1, 2**41]))
        events.append(Event(header, b"", b"", digest, b"", body, damage, received))
    return events


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories(), st.randoms(use_true_random=False), st.booleans())
def test_any_events_in_any_order_and_twice_give_the_same_record(
    events: list[Event], dice: Any, alive: bool
) -> None:
    record = run(events, lambda _machine, _since: alive)
    shuffled = [*events, *dice.choices(events, k=3)]
    dice.shuffle(shuffled)
    assert run(shuffled, lambda _machine, _since: alive) == record
    assert len(record.events) + len(record.strange) == len(events)
    assert all(act.what is not None and act.part is not None for act in record.acts)
    open_lines([record])
    list(_facts(record, record.at))
    json.dumps(as_data(record), default=str)


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories())
def test_nobody_who_has_not_gone_on_with_a_run_alters_where_it_stands(events: list[Event]) -> None:
    whole = run(events, lambda _machine, _since: False)
    without = [event for event in events if event not in whole.strange]
    again = run(without, lambda _machine, _since: False) if without else whole
    names = ("outcome", "acts", "steps", "liabilities", "resumed", "approvals", "runbook", "actor")
    if without:
        assert [getattr(again, name) for name in names] == [getattr(whole, name) for name in names]
