"""A database that answers what it never would: other types, more than was asked for. It is an error of one line, never a crash."""

from __future__ import annotations

import contextlib
import resource
import socket
import struct
import threading
from typing import TYPE_CHECKING

import pytest

from opskit.changelog.upstream.postgres import Postgres, answers
from opskit.errors import UpstreamError
from tests.changelog.upstream.chains import Chain, opened
from tests.changelog.upstream.writers import pull

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.postgres import Server

COLUMNS = {
    "event": "pos wid seq prev hash header signature chain received_at received_by owner",
    "head": "one log_id pos chain",
    "body": "pos nonce body",
    "writer": "wid writer public_key db_role head_seq head_hash",
    "format": "version",
}
LIES = {
    "greet": {
        "head.log_id": ("null::text", "7", r"E'\x1b[31mevil\n'", "''"),
        "head.pos": ("null::bigint", "'abc'::text", "-5::bigint", "(2::bigint^62)::bigint"),
        "format.version": ("'one'::text", "1.5"),
    },
    "pull": {
        "event.pos": ("pos + (2::bigint^60)::bigint", "1.0e131071::numeric"),
        "event.seq": ("-1::bigint", "9223372036854775807::bigint", "'x'::text || seq"),
        "event.hash": ("'abc'::bytea", "null::bytea", "7"),
        "event.chain": ("null::bytea", "'abc'::text"),
        "event.prev": ("null::bytea", "'2020-01-01'::date"),
        "event.header": ("null::bytea", "'{}'::json"),
        "event.signature": ("null::bytea", "'abc'::text"),
        "event.received_at": ("'4000-01-01 BC'::timestamptz", "'290000-01-01'::timestamptz"),
        "body.nonce": ("'abc'::text", "array[1]"),
        "body.body": ("'abc'::text", "'{}'::jsonb"),
        "writer.public_key": ("7", "null::bytea"),
        "event.owner": ("repeat('x', 100)", "7::text || repeat('y', 63)"),
        "writer.writer": ("substr(writer, 1, 5)", "null::bytea"),
    },
}  # fmt: skip
ANSWERS = (
    "'gap', (2::bigint^62)::bigint", "'gap', -5", "'gap', 2", "'fork', NULL", "'fork', -7", "'fork', 99",
    "'ok', 1", "'what', 2", "'unproven', -1", "'unproven', (2::bigint^62)::bigint", "NULL, NULL",
)  # fmt: skip


def lying(server: Server, column: str, value: str) -> None:
    """Have a table of the database say something else in a column from now on."""
    table, _, name = column.partition(".")
    fields = ", ".join(
        f"{value} AS {each}" if each == name else each for each in COLUMNS[table].split()
    )
    server.sql(
        f"ALTER TABLE opskit.{table} RENAME TO true_{table}; "
        f"CREATE VIEW opskit.{table} AS SELECT {fields} FROM opskit.true_{table}; "
        f"GRANT SELECT ON opskit.{table} TO PUBLIC"
    )  # fmt: skip


def honest(server: Server, column: str) -> None:
    table = column.partition(".")[0]
    server.sql(f"DROP VIEW opskit.{table}; ALTER TABLE opskit.true_{table} RENAME TO {table}")


def test_an_answer_of_another_type_is_said_in_one_line(postgres: Server, ana: Postgres) -> None:
    ana.push(Chain(1).write(2))
    for method, columns in LIES.items():
        for column, values in columns.items():
            for value in values:
                lying(postgres, column, value)
                with opened(postgres.url("ben")) as ben:
                    work = ben.greet if method == "greet" else lambda _: pull(ben)
                    print(column, value)
                    assert _said(lambda work=work: work(None))
                honest(postgres, column)
    with opened(postgres.url("ben")) as ben:
        assert len(pull(ben)) == 2


def test_one_event_of_another_type_is_said_in_one_line(postgres: Server, ana: Postgres) -> None:
    ana.push(Chain(1).write(2))
    for column, value in (("body.nonce", "'abc'::text"), ("event.seq", "null::bigint")):
        lying(postgres, column, value)
        with opened(postgres.url("ben")) as ben:
            assert "gives what is no event at place 2" in _said(lambda: ben.fetch(2))
        honest(postgres, column)


def test_an_answer_to_a_push_that_cannot_be_is_none(postgres: Server, ana: Postgres) -> None:
    written = Chain(1).write(4)
    ana.push(written[:2])
    arguments = "bytea, bytea, bigint, bytea, bytea[], bytea[], bytea[], bytea[], boolean"
    for answer in ANSWERS:
        postgres.sql(f"DROP FUNCTION IF EXISTS opskit.push({arguments})")
        postgres.sql(
            f"CREATE FUNCTION opskit.push({arguments}, OUT status text, OUT agreed bigint) "
            f"LANGUAGE sql AS $$ SELECT {answer.replace(',', '::text,')}::bigint $$"
        )
        assert "does not say what became of a push" in _said(lambda: ana.push(written[2:]))


@pytest.mark.parametrize("answers_with", ["endless rows", "endless results"])
def test_more_than_was_asked_for_is_not_taken_in(
    answers_with: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(answers, "LARGEST_EVENT", 2**20)
    monkeypatch.setattr(answers, "ONE", answers.Limits(1, 2**20))
    with endless(answers_with) as url, opened(url, timeout=5.0) as upstream:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for work in (
            lambda: upstream.greet(None),
            lambda: pull(upstream),
            lambda: upstream.push(Chain(1).write()),
        ):
            assert _said(work)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024
    assert [each.getMessage() for each in caplog.records] == [], "nobody was asked to cancel it"


def test_the_connection_is_as_good_as_before_after_an_answer_and_after_a_refusal(
    postgres: Server, ana: Postgres, ben: Postgres
) -> None:
    one, two = Chain(1), Chain(2)
    ana.push(one.write(2))
    for _ in range(3):
        with pytest.raises(UpstreamError, match="may not push events of others"):
            ben.push(one.write(), relay=True)
        assert ben.push(two.write(2)).status == "ok"
        assert len(pull(ben)) >= 2


def _said(work: Callable[[], object]) -> str:
    """Give what an error says."""
    with pytest.raises(UpstreamError) as caught:
        work()
    assert not {"\n", "\x1b"} & set(caught.value.what)
    return caught.value.what


@contextlib.contextmanager
def endless(kind: str) -> Iterator[str]:
    """Give the address of what speaks PostgreSQL's protocol and answers every question without an end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, kind), daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        yield f"postgresql://ana@127.0.0.1:{port}/x?sslmode=disable&gssencmode=disable"


def _serve(listener: socket.socket, kind: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            near, _ = listener.accept()
            threading.Thread(target=_answer, args=(near, kind), daemon=True).start()


def _answer(near: socket.socket, kind: str) -> None:
    ready = _message(b"R", struct.pack("!I", 0)) + _message(b"Z", b"I")
    column = struct.pack("!H", 1) + b"a\0" + struct.pack("!IHIhih", 0, 0, 17, -1, -1, 1)
    row = _message(b"D", struct.pack("!HI", 1, 60_000) + b"x" * 60_000)
    begin = _message(b"T", column)
    again = row if kind == "endless rows" else begin + row + _message(b"C", b"SELECT 1\0")
    with contextlib.suppress(OSError), near:
        near.recv(65536)
        near.sendall(ready)
        first = near.recv(65536)
        if first[:1] != b"Q":
            near.sendall(_message(b"1", b"") + _message(b"2", b""))
        near.sendall(begin)
        while True:
            near.sendall(again * 16)


def _message(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("!I", len(data) + 4) + data
