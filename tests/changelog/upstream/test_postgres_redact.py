"""Who may take a body away in the database: the role that owns its writer, and opskit_relay; whoever else only wishes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from opskit.changelog import Changelog
from opskit.changelog.kept import kept_upstream
from opskit.changelog.sync import sync
from opskit.errors import UpstreamError
from tests.changelog.upstream.chains import Chain, claim, opened, redaction_of, without_body
from tests.changelog.upstream.writers import packets, pull

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.changelog.upstream.postgres import Postgres
    from tests.support.postgres import Server

NEEDED = ("body.redacted", "writer.enrolled", "writer.revoked", "writer.succeeds")


def test_the_owner_takes_a_body_away_for_everybody(ana: Postgres, ben: Postgres) -> None:
    mine, other = Chain(1), Chain(2)
    secret, *others = mine.write(3)
    ana.push([secret, *others])
    with pytest.raises(UpstreamError, match="still has the body"):
        ana.redact(secret.hash)
    removal = redaction_of(other, secret)  # of another laptop of hers
    ana.push([removal])
    assert ana.redact(secret.hash) == ""
    assert packets(pull(ben)) == [without_body(secret), *others, removal]


def test_what_another_role_wishes_is_kept_and_so_is_the_body(
    postgres: Server, ana: Postgres, ben: Postgres
) -> None:
    (kept,) = Chain(1).write()
    ana.push([kept])
    wish = redaction_of(Chain(2), kept)
    assert ben.push([wish]).status == "ok"
    assert packets(pull(ana)) == [kept, wish]
    said = ben.redact(kept.hash)
    assert "keeps the body" in said
    order = said.partition("opskit_relay runs: ")[2]
    for who in ("ana", "ben", "rob"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            postgres.sql(order, role=who)
    assert postgres.sql(order, role="rita") == [(True,)]
    assert ben.redact(kept.hash) == ""
    assert packets(pull(ana)) == [without_body(kept), wish]
    assert postgres.sql("SELECT by, done_by FROM opskit.redaction") == [(wish.hash, "rita")]


def test_somebody_in_opskit_relay_takes_anybodys_body_away_by_a_redaction(
    postgres: Server, ana: Postgres
) -> None:
    (secret,) = Chain(1).write()
    ana.push([secret])
    with opened(postgres.url("rita")) as rita:
        rita.push([redaction_of(Chain(2), secret)])
        assert rita.redact(secret.hash) == ""
    assert packets(pull(ana))[0] == without_body(secret)


def test_a_wish_that_is_brought_back_is_nobodys_whoever_brings_it(
    postgres: Server, ana: Postgres
) -> None:
    mine, other = Chain(1), Chain(2)
    (kept,) = mine.write()
    ana.push([kept])
    ana.push(other.write())
    with opened(postgres.url("rita")) as rita:
        for chain in (Chain(3), other):
            rita.push([redaction_of(chain, kept)], relay=True)
    assert packets(pull(ana))[0] == kept
    assert ana.redact(kept.hash).count("opskit_relay runs: ") == 1


def test_whoever_gets_a_writer_takes_away_nothing_that_stood_there_before(
    postgres: Server, ana: Postgres
) -> None:
    """By a copied key, by a gift, and in a new database to which somebody brought the events back."""
    stolen, given, back = Chain(1), Chain(2), Chain(3)
    before = [*stolen.write(2), *given.write(2)]
    ana.push(before[:2])
    ana.push(before[2:])
    with opened(postgres.url("rita")) as rita:
        before += back.write(2)
        rita.push(before[4:5], relay=True)
        claim(postgres, "ben", stolen.id, 2)
        claim(postgres, "ben", back.id, 1)
        postgres.sql("SELECT opskit.assign(%s, 'ben')", (given.id,), role="rita")
        rita.push(before[5:], relay=True)
    with opened(postgres.url("ben")) as ben:
        for chain in (stolen, Chain(4)):
            ben.push([redaction_of(chain, packet) for packet in before])
        (own,) = given.write()
        ben.push([own])
        ben.push([redaction_of(stolen, own)])
        assert packets(pull(ana))[:6] == before
        assert without_body(own) in packets(pull(ana)), "what came as his, he may"
    claim(postgres, "ana", stolen.id, 3)
    ana.push([redaction_of(stolen, before[0])])
    assert packets(pull(ana))[:2] == [without_body(before[0]), before[1]], "what came as hers, she"


def test_a_redaction_that_comes_first_is_obeyed_when_its_event_comes(
    ana: Postgres, ben: Postgres
) -> None:
    secret, kept = Chain(1).write(2)
    ana.push([redaction_of(Chain(2), secret)])
    ben.push([redaction_of(Chain(3), kept)])
    ana.push([secret, kept])
    assert packets(pull(ben))[-2:] == [without_body(secret), kept]


@pytest.mark.parametrize("kind", NEEDED)
def test_what_others_are_verified_with_cannot_be_redacted(
    postgres: Server, ana: Postgres, kind: str
) -> None:
    chain, other = Chain(1), Chain(2)
    early, late = chain.put(kind), chain.put(kind)
    ana.push([early])
    ana.push([redaction_of(other, early), redaction_of(other, late)])
    ana.push([late])
    assert postgres.sql("SELECT opskit.redact(%s)", (early.hash,), role="rita") == [(False,)]
    assert [p for p in packets(pull(ana)) if p.writer == chain.id] == [early, late]


def test_nothing_is_redacted_that_no_event_names(postgres: Server, ana: Postgres) -> None:
    (kept,) = Chain(1).write()
    ana.push([kept])
    assert postgres.sql("SELECT opskit.redact(%s)", (kept.hash,), role="rita") == [(False,)]
    assert packets(pull(ana)) == [kept]


def test_a_redaction_with_another_body_than_it_was_signed_with_is_not_obeyed(
    ana: Postgres,
) -> None:
    (kept,) = Chain(1).write()
    ana.push([kept])
    aimed = redaction_of(Chain(2), kept).body
    forged = Chain(3).put("body.redacted", {"event": "0" * 64})
    ana.push([dataclasses.replace(forged, body=aimed)])
    assert packets(pull(ana))[0] == kept


def test_a_laptop_whose_wish_is_not_followed_goes_on_and_says_so(
    postgres: Server, ana: Postgres, tmp_path: Path
) -> None:
    (kept,) = Chain(1).write()
    ana.push([kept])
    laptop = Changelog(tmp_path / "ben.db", actor="ben")
    with laptop as changelog, opened(postgres.url("ben")) as ben:
        exchange = changelog.exchange()
        sync(exchange, ben)
        changelog.redact(kept.hash.hex(), why="a password")
        done = [sync(exchange, ben), sync(exchange, ben)]
        assert all("keeps the body" in " ".join(each.warnings) for each in done)
        postgres.sql("SELECT opskit.redact(%s)", (kept.hash,), role="rita")
        assert sync(exchange, ben).warnings == []
        exchange.close()


def test_what_is_redacted_while_a_sync_is_under_way_waits_for_the_next_push(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command appends while a thread of it syncs: the upstream cannot know what was not pushed to it yet."""
    laptop = Changelog(tmp_path / "ana.db", actor="ana")
    with laptop as changelog, opened(postgres.url("ana")) as ana:
        exchange = changelog.exchange()
        note = changelog.append("note", {"text": "a password"})
        pull, pulls = ana.pull, []

        def meanwhile(**options: Any) -> Any:
            pulls.append(options)
            if len(pulls) == 2:  # of what was just pushed
                changelog.redact(note.hash.hex(), why="typed by hand")
            return pull(**options)

        monkeypatch.setattr(ana, "pull", meanwhile)
        done = sync(exchange, ana)
        assert (done.pushed, done.waiting, done.warnings) == (1, 1, [])
        assert kept_upstream(changelog.file) == [note.hash.hex()]
        assert sync(exchange, ana).waiting == 0
        assert kept_upstream(changelog.file) == []
        exchange.close()
