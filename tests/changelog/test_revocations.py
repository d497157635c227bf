"""Of revocations, those count that stood first in the log; a thief's clock says nothing."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import standing
from opskit.changelog.enrolling import revoke
from opskit.changelog.sql import statement
from opskit.config.model import ChangelogSettings
from tests.changelog.memory import Memory, shared
from tests.changelog.team import forged

if TYPE_CHECKING:
    from opskit.changelog import Event
    from opskit.changelog.packet import Packet
    from tests.changelog.team import Team


def stolen(team: Team, log: Memory) -> tuple[Event, Event, Packet]:
    """Let Ann revoke Bob's stolen laptop in a log; gives a note of hers, Bob's last event, and what the thief revokes: all of hers."""
    for name in ("ann", "bob"):
        team.enroll(name)
    note, last = team.note("ann"), team.note("bob")
    for name in ("bob", "ann"):
        share(team, name, log)
    revoke(team.laptop("ann"), last.header.writer, last_seq=last.header.seq, why="stolen")
    share(team, "ann", log)
    body = {"writer": note.header.writer, "last_seq": 0, "why": "ha"}
    return note, last, forged(team.laptop("bob"), last, "writer.revoked", body, hlc="1", ts=1)


def share(team: Team, name: str, log: Memory, **options: bool) -> None:
    shared(team.laptop(name).file, log, **options)


def states(team: Team, name: str, note: Event, thief: Packet) -> list[str]:
    ids = [note.hash.hex(), thief.hash.hex()]
    found = team.laptop(name).standings(ids, team.settings)
    return [found[each].state for each in ids]


@pytest.mark.parametrize("received", [None, 1, 0])
def test_a_revoked_laptop_revokes_nobody_whatever_time_it_claims(
    team: Team, received: int | None
) -> None:
    """In a file, even the time of arrival is what whoever pushes says; the place is not."""
    log = Memory()
    log.clock = int(time.time() * 1000)
    note, _, thief = stolen(team, log)
    log.push([thief])
    if received is not None:
        log.received[len(log.packets)] = received
    for name in ("ann", "eve"):
        share(team, name, log)
        assert states(team, name, note, thief) == ["attested", "revoked"]


def test_a_revocation_that_no_log_received_comes_after_those_that_one_did(team: Team) -> None:
    note, _, thief = stolen(team, Memory())
    team.laptop("ann").take_in_packets([thief])
    assert states(team, "ann", note, thief) == ["attested", "revoked"]


def test_whoever_is_first_in_a_new_log_does_not_come_before_the_old_one(team: Team) -> None:
    note, last, thief = stolen(team, Memory())
    new = Memory("cd" * 16)
    share(team, "bob", new, accept=True)
    assert new.packets[-1].hash == last.hash
    new.push([thief])
    share(team, "ann", new, accept=True)
    assert states(team, "ann", note, thief) == ["attested", "revoked"]


def test_without_any_log_the_clock_of_a_chain_never_goes_back(team: Team) -> None:
    """Bob's own clock says that he wrote after Ann: his revocation does, too."""
    for name in ("ann", "bob"):
        team.enroll(name)
    note = team.note("ann")
    first = team.note("bob")
    team.sees("ann", first)
    revoke(team.laptop("ann"), first.header.writer, last_seq=first.header.seq, why="stolen")
    team.sees("bob", note)
    last = team.note("bob")
    body = {"writer": note.header.writer, "last_seq": 0, "why": "ha"}
    thief = forged(team.laptop("bob"), last, "writer.revoked", body, hlc="1", ts=1)
    team.sees("ann", last)
    team.laptop("ann").take_in_packets([thief])
    assert states(team, "ann", note, thief) == ["attested", "revoked"]


def test_many_revocations_of_others_are_not_looked_at(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = team.note("ann")
    for _ in range(30):
        revoke(team.laptop("ann"), secrets.token_hex(32), last_seq=0, why="flood")
    looked: list[object] = []
    asked = standing.Judge._may_revoke
    monkeypatch.setattr(
        standing.Judge,
        "_may_revoke",
        lambda judge, each: looked.append(each) or asked(judge, each),
    )
    team.laptop("ann").standings([note.hash.hex()], ChangelogSettings())
    assert looked == []


def test_ten_thousand_revocations_are_judged_at_once(team: Team) -> None:
    """Each of them looks at the others once at most: ten thousand would take minutes else."""
    from opskit.changelog.evidence import Evidence, Place, Revoked

    places = [Place(f"{n % 100:02}", n, 0) for n in range(10_000)]
    revocations = [
        Revoked(f"{n % 97:02}", 10_000 - n, "", place) for n, place in enumerate(places)
    ]
    judge = standing.Judge(Evidence(revocations=revocations), None)
    began = time.thread_time()
    assert {judge.standing(place).state for place in places} <= {"revoked", "unattested"}
    assert time.thread_time() - began < 5


def test_the_order_of_revocations_is_found_without_a_look_at_all_events(team: Team) -> None:
    team.note("ann")
    with contextlib.closing(sqlite3.connect(team.laptop("ann").file)) as db:
        plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement('revocations')}")]
    assert not [step for step in plan if step in ("SCAN event", "SCAN e", "SCAN p")], plan
