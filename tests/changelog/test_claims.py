"""A rollout belongs to the writer who began it: what others write under its id changes nothing of what it says."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from opskit.changelog import Changelog, Filter, claims
from opskit.changelog.rebuild import rebuild
from opskit.errors import UnknownNameError
from tests.changelog.memory import Memory, shared
from tests.changelog.writing import ELSEWHERE, finish, put, results, start, whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opskit.changelog import RolloutRecord
    from opskit.changelog.packet import Packet


@pytest.fixture
def ana(tmp_path: Path) -> Iterator[Changelog]:
    with Changelog(tmp_path / "ana" / "changelog.db", actor="ana") as opened:
        yield opened


@pytest.fixture
def eve(tmp_path: Path) -> Iterator[Changelog]:
    with Changelog(tmp_path / "eve" / "changelog.db", actor="eve") as opened:
        yield opened


def packets(changelog: Changelog) -> list[Packet]:
    exchange = changelog.exchange()
    try:
        return exchange.unsent("none")[0]
    finally:
        exchange.close()


def readers(folder: Path, *chains: list[Packet]) -> Iterator[Changelog]:
    """Give readers who get the chains in one order and in the other."""
    for number, order in enumerate((chains, chains[::-1])):
        with Changelog(folder / f"reader{number}" / "changelog.db", actor="ben") as reader:
            for chain in order:
                reader.take_in_packets(chain)
            assert reader.verify() == []
            yield reader


def facts(record: RolloutRecord) -> tuple[Any, ...]:
    return (record.id, record.actor, record.service, record.outcome, record.why, record.hosts)


def forge(eve: Changelog, rollout: str) -> None:
    """Say of somebody's failed rollout that it was another service's, of other hosts, and went well."""
    start(eve, rollout=rollout, service="billing", hosts=("db07",), why="routine")
    results(eve, rollout, {"web01": "done", "web02": "done"}, to=9)
    finish(eve, rollout, "done")


def test_who_forges_events_of_a_rollout_changes_nothing_of_it(
    tmp_path: Path, ana: Changelog, eve: Changelog
) -> None:
    rollout = whole(ana, outcome="failed", why="ana deploys v2, and it fails")
    before = facts(ana.rollout(rollout))
    forge(eve, rollout)
    for reader in readers(tmp_path, packets(ana), packets(eve)):
        record = reader.rollout(rollout)
        assert facts(record) == before
        assert record.doubts == ("3 events of other writers name this rollout; they do not count",)
        assert [each.id for each in reader.rollouts(Filter(actor="ana"))] == [rollout]
        assert rollout in [each.id for each in reader.rollouts(Filter(service="shop"))]
        (forged,) = reader.rollouts(Filter(service="billing"))
        assert forged.actor == "eve"
        assert forged.id.startswith(f"{rollout}@"), "it is shown, by another name"
        assert reader.rollout(forged.id) == forged
        assert reader.rollout(rollout[:6]).id == rollout, "a part of the id means the owner's"


def test_a_note_of_somebody_else_stays_on_the_page(
    tmp_path: Path, ana: Changelog, eve: Changelog
) -> None:
    rollout = whole(ana)
    put(eve, "note", {"text": "is slow since"}, rollout)
    for reader in readers(tmp_path, packets(ana), packets(eve)):
        record = reader.rollout(rollout)
        assert [note.text for note in record.notes] == ["is slow since"]
        assert record.doubts == ()


def test_a_signature_of_another_writer_makes_no_heir(
    tmp_path: Path, ana: Changelog, eve: Changelog
) -> None:
    rollout = whole(ana, outcome="failed")
    (started, *_) = ana.rollout(rollout).events
    key = next((tmp_path / "eve").glob("writer-*.key"), None)
    assert key is None, "eve has not written yet"
    writer = eve.me()
    stolen = {"key": ana.me().key.hex(), "signature": "00" * 64}
    owner = claims.owner_of(
        claims.Header(
            writer=writer.writer.hex(), seq=1, kind="rollout.hosts", hlc=1, ts=1, body="0" * 64,
            rollout=rollout, pick=started.header.pick, heir=stolen,
        )
    )  # fmt: skip
    assert owner == ""


def test_two_who_name_one_unbound_id_are_both_called_by_their_whole_name(
    tmp_path: Path, ana: Changelog, eve: Changelog
) -> None:
    whole(ana, rollout="k7x0000000", why="ana's")
    whole(eve, rollout="k7x0000000", why="eve's")
    for reader in readers(tmp_path, packets(ana), packets(eve)):
        with pytest.raises(UnknownNameError, match="several"):
            reader.rollout("k7x0000000")
        told = {record.actor: record.id for record in reader.rollouts()}
        assert all(name.startswith("k7x0000000@") for name in told.values())
        assert reader.rollout(told["ana"]).why == "ana's"


def test_what_others_write_under_an_id_does_not_tell_what_is_live(
    tmp_path: Path, ana: Changelog, eve: Changelog
) -> None:
    rollout = whole(ana, to=2)
    live = ana.live("shop", "production")
    whole(eve, rollout=rollout, before=2, to=9)
    for reader in readers(tmp_path, packets(ana), packets(eve)):
        assert reader.live("shop", "production") == live


def test_what_is_recovered_gives_way_to_the_owners_own_events(
    tmp_path: Path, ana: Changelog, eve: Changelog
) -> None:
    rollout = whole(ana, outcome="failed", to=2)
    before, live = facts(ana.rollout(rollout)), ana.live("shop", "production")
    hosts = [{"name": "web01", "from": "r1", "to": "r2", "at": 1000}]
    put(eve, "rollout.recovered", {"at": 1000, "actor": "ana", "hosts": hosts}, rollout)
    assert eve.rollout(rollout).outcome == "recovered"
    assert eve.live("shop", "production")["web01"].release == "r2"
    for reader in readers(tmp_path, packets(ana), packets(eve)):
        assert facts(reader.rollout(rollout)) == before
        assert len(reader.rollouts()) == 1
        assert reader.live("shop", "production") == live


def test_a_changelog_that_was_rebuilt_goes_on_with_its_rollouts(
    tmp_path: Path, ana: Changelog
) -> None:
    rollout = start(ana)
    rebuild(ana.file, lambda _: 0)
    results(ana, rollout, {"web01": "done", "web02": "done"})
    finish(ana, rollout)
    with Changelog(tmp_path / "reader" / "changelog.db") as reader:
        lines: list[str] = []
        ana.export(lines.append)
        reader.take_in(lines)
        record = reader.rollout(rollout)
        assert len({event.header.writer for event in record.events}) == 2
        assert (record.outcome, record.doubts) == ("done", ())
        assert reader.live("shop", "production")["web01"].release == "r2"


def test_a_copy_that_goes_on_as_a_new_writer_takes_its_rollouts_along(
    tmp_path: Path, ana: Changelog
) -> None:
    upstream = Memory()
    rollout = start(ana)
    shared(ana.file, upstream)
    backup = tmp_path / "backup"
    ana.close()
    backup.write_bytes(ana.file.read_bytes())
    ana.append("note", {"text": "written before the disk was set back"})
    shared(ana.file, upstream)
    ana.close()
    inode = ana.file.stat().st_ino
    with ana.file.open("r+b") as file:
        file.write(backup.read_bytes())
        file.truncate()
    assert ana.file.stat().st_ino == inode
    results(ana, rollout, {"web01": "done", "web02": "failed"})
    finish(ana, rollout, "partial")
    shared(ana.file, upstream)
    other = tmp_path / "other" / "changelog.db"
    shared(other, upstream)
    with Changelog(other) as reader:
        record = reader.rollout(rollout)
        assert (record.outcome, record.counts) == ("partial", {"done": 1, "failed": 1})


def test_another_writer_can_say_that_a_rollout_is_abandoned_until_its_own_says_more(
    tmp_path: Path, ana: Changelog, eve: Changelog
) -> None:
    rollout = start(ana, machine=ELSEWHERE)
    begun = packets(ana)
    eve.take_in_packets(begun)
    put(eve, "rollout.abandoned", {"by": "x"}, rollout)
    for reader in readers(tmp_path, begun, packets(eve)):
        record = reader.rollout(rollout)
        assert (record.outcome, record.actor, record.doubts) == ("abandoned", "ana", ())
        assert record.reason == "another writer says that it is abandoned: eve"
        assert reader.rollouts(Filter(outcome="abandoned")) == (record,)
    finish(ana, rollout, "done")
    for number, reader in enumerate(readers(tmp_path / "later", packets(ana), packets(eve))):
        record = reader.rollout(rollout)
        assert (record.outcome, record.reason) == ("done", ""), number


def test_while_it_runs_here_nobody_elses_word_ends_it(ana: Changelog, eve: Changelog) -> None:
    rollout = start(ana)
    eve.take_in_packets(packets(ana))
    put(eve, "rollout.abandoned", {"by": "x"}, rollout)
    ana.take_in_packets(packets(eve))
    assert ana.rollout(rollout).outcome == "running"


def test_an_id_is_bound_and_no_two_are_the_same(ana: Changelog) -> None:
    names = {ana.new_rollout_id() for _ in range(1000)}
    assert len(names) == 1000
    assert all(len(name) == 10 and not set(name) & set("ilou") for name in names)
    rollout = ana.new_rollout_id()
    event = put(ana, "rollout.started", {}, rollout)
    assert claims.owner_of(event.header) == event.header.writer
    ana.close()
    later = put(ana, "rollout.finished", {"outcome": "done"}, rollout)
    assert claims.owner_of(later.header) == event.header.writer, "another process knows it, too"


def test_a_changelog_that_cannot_be_written_stops_no_rollback(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "changelog.db").write_bytes(os.urandom(4096))
    with Changelog(folder / "changelog.db") as broken:
        assert len(broken.new_rollout_id()) == 10


def test_a_name_that_no_rollout_has_makes_no_claim(ana: Changelog) -> None:
    put(ana, "rollout.started", {"why": "x"}, "k7x0000000.0123456789abcdef")
    (entry,) = ana.entries()
    assert type(entry).__name__ == "OtherEntry"
    assert ana.live("shop", "production") == {}
    connection = sqlite3.connect(ana.file)
    assert connection.execute("SELECT rollout FROM entry").fetchall() == [(None,)]
    connection.close()
