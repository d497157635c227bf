"""A PostgreSQL database as an upstream; `postgres.sql` says what is in it and who may do what."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opskit.changelog.packet import Arrival, Greeting, Packet, Pushed, Receipt
from opskit.changelog.sql import text
from opskit.errors import UpstreamError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PAGE = 1000
FORMAT = 1
# For every connection: a network that is gone is noticed within seconds, and nobody is held up by us.
OPTIONS = "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=10s"
KEEPALIVE = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}

_GREET = """
SELECT h.log, h.pos, (SELECT version FROM opskit.format), floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint,
    (SELECT e.chain FROM opskit.event e WHERE e.pos = %s)
FROM opskit.head h
"""
_PULL = """
SELECT e.pos, w.writer, e.seq, e.hash, e.chain, floor(extract(epoch FROM e.received_at) * 1000)::bigint, e.received_by,
    k.writer IS NULL, w.key, e.prev, e.header, e.signature, b.nonce, b.body
FROM opskit.event e JOIN opskit.writer w USING (wid)
    LEFT JOIN unnest(%s::bytea[], %s::bigint[]) AS k (writer, seq) ON k.writer = w.writer AND k.seq >= e.seq
    LEFT JOIN opskit.body b ON b.hash = e.hash AND k.writer IS NULL
