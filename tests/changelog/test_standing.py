"""Who vouches for an event, and what a thief, a copied statement or a dated-back event come to."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog
from opskit.changelog.enrolling import revoke
from opskit.changelog.sql import statement
from opskit.config.model import ChangelogSettings
from tests.changelog.keys import line
from tests.changelog.memory import Memory, shared
from tests.changelog.team import another, received

if TYPE_CHECKING:
    from tests.changelog.team import Team

DAY = 86400


def test_an_enrolment_vouches_for_what_comes_after_it_on_every_laptop(team: Team) -> None:
    before = team.note("ann")
    team.enroll("ann")
    after = team.note("ann")
    assert team.sees("bob", after).state == "attested"
    assert team.sees("bob", after).principal == "ann@example.com"
    assert team.sees("bob", before).state == "unattested"
    assert team.sees("bob", before).reason == "nobody had signed for its writer"
    ids = [event.hash.hex() for event in (before, after)]
    both = team.laptop("bob").standings(ids, team.settings)
    assert [both[each].state for each in ids] == ["unattested", "attested"]


def test_a_laptop_that_claims_to_be_somebody_else_is_known_by_its_key(team: Team) -> None:
    team.laptop("ann")
    team.laptops["eve"] = Changelog(team.folder / "eve.d" / "changelog.db", actor="ann@laptop")
    team.enroll("eve")
    event = team.note("eve")
    assert event.header.actor == "ann@laptop"
    assert team.sees("bob", event).principal == "eve@example.com"


def test_a_statement_of_another_writer_vouches_for_nobody(team: Team) -> None:
    stolen = team.enroll("ann")
    team.laptop("eve").append("writer.enrolled", stolen.body)
    standing = team.sees("bob", team.note("eve"))
    assert standing.state == "unattested"
    assert "its statement is about another writer" in standing.reason


def test_an_altered_statement_vouches_for_nobody(team: Team) -> None:
    good = team.enroll("ann", days=1)
    said = str(good.body["statement"])
    ends = json.loads(said)["expires"]
    longer = {**good.body, "statement": said.replace(ends, f"2999{ends[4:]}")}
    for laptop in ("ann", "bob"):
        team.laptop(laptop)
    team.laptop("ann").close()
    ann = team.laptops["ann"] = Changelog(team.laptop("ann").file)
    ann.append("writer.enrolled", longer)
    later = int(time.time()) + 3 * DAY
    event = team.note("ann")
    received(ann, event, later)
    found = ann.standings([event.hash.hex()], team.settings)[event.hash.hex()]
    assert found.state == "unattested"
    assert "what was signed was altered" in found.reason


def test_a_key_that_is_taken_out_of_the_file_vouches_no_more(team: Team) -> None:
    team.enroll("ann")
    event = team.note("ann")
    assert team.sees("bob", event).state == "attested"
    team.allow(f"bob@example.com {line(team.key('bob'))}")
    assert "no line of" in team.sees("bob", event).reason


def test_an_enrolment_ends(team: Team) -> None:
    team.enroll("ann", days=2)
    events = [team.note("ann"), team.note("ann")]
    now = time.time()
    for days, event in zip((1.9, 2.1), events, strict=True):
        received(team.laptop("ann"), event, now + days * DAY)
    ids = [event.hash.hex() for event in events]
    found = team.laptop("ann").standings(ids, team.settings)
    assert [found[each].state for each in ids] == ["attested", "unattested"]
    reason = found[ids[1]].reason
    assert reason.startswith("it reached the upstream on ")
    assert "its writer's enrolment ended on " in reason


def test_the_time_of_the_receipt_counts_and_not_what_the_writer_claims(team: Team) -> None:
    """Somebody finds Ann's old key, and dates back what he writes with it."""
    valid = time.strftime("%Y%m%d%H%M%S", time.gmtime(time.time() + DAY))
    team.allow(f'ann@example.com valid-before="{valid}" {line(team.key("ann"))}')
    team.enroll("ann")
    in_time, late, unsent = (team.note("ann") for _ in range(3))
    received(team.laptop("ann"), in_time, time.time() + DAY / 2)
    received(team.laptop("ann"), late, time.time() + 2 * DAY)
    ids = [event.hash.hex() for event in (in_time, late, unsent)]
    found = team.laptop("ann").standings(ids, team.settings)
    assert [found[each].state for each in ids] == ["attested", "unattested", "attested"]
    assert "valid before then" in found[ids[1]].reason


