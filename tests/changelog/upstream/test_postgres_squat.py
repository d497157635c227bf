"""Somebody pushes what others wrote, or holds a lock, or fills the log with what cannot be shown: nobody is kept out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import psycopg
import pytest

from opskit.changelog import Changelog
from opskit.changelog.packet import Pushed
from opskit.changelog.sync import sync
from tests.changelog.upstream.chains import (
    AWAKE,
    CLAIM,
    PUSH,
    Chain,
    arguments,
    call,
    claim,
    impatient,
    opened,
)
from tests.changelog.upstream.writers import packets, pull

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.changelog.upstream.postgres import Postgres
    from tests.support.postgres import Server


def everything(server: Server) -> list[tuple[object, ...]]:
    """Give how much there is in each table, and the newest place."""
    tables = ("writer", "claim", "event", "body", "fork", "wish", "redaction")
    counts = ", ".join(f"(SELECT count(*) FROM opskit.{table})" for table in tables)
    return server.sql(f"SELECT pos, {counts} FROM opskit.head")


def test_whoever_pushes_what_another_wrote_writes_nothing_and_hinders_nobody(
    postgres: Server, ana: Postgres
) -> None:
    chain = Chain(1)
    written = chain.write(4)
    public = written[0]
    forged = dataclasses.replace(written[1], header=b"garbage", signature=b"\0" * 64)
    for who in ("ben", "rita"):
        for sent in ([public], [public, forged], written[2:]):
            assert call(postgres, who, arguments(sent)) == ("unproven", 0)
    assert everything(postgres) == [(0,) * 8]
    assert ana.push(written).status == "ok"
    for sent in ([public], [public, forged], written[2:], [chain.put(header=b"{}")]):
        assert call(postgres, "ben", arguments(sent)) == ("unproven", 1)
    assert everything(postgres) == [(4, 1, 1, 4, 4, 0, 0, 0)]


def test_a_push_of_what_is_anothers_waits_for_no_lock_and_holds_none(
    postgres: Server, ana: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opskit.changelog.upstream.postgres.client._said", impatient)
    chain = Chain(1)
    written = chain.write(3)
    ana.push(written[:1])
    with psycopg.connect(postgres.url("ben")) as held:
        held.execute(PUSH, arguments(written))
        held.execute(AWAKE)
        with pytest.raises(psycopg.Error, match="did not sign"), held.transaction():
            held.execute(CLAIM, (chain.key, 2, b"s" * 63 + b"\0"))
        assert ana.push(written[:2]).status == "ok"
    with psycopg.connect(postgres.url("ana")) as held:
        held.execute(PUSH, arguments(written))
        held.execute(AWAKE)
        assert call(postgres, "ben", arguments(written)) == ("unproven", 1)


def test_who_brings_back_a_chain_that_its_writer_never_signed_has_it_set_aside(
    postgres: Server, ana: Postgres, tmp_path: Path
) -> None:
    written = Chain(1).write(4)
    forged = dataclasses.replace(written[1], header=b"garbage", signature=b"\0" * 64)
    with opened(postgres.url("rita")) as rita:
        rita.push([written[0], forged], relay=True)
    assert ana.push(written) == Pushed("fork", 1)
    set_aside = f"SELECT opskit.set_aside('\\x{written[0].writer.hex()}', 1, 'ben')"
    for who in ("ana", "ben", "rob"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            postgres.sql(set_aside, role=who)
    postgres.sql(set_aside, role="rita")
    assert ana.push(written) == Pushed("unproven", 2)
    claim(postgres, "ana", written[0].writer, 3)
    for part in (written[:2], written):
        assert ana.push(part).status == "ok"
    with Changelog(tmp_path / "rob.db") as changelog, opened(postgres.url("rob")) as rob:
        exchange = changelog.exchange()
        done = sync(exchange, rob)
        assert done.pulled == 4
        assert exchange.vector()[written[0].writer] == 4
        assert "not its writer's" in " ".join(done.warnings)
        assert sync(exchange, rob).pulled == 0
        exchange.close()
    there = postgres.sql("SELECT seq, aside_at IS NULL FROM opskit.log ORDER BY pos")
    assert there == [(1, True), (2, False), (2, True), (3, True), (4, True)]
    owners = postgres.sql("SELECT number, db_role, given_by FROM opskit.claim ORDER BY number")
    assert owners == [(1, "ana", "ana"), (2, "ben", "rita"), (3, "ana", "ana")]


def test_what_is_not_there_cannot_be_set_aside(postgres: Server, ana: Postgres) -> None:
    written = Chain(1).write(2)
    ana.push(written)
    for writer, after in ((b"x", 0), (written[0].writer, 2), (written[0].writer, -1)):
        with pytest.raises(psycopg.errors.UndefinedObject, match="has no event after"):
            postgres.sql("SELECT opskit.set_aside(%s, %s, 'ana')", (writer, after), role="rita")
    assert packets(pull(ana)) == written


def test_what_its_key_signed_is_never_set_aside_and_what_it_did_not_is_named(
    postgres: Server, ana: Postgres
) -> None:
    chain = Chain(1)
    written = chain.write(3)
    ana.push(written)
    order = f"SELECT opskit.set_aside('\\x{chain.id.hex()}', 1, 'ana')"
    with pytest.raises(
        psycopg.errors.InvalidParameterValue, match=r"event 2 of .* is what its key signed"
    ) as all_true:
        postgres.sql(order, role="rita")
    assert all_true.value.diag.message_hint == "So is every later one."
    with opened(postgres.url("rita")) as rita:
        rita.push([dataclasses.replace(chain.copied().put(), signature=b"\0" * 64)], relay=True)
    with pytest.raises(psycopg.errors.InvalidParameterValue) as caught:
        postgres.sql(order, role="rita")
    hint = caught.value.diag.message_hint or ""
    assert hint.startswith("The first event that it did not sign is 4: ")
    later = chain.write(2)
    assert ana.push(later) == Pushed("fork", 3)
    postgres.sql(hint.partition(": ")[2], role="rita")
    assert ana.push(later).status == "ok"
    assert packets(pull(ana))[4:] == later


def test_the_view_shows_whatever_was_pushed_and_costs_no_more_than_its_bytes(
    postgres: Server, ben: Postgres
) -> None:
    chain, numbers = Chain(1), b"[" + b",".join([b"1e131071"] * 60_000) + b"]"
    written = [chain.put(body=b'{"a":' + numbers + b"}"), chain.put(body=b"\xff\0")]
    written.append(chain.put(header=b'{"kind":1e131071,"a":' + numbers[:9000] + b"1]}"))
    ben.push(written)
    with psycopg.connect(postgres.url("rob")) as connection:
        rows = connection.execute("SELECT * FROM opskit.log ORDER BY pos").fetchall()
    assert len(rows) == 3
    assert sum(len(str(rows[number])) for number in range(3)) < 2_000_000
