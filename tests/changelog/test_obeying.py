"""Whose redactions are obeyed where allowed_signers are configured: an owner's, and an attested writer's, in any order."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog
from opskit.changelog.enrolling import revoke
from opskit.changelog.sync import sync
from opskit.config.model import ChangelogSettings
from tests.changelog.memory import Memory, shared

if TYPE_CHECKING:
    from opskit.changelog import Event
    from opskit.changelog.packet import Packet
    from opskit.changelog.sync import Synced
    from tests.changelog.team import Team


def packets(team: Team, *names: str) -> list[Packet]:
    """Give all that these laptops wrote themselves."""
    found = []
    for name in names:
        exchange = team.laptop(name).exchange()
        found += exchange.unsent("none")[0]
        exchange.close()
    return found


def asks(team: Team, name: str, event: Event) -> Event:
    """Let a laptop say that an event of another is redacted, without asking whether it may."""
    body = {"event": event.hash.hex(), "why": ""}
    return team.laptop(name).append("body.redacted", body)


def reader(team: Team, name: str) -> Changelog:
    return Changelog(team.folder / f"desk-{name}" / "changelog.db", settings=team.settings)


def text(changelog: Changelog, event: Event) -> object:
    return changelog.show(event.hash.hex()).event.body.get("text")


def test_nobody_without_a_key_redacts_what_others_wrote(team: Team) -> None:
    team.enroll("ann")
    note = team.note("ann")
    for _ in range(3):
        asks(team, "eve", note)
    with reader(team, "bob") as bob:
        taken = bob.take_in_packets(packets(team, "ann", "eve"))
        (warning,) = taken.warnings
        assert "wants events of others redacted, and is not obeyed: nobody had signed" in warning
        assert text(bob, note) == "by ann"
        assert [alarm.what for alarm in bob.alarms()] == [warning]
        assert bob.verify() == []
        assert bob.take_in_packets(packets(team, "ann", "eve")).warnings == []


def test_a_file_of_signers_that_comes_later_makes_it_count(team: Team) -> None:
    note = team.note("ann")
    team.enroll("bob")
    asks(team, "bob", note)
    (team.folder / "allowed_signers").rename(team.folder / "elsewhere")
    with reader(team, "cat") as cat:
        cat.take_in_packets(packets(team, "ann", "bob"))
        assert text(cat, note) == "by ann"
        (team.folder / "elsewhere").rename(team.folder / "allowed_signers")
        cat.take_in_packets([])
        assert text(cat, note) is None
        assert cat.show(note.hash.hex()).event.damage == "redacted"
        assert cat.verify() == []


@pytest.mark.parametrize("who", ["ann", "bob", "eve"])
def test_in_whatever_order_events_come_the_same_bodies_are_gone(team: Team, who: str) -> None:
    """Ann wrote it, Bob is attested, nobody vouches for Eve."""
    team.enroll("bob")
    note = team.note("ann")
    asks(team, who, note)
    chains = [packets(team, name) for name in sorted({"ann", "bob", who})]
    told = set()
    for number, order in enumerate(itertools.permutations(chains)):
        with reader(team, f"reader{number}") as opened:
            for chain in order:
                opened.take_in_packets(chain)
            told.add(text(opened, note))
    assert told == ({"by ann"} if who == "eve" else {None})


def test_a_revoked_laptop_redacts_nothing_not_even_its_own(team: Team) -> None:
    for name in ("ann", "bob"):
        team.enroll(name)
    notes = [team.note("ann"), team.note("bob")]
    revoke(
        team.laptop("ann"),
        notes[1].header.writer,
        last_seq=notes[1].header.seq,
        why="stolen",
    )
    whole = packets(team, "ann", "bob")
    for note in notes:
        asks(team, "bob", note)
    with reader(team, "cat") as cat:
        cat.take_in_packets(whole)
        warnings = cat.take_in_packets(packets(team, "bob")).warnings
        assert "its writer was revoked by ann@example.com: stolen" in warnings[0]
        assert [text(cat, note) for note in notes] == ["by ann", "by bob"]


def test_where_nobodys_signature_is_asked_for_everybody_is_obeyed(team: Team) -> None:
    note = team.note("ann")
    asks(team, "eve", note)
    with Changelog(team.folder / "plain" / "changelog.db") as plain:
        assert plain.take_in_packets(packets(team, "ann", "eve")).warnings == []
        assert text(plain, note) is None


def test_a_sync_obeys_and_tells_too(team: Team) -> None:
    log = Memory()
    team.enroll("bob")
    notes = [team.note("ann"), team.note("ann")]
    for name in ("ann", "bob", "eve"):
        shared(team.laptop(name).file, log)
    asks(team, "bob", notes[0])
    asks(team, "eve", notes[1])
    for name in ("bob", "eve"):
        shared(team.laptop(name).file, log)
    with reader(team, "cat") as cat:
        assert "not obeyed" in synced(cat, log).warnings[0]
        assert [text(cat, note) for note in notes] == [None, "by ann"]
        assert synced(cat, log).warnings == []


def synced(changelog: Changelog, log: Memory) -> Synced:
    exchange = changelog.exchange()
    try:
        return sync(exchange, log)
    finally:
        exchange.close()


def test_many_redactions_of_one_writer_are_one_warning(team: Team) -> None:
    notes = [team.note("ann") for _ in range(50)]
    for note in notes:
        asks(team, "eve", note)
    with reader(team, "bob") as bob:
        assert len(bob.take_in_packets(packets(team, "ann", "eve")).warnings) == 1
        assert all(text(bob, note) == "by ann" for note in notes)
        assert bob.standings([notes[0].hash.hex()], ChangelogSettings())
