"""A real session that an earlier opskit wrote down is taken in, found whole, and understood, by every later one."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog, Filter, OtherEntry, RolloutRecord
from opskit.rollout.remembered import remember
from opskit.rollout.seats import taken_out

if TYPE_CHECKING:
    from collections.abc import Iterator

GOLDEN = Path(__file__).parent / "golden" / "v1.session.jsonl"
KINDS = {
    "rollout.started", "rollout.hosts", "rollout.finished", "rollout.resumed", "rollout.abandoned",
    "lock.broken", "freeze", "thaw", "note", "log.set_back",
}  # fmt: skip
ANA, BEN = "ana@example.com", "ben@example.com"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Changelog]:
    """Give a new changelog that has taken in the golden file."""
    with Changelog(tmp_path / "changelog.db") as changelog:
        with GOLDEN.open() as lines:
            taken = changelog.take_in(lines)
        assert taken.refused == []
        yield changelog


def rollout(session: Changelog, action: str, outcome: str, why: str) -> RolloutRecord:
    """Give the only rollout that is such a one."""
    found = session.rollouts(Filter(action=action, outcome=outcome))
    (one,) = [record for record in found if record.why == why]
    return one


def others(session: Changelog) -> dict[str, OtherEntry]:
    entries = session.entries()
    return {e.event.header.kind: e for e in entries if isinstance(e, OtherEntry)}


def test_all_of_it_is_as_it_was_written_and_comes_out_as_it_came_in(session: Changelog) -> None:
    assert session.verify() == []
    lines: list[str] = []
    session.export(lines.append)
    assert lines == GOLDEN.read_text().splitlines()
    assert {json.loads(json.loads(line)["header"])["kind"] for line in lines[1:]} == KINDS


def test_every_rollout_has_the_end_that_it_had(session: Changelog) -> None:
    ends = Counter((record.action, record.outcome) for record in session.rollouts())
    assert ends == {
        ("deploy", "done"): 2, ("restart", "abandoned"): 1, ("restart", "done"): 1,
        ("reboot", "done"): 1, ("exec", "done"): 1,
    }  # fmt: skip
    done = [host for r in session.rollouts() if r.outcome == "done" for host in r.hosts]
    assert {host.outcome for host in done} == {"done"}
    first = rollout(session, "deploy", "done", "the first one")
    assert [(host.name, host.batch) for host in first.hosts] == [("web01", 1), ("web02", 2), ("web03", 3)]  # fmt: skip
    assert all(host.sent and host.sent.files for host in first.hosts)
    live = session.live("shop", "production")
    assert {name: record.label for name, record in live.items()} == dict.fromkeys(live, "v2")
    assert len(live) == 3


def test_who_went_on_with_whose_rollout_over_whose_lock(session: Changelog) -> None:
    deploy = rollout(session, "deploy", "done", "a better cart")
    (resumed,) = deploy.resumed
    assert (deploy.actor, resumed.actor, resumed.why) == (ANA, BEN, "ana's laptop is out of power")
    assert (resumed.revert, len(resumed.run), resumed.machine) == (False, 6, "laptop")
    broken = others(session)["lock.broken"]
    assert broken.actor == BEN
    locks = broken.event.body["locks"]
    assert [lock["host"] for lock in locks] == ["web01", "web02", "web03"]  # type: ignore[attr-defined]
    assert {lock["rollout"] for lock in locks} == {deploy.id}  # type: ignore[attr-defined]
    assert [note.text for note in deploy.notes] == ["the cart is fine"]


def test_what_was_touched_and_left_out_of_the_load_balancer(session: Changelog) -> None:
    dead = rollout(session, "restart", "abandoned", "")
    assert {host.name: host.outcome for host in dead.hosts} == {
        "web01": "unknown", "web02": "not reached", "web03": "not reached",
    }  # fmt: skip
    assert [seat.host for seat in taken_out(dead.events)] == ["web01"]
    restart = rollout(session, "restart", "done", "it hangs")
    before = [e for e in restart.events if e.header.seq < _resumed(restart)]
    assert [seat.host for seat in taken_out(before)] == ["web01"]
    assert not taken_out(restart.events)
    assert [(host.name, host.outcome) for host in restart.earlier] == [("web01", "failed")]


def test_as_which_boot_each_host_came_back(session: Changelog) -> None:
    reboot = rollout(session, "reboot", "done", "a new kernel")
    was = {target.host: target.boot for target in remember(reboot).targets}
    results = [result for event in reboot.events for result in event.body.get("results", ())]  # type: ignore[attr-defined]
    now = {result["host"]: result["boot"] for result in results}
    assert set(was) == set(now) == {"web01", "web02", "web03"}
    assert all(was.values())
    assert not set(was.values()) & set(now.values())


def test_what_was_frozen_and_thawed(session: Changelog) -> None:
    freeze, thaw = others(session)["freeze"], others(session)["thaw"]
    assert (freeze.event.body["why"], freeze.event.header.service) == ("the fair", "shop")
    assert int(str(freeze.event.body["until"])) > freeze.event.header.ts
    assert thaw.event.body == {"freezes": [freeze.hash], "why": "the fair is over"}


def _resumed(record: RolloutRecord) -> int:
    return next(e.header.seq for e in record.events if e.header.kind == "rollout.resumed")