def test_in_a_new_log_only_who_knew_the_old_one_can_tell_when_an_event_came(team: Team) -> None:
    """Who joins later is told what is missing, and believes no date that a writer claims."""
    old, new = Memory(), Memory("cd" * 16)
    old.clock = int(time.time() * 1000)
    team.enroll("ann", days=2)
    shared(team.laptop("ann").file, old)
    event = team.note("ann")
    shared(team.laptop("ann").file, old)
    new.clock = old.clock + 5 * DAY * 1000
    for name in ("ann", "eve"):
        shared(team.laptop(name).file, new, accept=True)
    ids = [event.hash.hex()]
    (ann, eve) = (
        team.laptop(name).standings(ids, team.settings)[ids[0]] for name in ("ann", "eve")
    )
    assert (ann.state, eve.state) == ("attested", "unattested")
    assert "its writer's enrolment ended on " in eve.reason
    assert "; it says that it was written on 20" in eve.reason
    assert eve.reason.endswith(
        "for a log that was replaced, and only laptops that knew that log know when it came there"
    )


def test_a_revoked_writer_counts_up_to_an_event(team: Team) -> None:
    team.enroll("ann")
    team.enroll("bob")
    good, bad = team.note("ann"), team.note("ann")
    assert team.sees("bob", bad).state == "attested"
    revoke(team.laptop("bob"), good.header.writer, last_seq=good.header.seq, why="stolen")
    assert team.sees("eve", good).state == "attested"
    found = team.sees("eve", bad)
    assert (found.state, found.principal) == ("revoked", "ann@example.com")
    assert found.reason == "its writer was revoked by bob@example.com: stolen"


def test_a_revocation_by_nobody_counts_only_where_nobody_signs(team: Team) -> None:
    team.enroll("ann")
    event = team.note("ann")
    revoke(team.laptop("eve"), event.header.writer, last_seq=0, why="spite")
    assert team.sees("bob", event).state == "attested"
    plain = team.laptop("bob").standings([event.hash.hex()], ChangelogSettings())
    assert plain[event.hash.hex()].state == "revoked"


def test_a_thief_who_revokes_everybody_falls_with_his_own_revocation(team: Team) -> None:
    for name in ("ann", "bob", "eve"):
        team.enroll(name)
    last = team.note("eve")
    events = [team.note("ann"), team.note("bob")]
    for event in events:
        revoke(team.laptop("eve"), event.header.writer, last_seq=0, why="mine now")
    assert team.sees("ann", events[0]).state == "revoked"
    third = team.folder / "third" / "changelog.db"
    team.laptops["cat"] = Changelog(third, actor="ann@other")
    team.enroll("cat", key="ann")
    revoke(team.laptop("cat"), last.header.writer, last_seq=last.header.seq, why="stolen")
    assert [team.sees("ann", event).state for event in events] == ["attested", "attested"]
    assert team.sees("ann", last).state == "attested"
    assert team.sees("ann", team.note("eve")).state == "revoked"


def test_of_two_that_revoke_each_other_the_first_one_wins(team: Team) -> None:
    for name in ("ann", "bob"):
        team.enroll(name)
    events = {name: team.note(name) for name in ("ann", "bob")}
    for one, other in (("ann", "bob"), ("bob", "ann")):
        team.sees(one, events[other])
        revoke(team.laptop(one), events[other].header.writer, last_seq=0, why="you")
    for eyes in ("ann", "bob", "eve"):
        assert team.sees(eyes, events["bob"]).state == "revoked"
        assert team.sees(eyes, events["ann"]).state == "attested"


