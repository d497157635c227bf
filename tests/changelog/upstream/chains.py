"""Chains of any events, honest or not, and an engineer who pushes them as somebody with psql would."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any

import psycopg

from opskit.changelog.event import Header, chained, sealed
from opskit.changelog.packet import Packet, Pushed
from opskit.changelog.signing import claim_of
from opskit.changelog.sql import statement
from opskit.changelog.upstream.postgres import Postgres
from tests.changelog.upstream.writers import KEYS, Writer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.support.postgres import Server

PUSH = """
SELECT status, agreed FROM opskit.push(
    %s::bytea, %s::bytea, %s::bigint, %s::bytea, %s::bytea[], %s::bytea[], %s::bytea[], %s::bytea[], %s::boolean)
"""

AWAKE = "SET LOCAL idle_in_transaction_session_timeout = 0"
CLAIM = "SELECT status, agreed FROM opskit.claim(%s::bytea, %s::bigint, %s::bytea)"


class Engineer(Postgres):
    """The log as a laptop uses it that has the key of every writer here, and proves so for those that are nobody's yet."""

    def push(self, packets: Sequence[Packet], *, relay: bool = False) -> Pushed:
        answer = super().push(packets, relay=relay)
        key = KEYS.get(packets[0].writer)
        if answer == Pushed("unproven", 0) and key is not None:
            self.claim(key, log=self.greet(None).log, number=1)
            answer = super().push(packets, relay=relay)
        return answer


class Chain(Writer):
    """A writer that signs whatever it is told to."""

    def put(
        self,
        kind: str = "note",
        body: Mapping[str, object] | bytes = b'{"text":"hello"}',
        *,
        header: bytes | None = None,
        **fields: Any,
    ) -> Packet:
        """Give the next event: of a kind, with other header fields, or with any bytes as its header."""
        self.seq += 1
        nonce = self._random.randbytes(16)
        data = body if isinstance(body, bytes) else json.dumps(body, sort_keys=True).encode()
        if header is None:
            given: dict[str, Any] = {
                "writer": self.id.hex(), "seq": self.seq, "kind": kind, "hlc": (1 << 40) + self.seq,
                "ts": 1_700_000_000_000, "body": sealed(nonce, data), "actor": "ana@laptop",
            }  # fmt: skip
            header = Header(**(given | fields)).encode()
        digest = chained(self.prev, header)
        made = Packet(
            writer=self.id, key=self.key, seq=self.seq, prev=self.prev, header=header,
            signature=self._key.sign(digest), nonce=nonce, body=data,
        )  # fmt: skip
        self.prev = digest
        return made

    def copied(self) -> Chain:
        """Give a copy with the same key, as on a copied laptop; it goes on by itself."""
        other = Chain.__new__(Chain)
        other.__dict__.update(self.__dict__)
        return other


def redaction_of(chain: Chain, packet: Packet) -> Packet:
    """Give the event that takes a body away."""
    return chain.put("body.redacted", {"event": packet.hash.hex(), "why": "a password"})


def without_body(packet: Packet) -> Packet:
    return dataclasses.replace(packet, nonce=None, body=None)


def chain_over(start: bytes, packets: Sequence[Packet]) -> bytes:
    """Give the chain of a log after these events, from the chain before them on."""
    for packet in packets:
        start = hashlib.sha256(start + packet.hash).digest()
    return start


@contextlib.contextmanager
def opened(url: str, *, timeout: float = 60.0, **options: Any) -> Iterator[Engineer]:
    """Give the upstream for the block."""
    upstream = Engineer(url, timeout=timeout, **options)
    try:
        yield upstream
    finally:
        upstream.close()


def arguments(packets: Sequence[Packet], *, relay: bool = False) -> list[Any]:
    """Give what the push function takes."""
    first = packets[0]
    columns = [
        [getattr(p, name) for p in packets] for name in ("header", "signature", "nonce", "body")
    ]
    return [first.writer, first.key, first.seq, first.prev, *columns, relay]


def call(
    server: Server, who: str, values: Sequence[Any], database: str = "opskit"
) -> tuple[str, int]:
    """Call the push function with anything, as a role; gives its answer or raises what the server does."""
    with psycopg.connect(server.url(who, database), autocommit=True) as connection:
        row = connection.execute(PUSH, values).fetchone()
        assert row is not None
        return row[0], row[1]


def proof(server: Server, who: str, writer: bytes, number: int = 1, *, log: str = "") -> bytes:
    """Give a writer's signature that it is to be a role's."""
    log = log or server.sql("SELECT log_id FROM opskit.head")[0][0]
    return KEYS[writer].sign(claim_of(log, number, who))


def claim(server: Server, who: str, writer: bytes, number: int = 1) -> tuple[str, int]:
    """Prove as a role that it has a writer's key."""
    with psycopg.connect(server.url(who), autocommit=True) as connection:
        values = (KEYS[writer].public, number, proof(server, who, writer, number))
        row = connection.execute(CLAIM, values).fetchone()
        assert row is not None
        return row[0], row[1]


def impatient(name: str) -> str:
    """Give a statement of the client's that waits for a lock only for a moment."""
    text = statement(name, "upstream/postgres/statements.sql")
    return text.replace("lock_timeout = '10s'", "lock_timeout = '300ms'")
