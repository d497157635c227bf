"""A rollout that somebody else goes on with: his words count if the hosts let him, and no forger's do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from opskit.changelog import Changelog, Filter, claims, this_machine
from opskit.changelog.claims import Picks
from opskit.changelog.resuming import is_allowed, key_for
from tests.changelog.test_claims import packets, readers
from tests.changelog.writing import ELSEWHERE, finish, put, results, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUN = "c0ffee"


@pytest.fixture
def ana(tmp_path: Path) -> Iterator[Changelog]:
    with Changelog(tmp_path / "ana" / "changelog.db", actor="ana") as opened:
        opened.append("note", {"text": "makes the writer"})
        yield opened


@pytest.fixture
def ben(tmp_path: Path) -> Iterator[Changelog]:
    with Changelog(tmp_path / "ben" / "changelog.db", actor="ben") as opened:
        yield opened


def begun(ana: Changelog, ben: Changelog) -> tuple[str, str]:
    """Let ana begin a rollout that dies, and ben see it; gives its id and the key that it left on hosts."""
    rollout = start(ana, machine=ELSEWHERE, begun=[])
    ben.take_in_packets(packets(ana))
    return rollout, key_for(ana, rollout)


def resume(changelog: Changelog, rollout: str, **more: Any) -> None:
    body = {"run": RUN, "machine": ELSEWHERE, "why": "ana's laptop is gone", **more}
    put(changelog, "rollout.resumed", body, rollout)


def of_run(changelog: Changelog, rollout: str, kind: str, body: dict[str, object]) -> None:
    put(changelog, kind, {**body, "run": RUN}, rollout)


def end(changelog: Changelog, rollout: str, outcome: str = "done") -> None:
    told = [{"host": "web01", "outcome": outcome, "from": "r1", "to": "r2", "live": "r2"}]
    of_run(changelog, rollout, "rollout.hosts", {"results": told})
    of_run(changelog, rollout, "rollout.finished", {"outcome": outcome, "ms": 3})


def test_who_has_the_key_of_the_hosts_goes_on_in_the_same_rollout(
    tmp_path: Path, ana: Changelog, ben: Changelog
) -> None:
    rollout, key = begun(ana, ben)
    assert is_allowed(ben, ben.rollout(rollout), ["junk", key])
    resume(ben, rollout)
    end(ben, rollout)
    for reader in readers(tmp_path, packets(ana), packets(ben)):
        (record,) = reader.rollouts()
        assert (record.id, record.actor, record.outcome) == (rollout, "ana", "done")
        (resumed,) = record.resumed
        assert (resumed.actor, resumed.machine, resumed.run) == ("ben", "another-laptop", RUN)
        assert resumed.why == "ana's laptop is gone"
        assert record.counts == {"done": 1, "not reached": 1}
        assert record.doubts == ()
        assert reader.live("shop", "production")["web01"].rollout == rollout
        assert [r.id for r in reader.rollouts(Filter(outcome="done"))] == [rollout]


@pytest.mark.parametrize("keys", [[], ["ab" * 32], ["", "k" * 64, "ab"]])
def test_without_the_key_nothing_of_it_counts(
    tmp_path: Path, ana: Changelog, ben: Changelog, keys: list[str]
) -> None:
    rollout, _ = begun(ana, ben)
    assert not is_allowed(ben, ben.rollout(rollout), keys)
    resume(ben, rollout)
    end(ben, rollout)
    for reader in readers(tmp_path, packets(ana), packets(ben)):
        record = reader.rollout(rollout)
        assert (record.outcome, record.resumed) == ("unfinished", ())
        assert record.counts == {"not reached": 2}
        assert "3 events of other writers" in record.doubts[0]
        assert reader.rollouts(Filter(outcome="unfinished", actor="ana")) == (record,)


def test_a_signature_for_one_writer_or_one_rollout_serves_no_other(
    ana: Changelog, ben: Changelog, tmp_path: Path
) -> None:
    rollout, key = begun(ana, ben)
    other = start(ana, machine=ELSEWHERE)
    is_allowed(ben, ben.rollout(rollout), [key])
    resume(ben, rollout)
    good = ben.rollout(rollout).events[-1].header
    assert claims.resumed_for(good) == ana.me().writer.hex()
    with Changelog(tmp_path / "eve" / "changelog.db", actor="eve") as eve:
        stolen = good._replace(writer=eve.me().writer.hex())
    assert claims.owner_of(stolen) == ""
    elsewhere = ana.rollout(other).events[0].header
    assert claims.owner_of(good._replace(rollout=other, pick=elsewhere.pick)) == ""
    assert claims.owner_of(good._replace(kind="rollout.started")) == "", "nobody begins it anew"
    assert claims.owner_of(good._replace(pick="ab" * 16)) == "", "an old rollout has no key"
    assert claims.owner_of(good._replace(heir={**good.heir, "signature": "zz"})) == ""


def test_what_a_resumer_says_outside_of_his_own_run_does_not_count(
    tmp_path: Path, ana: Changelog, ben: Changelog
) -> None:
    rollout, key = begun(ana, ben)
    is_allowed(ben, ben.rollout(rollout), [key])
    finish(ben, rollout, "done")
    for reader in readers(tmp_path, packets(ana), packets(ben)):
        assert reader.rollout(rollout).outcome == "unfinished"
    resume(ben, rollout)
    results(ben, rollout, {"web01": "done"})
    put(ben, "rollout.finished", {"outcome": "done", "run": "other"}, rollout)
    for reader in readers(tmp_path / "later", packets(ana), packets(ben)):
        record = reader.rollout(rollout)
        assert (record.outcome, record.counts) == ("unfinished", {"not reached": 2})


def test_a_run_that_wakes_up_after_another_went_on_says_nothing_that_counts(
    tmp_path: Path, ana: Changelog, ben: Changelog
) -> None:
    rollout, key = begun(ana, ben)
    is_allowed(ben, ben.rollout(rollout), [key])
    resume(ben, rollout)
    end(ben, rollout)
    ana.take_in_packets(packets(ben))
    results(ana, rollout, {"web01": "failed"})
    put(ana, "rollout.finished", {"outcome": "failed", "ms": 9, "lost": True}, rollout)
    for reader in readers(tmp_path, packets(ana), packets(ben)):
        record = reader.rollout(rollout)
        assert (record.outcome, record.hosts[0].outcome) == ("done", "done")
        assert reader.rollouts(Filter(outcome="done")) == (record,)
        assert len(record.events) == 6, "what it said is on the page"


def test_an_end_that_was_not_the_end_is_open_again(ana: Changelog) -> None:
    rollout = start(ana, machine=this_machine())
    finish(ana, rollout, "interrupted")
    assert ana.rollout(rollout).outcome == "interrupted"
    resume(ana, rollout, machine=this_machine())
    assert ana.rollout(rollout).outcome == "running"
    assert [r.id for r in ana.rollouts(Filter(outcome="running"))] == [rollout]
    assert ana.rollouts(Filter(outcome="interrupted")) == ()
    of_run(ana, rollout, "rollout.finished", {"outcome": "reverted", "ms": 1})
    (record,) = ana.rollouts(Filter(outcome="reverted"))
    assert record.runs_on == str(this_machine()["host"])


@pytest.mark.parametrize("was", ["", "interrupted"])
def test_a_run_that_never_held_its_hosts_is_as_if_it_had_not_been(
    tmp_path: Path, ana: Changelog, ben: Changelog, was: str
) -> None:
    """Two go on at the same moment: the slower one is refused by the locks of the other."""
    rollout, key = begun(ana, ben)
    if was:
        finish(ana, rollout, was)
        ben.take_in_packets(packets(ana))
    is_allowed(ben, ben.rollout(rollout), [key])
    resume(ana, rollout, run="aaaaaa")
    ben.take_in_packets(packets(ana))
    resume(ben, rollout)
    of_run(ben, rollout, "rollout.finished", {"outcome": "refused", "void": True, "was": was})
    for reader in readers(tmp_path / "first", packets(ana), packets(ben)):
        assert [by.actor for by in reader.rollout(rollout).resumed] == ["ana"]
        assert reader.rollout(rollout).outcome == "unfinished"
    ana.take_in_packets(packets(ben))
    results(ana, rollout, {"web01": "done"})
    put(ana, "rollout.finished", {"outcome": "done", "ms": 1, "run": "aaaaaa"}, rollout)
    for reader in readers(tmp_path, packets(ana), packets(ben)):
        assert reader.rollouts(Filter(outcome="done")) == (reader.rollout(rollout),)
        assert [by.actor for by in reader.rollout(rollout).resumed] == ["ana"]


def test_a_try_that_came_to_nothing_leaves_the_outcome(ana: Changelog) -> None:
    rollout = start(ana, machine=ELSEWHERE)
    finish(ana, rollout, "interrupted")
    resume(ana, rollout)
    of_run(ana, rollout, "rollout.finished", {"outcome": "failed", "void": True, "was": "interrupted"})  # fmt: skip
    (record,) = ana.rollouts(Filter(outcome="interrupted"))
    assert (record.outcome, record.resumed) == ("interrupted", ())


def test_one_that_was_abandoned_can_be_resumed(ana: Changelog) -> None:
    rollout = start(ana, machine=ELSEWHERE)
    put(ana, "rollout.abandoned", {"by": "x"}, rollout)
    resume(ana, rollout)
    assert ana.rollout(rollout).outcome == "unfinished"
    put(ana, "rollout.abandoned", {"by": "y"}, rollout)
    assert ana.rollout(rollout).outcome == "abandoned"


def test_nobody_goes_on_with_what_is_bound_to_nobody(ana: Changelog, ben: Changelog) -> None:
    rollout = start(ana, rollout="k7x0000000", machine=ELSEWHERE)
    ben.take_in_packets(packets(ana))
    assert is_allowed(ana, ana.rollout(rollout))
    assert not is_allowed(ben, ben.rollout(rollout), ["ab" * 32])


def test_the_key_goes_nowhere_but_to_hosts(ana: Changelog, tmp_path: Path) -> None:
    rollout = start(ana)
    key = key_for(ana, rollout)
    lines: list[str] = []
    ana.export(lines.append)
    assert len(key) == 64
    assert key not in "".join(lines)
    held = [file.read_bytes() for file in (tmp_path / "ana").rglob("*") if file.is_file()]
    assert all(key.encode() not in each and bytes.fromhex(key) not in each for each in held)
    ana.close()
    with Changelog(ana.file) as again:
        assert key_for(again, rollout) == ""


def test_a_key_is_remembered_for_its_rollout_only(tmp_path: Path) -> None:
    picks = Picks(tmp_path)
    first = picks.new(b"\1" * 32)
    second = picks.new(b"\1" * 32)
    assert picks.key_of(first) != picks.key_of(second)
    assert picks.key_of("k7x0000000") == ""


def test_bodies_that_were_redacted_leave_the_run_as_it_was(ana: Changelog) -> None:
    rollout = start(ana, machine=ELSEWHERE)
    resume(ana, rollout)
    end(ana, rollout)
    for event in ana.rollout(rollout).events[1:]:
        ana.redact(event.hash.hex(), why="a secret")
        assert ana.rollout(rollout).outcome in ("done", "unknown")
    assert ana.verify() == []
