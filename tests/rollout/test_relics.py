"""Where a rollout left a host, from what the host says; and its plan, from whatever stands in its first event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.changelog import Changelog, RolloutRecord
from opskit.errors import RefusedError
from opskit.rollout import relics
from opskit.rollout.plan import Plan, Target
from opskit.rollout.probe import Release
from opskit.rollout.remembered import demand_open, remember
from tests.changelog.writing import ELSEWHERE, put, start
from tests.rollout.shells import SHELLS, Place

if TYPE_CHECKING:
    from pathlib import Path

RUN = "k7x2m9qp4d"
OLD, NEW = Release("20260101-000000-aaaaaaaa", "a" * 40, "v1"), Release("20260102-000000-bbbbbbbb", "b" * 40, "v2")  # fmt: skip


def told(live: str, receipts: str = "", marks: str = "") -> str:
    """Give what a host says: its receipts as (rollout of R or other)s, its marks as they stand in the history."""
    named = {"R": RUN, "o": "other00000"}
    lines = [
        f'{{"writer": "", "seq": 0, "hash": "", "actor": "ana", "rollout": "{named[r]}", '
        f'"action": "deploy", "from": "x", "to": "y", "at": 5}}'
        for r in receipts
    ]
    history = [f"{mark} {release} {named[by]}" for mark, release, by in (m.split() for m in marks.split(",") if m)]  # fmt: skip
    probed = [f"live releases/{live}"] if live else []
    probed += [f"mark {line} 1" for line in history]
    probed += [f"receipt {lines[-1]}"] if lines else []
    judged = [f"judged {line.rsplit(' ', 1)[0]}" for line in history if line.endswith(RUN)]
    return "\n".join([*probed, "end", *judged, *(f"left {line}" for line in lines), ""])


@pytest.mark.parametrize(
    ("action", "live", "receipts", "marks", "word"),
    [
        ("deploy", "old", "o", "good old o", relics.FRESH),
        ("deploy", "", "", "", relics.FRESH),
        ("deploy", "old", "oR", "good old o", relics.FRESH),
        ("deploy", "new", "oR", "good old o", relics.HALF),
        ("deploy", "new", "oR", "good new R", relics.DONE),
        ("deploy", "new", "oR", "good old o,bad new R", relics.HALF),
        ("deploy", "old", "oRR", "good old o,bad new R", relics.HALF_BACK),
        ("deploy", "old", "oRR", "good old o,bad new R,good old R", relics.BACK),
        ("deploy", "third", "oRo", "good third o", relics.CHANGED),
        ("deploy", "old", "Ro", "good old o", relics.CHANGED),
        ("deploy", "new", "Ro", "good new o", relics.DONE),
        ("deploy", "new", "Ro", "", relics.CHANGED),
        ("rollback", "old", "R", "bad old R", relics.FRESH),
        ("rollback", "new", "R", "bad old R", relics.HALF),
        ("rollback", "new", "R", "bad old R,good new R", relics.DONE),
        ("restart", "new", "o", "good new o", relics.FRESH),
        ("restart", "new", "oR", "good new o", relics.FRESH),
        ("restart", "new", "oR", "good new R", relics.DONE),
    ],
)
def test_a_host_says_where_it_was_left(
    action: str, live: str, receipts: str, marks: str, word: str
) -> None:
    relic = relics.read("web01", told(live, receipts, marks))
    before = {"restart": "new"}.get(action, "old" if live else "")
    assert relics.where(relic, before=before, after="new", rollout=RUN, action=action) == word


@given(st.text(max_size=400))
def test_whatever_a_host_says_is_only_data(said: str) -> None:
    relic = relics.read("web01", f"now 1\nend\n{said}")
    relics.where(relic, before="a", after="b", rollout=RUN, action="deploy")


@pytest.mark.parametrize("shell", sorted(SHELLS))
def test_every_shell_tells_what_a_rollout_left(tmp_path: Path, shell: str) -> None:
    place = Place(tmp_path, SHELLS[shell])
    place.stage({"a": "b"})
    place.switch("R1")
    (place.opskit / "history").write_text("bad R0 run1 1\ngood R0 run2 2\ngood R1 run1 3\n")
    (place.opskit / "heirs").mkdir()
    (place.opskit / "heirs" / "run1").write_text("ab" * 32 + "\n")
    relic = relics.read("here", place.run(relics.script(place.path, rollout="run1", release="R1")).stdout.decode())  # fmt: skip
    assert (relic.state.live, relic.key) == ("R1", "ab" * 32)
    assert relic.marks == (("bad", "R0"), ("good", "R1"))
    assert len(relic.manifest) == 64
    other = place.run(relics.script(place.path, rollout="none", release="R9")).stdout.decode()
    empty = relics.read("here", other)
    assert (empty.key, empty.manifest, empty.marks) == ("", "", ())


def recorded(changelog: Changelog, body: dict[str, Any], action: str = "deploy") -> RolloutRecord:
    rollout = changelog.new_rollout_id()
    put(changelog, "rollout.started", {**body, "machine": ELSEWHERE}, rollout, action=action)
    return changelog.rollout(rollout)


def test_a_plan_is_remembered_as_it_was_made(tmp_path: Path) -> None:
    targets = (Target("a", OLD, NEW), Target("b", None, OLD), Target("c", problem="dead"))
    plan = Plan(
        rollout=RUN, action="rollback", environment="production", service="shop", targets=targets,
        batches=(("b",), ("a",)), after=NEW, max_failures=2,
    )  # fmt: skip
    with Changelog(tmp_path / "changelog.db", actor="ana") as changelog:
        memory = remember(recorded(changelog, {**plan.body(), "path": "~/shop"}, "rollback"))
    assert memory.targets == targets[:2]
    assert (memory.batches, memory.left_out) == ((("b",), ("a",)), ("c",))
    assert (memory.path, memory.after, memory.max_failures) == ("~/shop", NEW, 2)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab/.", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["name", "batch", "from", "to", "release", "hosts", "path", "max_failures"]), inner, max_size=4
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["hosts", "to", "path", "max_failures"]), JSON))
def test_a_plan_that_is_odd_is_read_with_care(body: dict[str, Any]) -> None:
    event = type("E", (), {})()
    event.header = type("H", (), {"kind": "rollout.started", "rollout": RUN})()
    event.damage, event.body = "", body
    record = type("R", (), {"events": (event,), "action": "deploy", "id": RUN})()
    memory = remember(record)
    assert all(target.host for target in memory.targets)
    assert memory.max_failures >= 0


def test_what_cannot_be_resumed_says_what_can_be_done(tmp_path: Path) -> None:
    with Changelog(tmp_path / "changelog.db", actor="ana") as changelog:
        rollout = start(changelog, machine=ELSEWHERE)
        demand_open(changelog.rollout(rollout))
        (started,) = changelog.rollout(rollout).events
        changelog.redact(started.hash.hex(), why="a secret")
        with pytest.raises(RefusedError, match="redacted") as refused:
            remember(changelog.rollout(rollout))
        assert "roll back anew" in refused.value.hint
        task = start(changelog, machine=ELSEWHERE, action="task", task="clear-cache")
        with pytest.raises(RefusedError) as refused:
            demand_open(changelog.rollout(task))
        assert f"opskit run clear-cache -H @failed:{task}" in refused.value.hint