WHERE e.pos > %s ORDER BY e.pos LIMIT %s
"""
_FETCH = """
SELECT w.writer, w.key, e.seq, e.prev, e.header, e.signature, b.nonce, b.body
FROM opskit.event e JOIN opskit.writer w USING (wid) LEFT JOIN opskit.body b USING (hash) WHERE e.pos = %s
"""
_PUSH = """
SELECT status, head_seq
FROM opskit.push(%s, %s, %s, %s, %s::bytea[], %s::bytea[], %s::bytea[], %s::bytea[], %s, %s)
"""
_INIT_LOCK = "SELECT pg_advisory_xact_lock(hashtext('opskit changelog init'))"


_PREPARE = "prepare it: opskit changelog init"
_UNREACHED = "is it up, and reached from here? what is new waits on this machine"
_ROLE = "an administrator makes your role: see opskit changelog init"
_CONNECTING = {
    'role "': _ROLE,
    'database "': "an administrator types: CREATE DATABASE …; is its name right in opskit.toml?",
    "password": "is your password in ~/.pgpass or PGPASSWORD?",
    "pg_hba.conf": _ROLE,
}


class Postgres:
    """An `Upstream` in a database. `timeout` (seconds) is for connecting; `host` and `port` stand for those of the address."""

    gapless = True

    def __init__(
        self, url: str, *, timeout: float, host: str | None = None, port: int | None = None
    ) -> None:
        self.name = _shown(url)
        self._url = url
        self._options = _options(timeout, host, port)
        self._connection: Any = None

    def greet(self, last: Receipt | None) -> Greeting:
        """See Upstream."""
        row = self._rows(_GREET, (last.pos if last else 0,))[0]
        log, pos, version, now_ms, chain = row
        if version != FORMAT:
            what = f"{self.name} was prepared by a newer opskit (format {version})"
            raise UpstreamError(what, hint="upgrade opskit on this machine")
        trouble = ""
        if last is not None and chain is None:
            trouble = "rewound"
        elif last is not None and bytes(chain) != last.chain:
            trouble = "rewritten"
        return Greeting(log, pos, now_ms, trouble)

    def pull(self, *, after: int, vector: Mapping[bytes, int]) -> Iterator[Sequence[Arrival]]:
        """See Upstream."""
        writers, seqs = list(vector), list(vector.values())
        while rows := self._rows(_PULL, (writers, seqs, after, PAGE)):
            yield [_arrival(row) for row in rows]
            after = rows[-1][0]
            if len(rows) < PAGE:
                return

    def fetch(self, pos: int) -> Packet:
        """See Upstream."""
        rows = self._rows(_FETCH, (pos,))
        if not rows:
            raise UpstreamError(f"{self.name} has nothing at place {pos}")
        return Packet.of(rows[0])

    def push(self, packets: Sequence[Packet], *, role: str | None = None) -> Pushed:
        """See Upstream."""
        first = packets[0]
        columns = [
            [getattr(packet, name) for packet in packets]
            for name in ("header", "signature", "nonce", "body")
        ]
        values = (
            first.writer,
            first.key,
            first.seq,
            first.prev,
            *columns,
            role is not None,
            role or None,
        )
        status, head_seq = self._rows(_PUSH, values)[0]
        return Pushed(status, head_seq)

    def redact(self, event: bytes) -> None:
        """See Upstream. The push of the `body.redacted` event has done it."""

    def close(self) -> None:
        """See Upstream."""
        if self._connection is not None:
            with contextlib.suppress(Exception):  # it is gone in any case
                self._connection.close()
            self._connection = None

    def _rows(self, query: str, values: Sequence[object]) -> list[Any]:
        with _in_words(self.name):
            if self._connection is None:
                self._connection = _connect(self._url, self._options)
            with self._connection.cursor(binary=True) as cursor:
                return list(cursor.execute(query, values).fetchall())


def setup(
    url: str, *, timeout: float, host: str | None = None, port: int | None = None
) -> list[str]:
    """Prepare a database, as a role that may create a schema and roles; gives what to tell people. Safe to repeat.

    Raises UpstreamError.
    """
    name = _shown(url)
    with _in_words(name):
        connection = _connect(url, _options(timeout, host, port))
        with connection, connection.transaction():
            connection.execute(_INIT_LOCK)
            found = connection.execute("SELECT to_regclass('opskit.format')").fetchone()
            there = found is not None and found[0] is not None
            if there:
                _demand_known(name, connection.execute("SELECT version FROM opskit.format"))
            connection.execute(text("upstream/postgres.sql").encode())
            (log,) = connection.execute("SELECT log FROM opskit.head").fetchone()
    done = (
        "was prepared already; its functions and rights are as they should be"
        if there
        else "is ready"
    )
    return [
        f"{name} {done} (log {log[:8]})",
        "for each engineer, an administrator types in psql, with a name and a password of theirs:",
        "  CREATE ROLE ana LOGIN PASSWORD '...'; GRANT opskit_write TO ana;",
        "for somebody who only reads: GRANT opskit_read TO ...;",
        "for somebody who may push again what others wrote, after a loss: GRANT opskit_relay TO ...;",
    ]


def _demand_known(name: str, found: Any) -> None:
    (version,) = found.fetchone()
    if version > FORMAT:
        what = f"{name} was prepared by a newer opskit (format {version})"
        raise UpstreamError(what, hint="upgrade opskit on this machine")


def _arrival(row: Sequence[Any]) -> Arrival:
    pos, writer, seq, digest, chain, received_ms, role, wanted, key, *rest = row
    receipt = Receipt(pos, digest, chain, received_ms, role)
    packet = Packet.of((writer, key, seq, *rest)) if wanted else None
    return Arrival(receipt, writer, seq, packet)


def _options(timeout: float, host: str | None, port: int | None) -> dict[str, Any]:
    there = {"host": host, "port": port} if host is not None else {}
    return {**KEEPALIVE, "connect_timeout": max(2, round(timeout)), "options": OPTIONS, **there}


def _connect(url: str, options: Mapping[str, Any]) -> Any:
    try:
        import psycopg
    except ImportError:
        hint = "in the clone: pip install '.[postgres]'"
        raise UpstreamError(
            "psycopg, which talks to PostgreSQL, is not installed", hint=hint
        ) from None
    return psycopg.connect(
        url, autocommit=True, prepare_threshold=None, application_name="opskit", **options
    )


@contextlib.contextmanager
def _in_words(name: str) -> Iterator[None]:
    """Turn what psycopg raises into UpstreamError: one line, and what to do."""
    try:
        yield
    except UpstreamError:
        raise
    except Exception as error:
        import psycopg

        if not isinstance(error, psycopg.Error):
            raise
        raise _explained(name, error) from None


def _explained(name: str, error: Any) -> UpstreamError:
    """Give what went wrong in one line; connecting gives no codes, only the server's English words."""
    from psycopg import errors

    said = " ".join((error.diag.message_primary or str(error)).split())
    said = said.rpartition("FATAL: ")[2].strip()
    hints = (
        ((errors.InvalidSchemaName, errors.UndefinedTable, errors.UndefinedFunction), _PREPARE),
        (errors.InsufficientPrivilege, "an administrator types: GRANT opskit_write TO your role"),
        (errors.LockNotAvailable, "somebody holds its tables; is an administrator at work there?"),
    )
    hint = next((words for kinds, words in hints if isinstance(error, kinds)), "")
    if not hint and isinstance(error, errors.OperationalError):
        hint = next((words for part, words in _CONNECTING.items() if part in said), _UNREACHED)
    if hint == _UNREACHED:
        said = said.removeprefix("connection failed: ").partition(" Is the server running")[0]
    return UpstreamError(f"{name}: {said[:300]}", hint=hint)


def _shown(url: str) -> str:
    """Give an address without what may be secret."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return f"postgresql://{place}{parts.path}"
