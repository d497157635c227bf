"""Who may do what in the database: nobody changes what is there, not even by way of what PostgreSQL offers besides."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import psycopg
import pytest

from opskit.changelog import Changelog
from opskit.changelog.sync import sync
from opskit.errors import UpstreamLiesError
from tests.changelog.upstream.chains import CLAIM, PUSH, Chain, arguments, opened, proof
from tests.changelog.upstream.writers import packets, pull

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.changelog.packet import Packet
    from opskit.changelog.upstream.postgres import Postgres
    from tests.support.postgres import Server

EVERYBODY = ("ana", "ben", "rita", "rob", "nora")
TABLES = ("format", "head", "writer", "claim", "event", "body", "redaction", "fork")
CHANGES = (
    "INSERT INTO opskit.{} OVERRIDING SYSTEM VALUE SELECT * FROM opskit.{}",
    "UPDATE opskit.{} SET {column} = {column}",
    "DELETE FROM opskit.{}",
    "TRUNCATE opskit.{} CASCADE",
    "ALTER TABLE opskit.{} ADD COLUMN x int",
    "ALTER TABLE opskit.{} DISABLE TRIGGER ALL",
    "DROP TRIGGER append_only ON opskit.{}",
    "CREATE TRIGGER mine BEFORE INSERT ON opskit.{} FOR EACH ROW EXECUTE FUNCTION opskit.forbid()",
    "CREATE RULE mine AS ON INSERT TO opskit.{} DO INSTEAD NOTHING",
    "DROP TABLE opskit.{} CASCADE",
    "BEGIN; LOCK TABLE opskit.{} IN ACCESS EXCLUSIVE MODE",
    "SELECT * FROM opskit.{} FOR UPDATE",
)
OTHERS = (
    "SET session_replication_role = replica",
    "SET ROLE opskit_owner",
    "SET SESSION AUTHORIZATION postgres",
    "GRANT opskit_owner TO CURRENT_USER",
    "GRANT opskit_relay TO CURRENT_USER",
    "DROP SCHEMA opskit CASCADE",
    "CREATE TABLE opskit.mine (x int)",
    "CREATE FUNCTION opskit.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "ALTER FUNCTION opskit.forbid() RENAME TO allow",
    "CREATE OR REPLACE FUNCTION opskit.forbid() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "CREATE OR REPLACE VIEW opskit.log AS SELECT 1 AS pos",
    "SELECT opskit.obey(ARRAY['\\x00'::bytea], true)",
    "SELECT opskit.lock_writer('\\x00', '\\x00', 1, true)",
    "SELECT opskit.is_signed('\\x00', '\\x00', '\\x00')",
    "SELECT opskit.newest_claim('\\x00')",
    "DROP DATABASE opskit",
)
FORGED = "convert_to(replace(convert_from(header, 'UTF8'), 'ana', 'ben'), 'UTF8')"
AWAY = "DELETE FROM opskit.body WHERE pos = 2; DELETE FROM opskit.event WHERE pos = 2"
COLUMNS = {
    "writer": "head_seq",
    "format": "version",
    "head": "pos",
    "redaction": "hash",
    "body": "pos",
    "event": "pos",
}


@pytest.fixture
def written(ana: Postgres) -> list[Packet]:
    """Three events that ana pushed."""
    made = Chain(1).write(3)
    ana.push(made)
    return made


@pytest.mark.parametrize("who", EVERYBODY)
def test_nobody_changes_a_table(postgres: Server, written: list[Packet], who: str) -> None:
    for table in TABLES:
        for change in CHANGES:
            column = COLUMNS.get(table, "wid")
            command = change.format(table, table, column=column)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                postgres.sql(command, role=who)
    with opened(postgres.url("ben")) as ben:
        assert packets(pull(ben)) == written


@pytest.mark.parametrize("who", EVERYBODY)
def test_nobody_gets_around_it(postgres: Server, who: str) -> None:
    for command in OTHERS:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            postgres.sql(command, role=who)


def test_who_only_reads_cannot_push_and_who_has_no_role_sees_nothing(postgres: Server) -> None:
    calls = (
        "SELECT opskit.push(NULL, NULL, 1, NULL, NULL, NULL, NULL, NULL, false)",
        "SELECT opskit.claim(NULL, 1, NULL)",
    )
    for who in ("rob", "nora"):
        for each in calls:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                postgres.sql(each, role=who)
    assert postgres.sql("SELECT count(*) FROM opskit.log", role="rob") == [(0,)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        postgres.sql("SELECT * FROM opskit.log", role="nora")


def test_a_function_of_ones_own_does_not_come_before_the_databases(
    postgres: Server, ana: Postgres
) -> None:
    postgres.sql("CREATE SCHEMA trap AUTHORIZATION ana")
    for name in (
        "sha256(bytea) RETURNS bytea",
        "sha512(bytea) RETURNS bytea",
        "octet_length(bytea) RETURNS bytea",
    ):
        postgres.sql(
            f"CREATE FUNCTION trap.{name} LANGUAGE sql AS $$ SELECT '\\x00'::bytea $$", role="ana"
        )
    with psycopg.connect(postgres.url("ana"), autocommit=True) as connection:
        connection.execute("SET search_path = trap, pg_catalog")
        connection.execute("CREATE TEMP TABLE event (x int)")
        forged = (Chain(1).key, 1, b"s" * 63 + b"\0")
        with pytest.raises(psycopg.errors.DatabaseError, match="did not sign"):
            connection.execute(CLAIM, forged)
        proved = (*forged[:2], proof(postgres, "ana", Chain(1).id))
        assert connection.execute(CLAIM, proved).fetchone() == ("ok", 1)
        assert connection.execute(PUSH, arguments(Chain(1).write(2))).fetchone() == ("ok", 2)
    assert len(pull(ana)) == 2


def test_even_the_superuser_is_stopped_until_he_takes_the_triggers_away(
    postgres: Server, written: list[Packet]
) -> None:
    for command in (
        "DELETE FROM opskit.event",
        "TRUNCATE opskit.event CASCADE",
        "UPDATE opskit.event SET header = ''",
        "DELETE FROM opskit.body",
        "UPDATE opskit.head SET pos = 1",
        "SET session_replication_role = replica; DELETE FROM opskit.event",
        "SET ROLE opskit_owner; TRUNCATE opskit.body",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            postgres.sql(command)
    assert postgres.sql("SELECT count(*) FROM opskit.body") == [(len(written),)]


def _disarmed(server: Server, command: str) -> None:
    off = "; ".join(f"ALTER TABLE opskit.{name} DISABLE TRIGGER ALL" for name in TABLES)
    server.sql(f"{off}; {command}")


@pytest.mark.parametrize(
    ("command", "trick"),
    [
        (f"UPDATE opskit.event SET header = {FORGED} WHERE pos = 2", "altered"),
        ("UPDATE opskit.event SET hash = sha256(hash) WHERE pos = 2", "altered"),
        ("UPDATE opskit.event SET chain = sha256(chain) WHERE pos = 2", "altered"),
        (AWAY, "dropped"),
        (f"{AWAY}; UPDATE opskit.event SET pos = 2 WHERE pos = 3", "altered"),
    ],
    ids=["header", "hash", "chain", "one is gone", "one is gone and the next has its place"],
)  # fmt: skip
def test_what_a_superuser_changes_is_seen_by_who_pulls_it(
    postgres: Server, written: list[Packet], tmp_path: Path, command: str, trick: str
) -> None:
    _disarmed(postgres, command)
    with Changelog(tmp_path / "ben.db") as changelog, opened(postgres.url("ben")) as upstream:
        exchange = changelog.exchange()
        with pytest.raises(UpstreamLiesError) as caught:
            sync(exchange, upstream)
        assert caught.value.trick == trick
        exchange.close()


def test_what_a_superuser_changes_of_what_was_pulled_is_seen_by_its_receipt(
    postgres: Server, ana: Postgres, written: list[Packet]
) -> None:
    held = pull(ana)[-1].receipt
    _disarmed(postgres, f"{AWAY}; UPDATE opskit.head SET pos = 2".replace("pos = 2;", "pos = 3;"))
    assert ana.greet(held).trouble == "rewound"
    forged = dataclasses.replace(held, pos=2)
    assert ana.greet(forged).trouble == "rewritten"


def test_engineers_read_the_log_with_psql(postgres: Server, written: list[Packet]) -> None:
    for who in ("ana", "rita", "rob"):
        rows = postgres.sql(
            "SELECT pos, received_by, kind, actor, hash, body_is FROM opskit.log ORDER BY pos",
            role=who,
        )
        assert rows[0] == (1, "ana", "note", "ana", written[0].hash.hex(), "here")