def test_whoever_revokes_himself_is_revoked(team: Team) -> None:
    team.enroll("ann")
    event = team.note("ann")
    revoke(team.laptop("ann"), event.header.writer, last_seq=event.header.seq - 1, why="lost")
    assert team.sees("bob", event).state == "revoked"


def test_a_fork_is_seen_from_its_place_on(team: Team) -> None:
    team.enroll("ann")
    before, twice = team.note("ann"), team.note("ann")
    team.sees("bob", twice)
    team.laptop("bob").take_in_packets([another(team.laptop("ann"), twice)])
    assert team.sees("bob", before).state == "attested"
    assert team.sees("bob", twice).state == "forked"
    assert team.sees("bob", team.note("ann")).state == "forked"


def test_what_was_judged_once_needs_no_ssh_keygen(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    team.enroll("ann")
    event = team.note("ann")
    with monkeypatch.context() as without:
        without.setenv("PATH", str(team.folder))
        found = team.sees("ann", event)
        assert found.reason.startswith("there is no ssh-keygen on this machine")
    assert team.sees("ann", event).state == "attested"
    remembered = team.laptop("ann").file.with_name("verdicts.json")
    assert remembered.stat().st_mode & 0o777 == 0o600
    with monkeypatch.context() as without:
        without.setenv("PATH", str(team.folder))
        assert team.sees("ann", event).state == "attested"
        assert team.sees("ann", team.note("ann")).state == "attested"
        team.allow(f"ann@renamed {line(team.key('ann'))}")
        assert team.sees("ann", event).state == "unattested"
    assert team.sees("ann", event).principal == "ann@renamed"


@pytest.mark.parametrize("rubbish", [b"", b"\xff", b"[]", b'{"signers":5}', b"{}", b"[" * 99999])
def test_a_damaged_memory_is_only_forgotten(team: Team, rubbish: bytes) -> None:
    team.enroll("ann")
    event = team.note("ann")
    team.laptop("ann").file.with_name("verdicts.json").write_bytes(rubbish)
    assert team.sees("ann", event).state == "attested"


def test_without_a_file_of_signers_nobody_is_attested(team: Team) -> None:
    team.enroll("ann")
    event = team.note("ann")
    found = team.laptop("ann").standings(
        [event.hash.hex(), "0" * 64, "no hex"], ChangelogSettings()
    )
    assert list(found) == [event.hash.hex()]
    assert found[event.hash.hex()].reason == "no allowed_signers are configured"
    assert Changelog(team.folder / "none.db").standings([event.hash.hex()], team.settings) == {}


def test_an_event_is_judged_by_its_whole_hash(team: Team) -> None:
    """Two events whose hashes begin alike are made in seconds; neither lends the other anything."""
    event = team.note("ann")
    beginnings = [event.id, event.hash.hex()[:63], event.hash.hex() + "00"]
    assert team.laptop("ann").standings(beginnings, team.settings) == {}
    entries = team.laptop("ann").entries()
    (judged,) = team.laptop("ann").judged(entries, team.settings)
    assert judged.standing == "unattested"


def test_writers_are_listed_with_who_vouches_for_them_now(team: Team) -> None:
    team.enroll("bob")
    team.note("ann")
    team.sees("ann", team.note("bob"))
    ann, bob = team.laptop("ann").writers(team.settings)
    assert (ann.here, ann.standing.state, ann.events, ann.machine) == (True, "unattested", 1, "")
    assert (bob.here, bob.standing.principal, bob.events) == (False, "bob@example.com", 2)
    assert bob.machine
    assert 0.99 < bob.left(int(time.time())) <= 1
    assert Changelog(team.folder / "none.db").writers(team.settings) == ()


@pytest.mark.parametrize("name", ["judged", "enrolments", "revocations", "all_enrolments"])
def test_no_question_looks_at_all_events(team: Team, name: str) -> None:
    team.note("ann")
    with contextlib.closing(sqlite3.connect(team.laptop("ann").file)) as db:
        asked = statement(name)
        values = (b"",) * asked.count("?")
        plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {asked}", values)]
    events = [step for step in plan if " e " in f"{step} "]
    assert events
    assert all("USING" in step for step in events), plan
