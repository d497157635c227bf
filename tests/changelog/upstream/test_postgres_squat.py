"""Somebody pushes first what others wrote, or holds a lock, or fills the log with what cannot be shown: nobody is kept out for good."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from typing import TYPE_CHECKING

import psycopg
import pytest

from opskit.changelog import Changelog
from opskit.changelog.sync import sync
from opskit.changelog.upstream.postgres import preparing, setup
from opskit.errors import UpstreamError
from tests.changelog.upstream.chains import PUSH, Chain, arguments, opened
from tests.changelog.upstream.writers import packets, pull

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.changelog.upstream.postgres import Postgres
    from tests.support.postgres import Server


def orders(error: UpstreamError) -> list[str]:
    """Give the SQL that a hint tells an administrator to run."""
    return re.findall(r"SELECT [^;]*;", error.hint)


def refused(upstream: Postgres, written: list) -> UpstreamError:  # type: ignore[type-arg]
    with pytest.raises(UpstreamError, match="belongs to role ben, not to ana") as caught:
        upstream.push(written)
    assert caught.value.hint.startswith("if that is wrong, somebody in opskit_relay runs: SELECT")
    return caught.value


def test_whose_events_another_role_pushed_first_is_told_what_an_administrator_types(
    postgres: Server, ana: Postgres, ben: Postgres
) -> None:
    written = Chain(1).write(3)
    ben.push(written[:1])
    assign, _ = orders(refused(ana, written))
    postgres.sql(assign, role="rita")
    assert ana.push(written).status == "ok"
    assert packets(pull(ben)) == written


def test_a_chain_that_its_writer_never_signed_is_set_aside_and_begun_anew(
    postgres: Server, ana: Postgres, ben: Postgres, tmp_path: Path
) -> None:
    written = Chain(1).write(4)
    forged = dataclasses.replace(written[1], header=b"garbage", signature=b"\0" * 64)
    ben.push([written[0], forged])
    _, set_aside = orders(refused(ana, written))
    set_aside = set_aside.replace("N - 1", "1")
    for who in ("ana", "ben", "rob"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            postgres.sql(set_aside, role=who)
    postgres.sql(set_aside, role="rita")
    assert "not to ben" in _said(ben, written[:1])
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
    owners = postgres.sql("SELECT db_role, given_by FROM opskit.claim ORDER BY given_at")
    assert owners == [("ben", "ben"), ("ana", "rita")]


def test_what_is_not_there_cannot_be_set_aside(postgres: Server, ana: Postgres) -> None:
    written = Chain(1).write(2)
    ana.push(written)
    for writer, after in ((b"x", 0), (written[0].writer, 2), (written[0].writer, -1)):
        with pytest.raises(psycopg.errors.UndefinedObject, match="has no event after"):
            postgres.sql("SELECT opskit.set_aside(%s, %s, 'ana')", (writer, after), role="rita")
    assert packets(pull(ana)) == written


def test_who_holds_the_log_is_named_with_what_ends_it(
    postgres: Server, ana: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opskit.changelog.upstream.postgres.client._said", _impatient)
    with contextlib.closing(psycopg.connect(postgres.url("ben"))) as held:
        held.execute(PUSH, arguments(Chain(2).write()))
        held.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        with pytest.raises(UpstreamError, match=r"is busy: ben \(process \d+\) holds") as caught:
            ana.push(Chain(1).write())
        (end,) = orders(caught.value)
        postgres.sql(end)
        assert ana.push(Chain(1).write()).status == "ok"


def test_who_holds_up_init_is_named_too(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "WAIT_S", 1)
    url = postgres.new_database("held")
    with psycopg.connect(postgres.url("ben", "held")) as held:
        held.execute("SELECT pg_advisory_lock(hashtext('opskit changelog init'))")
        with pytest.raises(UpstreamError, match=r"is busy: ben \(process \d+\) holds"):
            setup(url, timeout=5.0)
    assert " is ready: " in setup(url, timeout=5.0)[0]


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


def _said(upstream: Postgres, written: list) -> str:  # type: ignore[type-arg]
    with pytest.raises(UpstreamError) as caught:
        upstream.push(written)
    return caught.value.what


def _impatient(name: str) -> str:
    from opskit.changelog.sql import statement

    text = statement(name, "upstream/postgres/statements.sql")
    return text.replace("lock_timeout = '10s'", "lock_timeout = '300ms'")
