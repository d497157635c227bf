"""The one writer of a local changelog: reads its head, signs, and returns when the event is on the disk."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.changelog import database, files, forgetting, index, redaction
from opskit.changelog.canonical import decode, encode
from opskit.changelog.claims import Picks
from opskit.changelog.clock import LAST_MS, Offset, ceiling, is_believable, tick
from opskit.changelog.event import ENROLLED, SUCCEEDS, Event, Header, chained, genesis, sealed
from opskit.changelog.machine import actor_here, boot, machine_id
from opskit.changelog.signing import WriterKey, load_key, save_key, writer_key
from opskit.changelog.sql import statement
from opskit.errors import ChangelogError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LARGEST_BODY = 16 * 2**20
LARGEST_HEADER = 16384


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An event before it has its place in a chain; fields as in `event.Header`."""

    kind: str
    actor: str
    body: Mapping[str, object]
    service: str = ""
    environment: str = ""
    rollout: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True)
class _Home:
    """Where the next event goes: our writer, its newest event, and the file that it lives in."""

    wid: int
    machine: str
    inode: int
    writer: bytes
    head_seq: int
    head_hash: bytes
    head_hlc: int | None


class Store:
    """Appends to one database file. Use it from one thread at a time."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._keys: dict[bytes, WriterKey] = {}
        self.picks = Picks(file.parent)

    def append(self, draft: Draft) -> Event:
        """Add an event; it is durable when this returns. Raises ChangelogError, then it is not there."""
        body = encode(draft.body)
        if len(body) > LARGEST_BODY:
            raise ChangelogError(
                f"the body of {draft.kind} is larger than {LARGEST_BODY >> 20} MiB"
            )
        with database.in_words(self.file):
            try:
                with self.transaction() as connection:
                    event = self.insert(connection, draft, body)
                    self._commit(connection, event)
            except sqlite3.Error:
                self.close()
                raise
        return event

    def close(self) -> None:
        """Let go of the database; the next append opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def open(self) -> sqlite3.Connection:
        """Give a connection to the file that has the name *now*; another one may have been put there."""
        if self._connection is not None and database.inode_of(self.file) == self._inode:
            return self._connection
        self.close()
        files.prepare(self.file)
        connection, self._inode = database.connect_named(self.file)
        try:
            self._move_in(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the one write transaction of the file that has the name *now*; COMMIT is the caller's, an exception rolls back."""
        # while somebody waits for the lock of a file, a rebuild may put another one in its place
        while True:
            connection = self.open()
            with database.transaction(connection):
                if database.inode_of(self.file) == self._inode:
                    yield connection
                    return
                connection.execute("ROLLBACK")
            self.close()

    def _move_in(self, connection: sqlite3.Connection) -> None:
        """Make the schema, the index and our writer where they are missing; one transaction for all."""
        home = None if database.is_new(connection) else self._home(connection)
        if home and self._is_ours(home) and database.has_index(connection):
            return
        with database.transaction(connection):
            if database.is_new(connection):
                database.create(connection)
            if not database.has_index(connection):
                index.rebuild(connection)
            home = self._home(connection)
            if not (home and self._is_ours(home)):
                self._new_writer(connection, home)
            connection.execute("COMMIT")

    def begin_anew(self, connection: sqlite3.Connection, after: int) -> None:
        """Go on as a new writer, within the caller's transaction: our chain is forked after event `after`.

        What we wrote after that is written again by the new one, so that nobody misses it.
        """
        home = self._home(connection)
        if home is None:
            return
        connection.execute(statement("mark_forked"), (home.writer,))
        rows = connection.execute(statement("own_after"), (home.wid, after)).fetchall()
        self._new_writer(connection, home)
        for signed, body, digest in rows:
            header = Header.decode(signed)
            if body is not None and header.kind != ENROLLED:
                draft = Draft(
                    kind=header.kind, actor=header.actor, body=decode(body), service=header.service,
                    environment=header.environment, rollout=header.rollout, action=header.action,
                )  # fmt: skip
                event = self.insert(connection, draft, body)
                connection.execute(statement("redacted_by"), (event.hash, digest))

    def _new_writer(self, connection: sqlite3.Connection, home: _Home | None) -> None:
        key = writer_key(secrets.token_bytes(32))
        save_key(self.file.parent, key)
        values = (key.writer, key.public, genesis(key.writer))
        wid = connection.execute(statement("add_writer"), values).lastrowid
        connection.execute(statement("move_in"), (wid, machine_id(), self._inode))
        if home:
            self.insert(connection, *_succession(home))

    def _is_ours(self, home: _Home) -> bool:
        """Tell whether this is the file and the machine that the writer was made for, with its key."""
        here = (machine_id(), self._inode)
        return (home.machine, home.inode) == here and self._key(home.writer) is not None

    def _home(self, connection: sqlite3.Connection) -> _Home | None:
        row = connection.execute(statement("home")).fetchone()
        return _Home(*row) if row else None

    def _key(self, writer: bytes) -> WriterKey | None:
        if writer not in self._keys:
            key = load_key(self.file.parent, writer)
            if key is None:
                return None
            self._keys[writer] = key
        return self._keys[writer]

    def insert(self, connection: sqlite3.Connection, draft: Draft, body: bytes) -> Event:
        """Sign an event that follows our head, and add it; within the caller's transaction."""
        home = self._home(connection)
        key = self._key(home.writer) if home else None
        if home is None or key is None:
            raise ChangelogError(f"the key of {self.file} is gone", hint="run the command again")
        nonce = secrets.token_bytes(16)
        signed = self._header(connection, home, draft, sealed(nonce, body)).encode()
        if len(signed) > LARGEST_HEADER:
            raise ChangelogError(f"the names in {draft.kind} are too long for an event")
        digest = chained(home.head_hash, signed)
        event = Event(
            header=Header.decode(signed),
            signed=signed,
            prev=home.head_hash,
            hash=digest,
            signature=key.sign(digest),
            body=decode(body),
        )
        write(connection, home.wid, event, nonce, body)
        target = redaction.target(draft.kind, draft.body)
        if target is not None and redaction.obey(connection, target, digest):
            forgetting.tidy(connection)
        return event

    def _header(
        self, connection: sqlite3.Connection, home: _Home, draft: Draft, body: str
    ) -> Header:
        wall = min(max(time.time_ns() // 1_000_000, 0), LAST_MS)
        clock = clock_field(connection)
        now = wall + int(clock.get("off", 0))
        (others,) = connection.execute(statement("newest_clock"), (ceiling(now),)).fetchone()
        return Header(
            writer=home.writer.hex(),
            seq=home.head_seq + 1,
            kind=draft.kind,
            hlc=tick(now, home.head_hlc or 0, others or 0),
            ts=wall,
            clock=clock,
            seen=_seen(connection),
            body=body,
            service=draft.service,
            environment=draft.environment,
            rollout=draft.rollout,
            action=draft.action,
            actor=draft.actor,
            **self.picks.fields(connection, draft.kind, draft.rollout, home.writer),  # type: ignore[arg-type]
        )

    def _commit(self, connection: sqlite3.Connection, event: Event) -> None:
        """Commit. An error here says nothing: only a look at the file, opened anew, tells what is there."""
        try:
            connection.execute("COMMIT")
        except sqlite3.Error:
            self.close()
            if not self._is_there_for_good(event):
                raise

    def _is_there_for_good(self, event: Event) -> bool:
        """Tell whether an event is in the file; one more commit that succeeds then brings it to the disk."""
        connection = database.connect(self.file, write=True)
        try:
            with database.transaction(connection):
                found = connection.execute(statement("is_there"), (event.hash,)).fetchall()
                if found:
                    connection.execute(statement("write_the_same"))
                connection.execute("COMMIT")
        finally:
            connection.close()
        return bool(found)


def write(
    connection: sqlite3.Connection,
    wid: int,
    event: Event,
    nonce: bytes | None,
    body: bytes | None,
    *,
    received_ms: int = 0,
    readable: bool = True,
) -> int:
    """Add a checked event to the end of its chain, within the caller's transaction; gives its number.

    `received_ms` is when an upstream received it, 0 if that is not known. An event that is not `readable` is kept, and found by
    its hash only.
    """
    header = event.header
    place = (wid, header.seq, event.prev, event.hash, event.signed, event.signature)
    values = (*place, header.hlc, header.kind, header.rollout)
    n = connection.execute(statement("add_event"), values).lastrowid or 0
    if nonce is not None and body is not None:
        connection.execute(statement("add_body"), (n, nonce, body))
    if readable:
        index.add(connection, n, event.hash, header, event.body, received_ms=received_ms)
    return n


def clock_field(connection: sqlite3.Connection) -> dict[str, int]:
    """Give the header's field `clock`: how far this machine's clock is off; empty if it is right, or nobody knows."""
    row = connection.execute(statement("measured_clock")).fetchone()
    offset = Offset(*row) if row else None
    if offset is None or not offset.is_off or not offset.holds(boot()):
        return {}
    here = time.time_ns() // 1_000_000
    if not is_believable(here, here + offset.ms):
        return {}
    return {"off": offset.ms, "err": offset.error_ms}


def _seen(connection: sqlite3.Connection) -> dict[str, object]:
    row = connection.execute(statement("seen")).fetchone()
    return {"log": row[0], "pos": row[1], "chain": row[2].hex()} if row else {}


def _succession(home: _Home) -> tuple[Draft, bytes]:
    old = {"writer": home.writer.hex(), "seq": home.head_seq, "hash": home.head_hash.hex()}
    return Draft(kind=SUCCEEDS, actor=actor_here(), body=old), encode(old)
