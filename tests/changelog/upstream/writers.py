"""Writers that sign events without a database, for tests of upstreams."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import cryptography.hazmat.primitives.asymmetric.ed25519  # noqa: F401 - before a test gives up its rights

from opskit.changelog.event import Header, chained, genesis, sealed
from opskit.changelog.packet import Packet
from opskit.changelog.signing import WriterKey, writer_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opskit.changelog.packet import Arrival
    from opskit.changelog.upstream import Upstream

NASTY = 'it\'s "so"\n\r\t\\ \u2028 \x85 ü 🚀 @0000000000000+ 12 abcdef {"of":"'


KEYS: dict[bytes, WriterKey] = {}
"""The keys of all writers here, by their ids."""


class Writer:
    """One writer; the same `seed` gives the same one."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._key = writer_key(self._random.randbytes(32))
        self.key, self.id = self._key.public, self._key.writer
        KEYS[self.id] = self._key
        self.seq, self.prev = 0, genesis(self.id)

    def write(self, count: int = 1, *, text: str = NASTY) -> list[Packet]:
        """Give the next events."""
        return [self._next(text) for _ in range(count)]

    def back_to(self, packet: Packet) -> Writer:
        """Go on behind an earlier event, as a copy of the home directory would."""
        self.seq, self.prev = packet.seq, packet.hash
        return self

    def _next(self, text: str) -> Packet:
        self.seq += 1
        body = f'{{"why":"{text}"}}'.encode()
        nonce = self._random.randbytes(16)
        header = Header(
            writer=self.id.hex(), seq=self.seq, kind="note", hlc=(1 << 40) + self.seq,
            ts=1_700_000_000_000, body=sealed(nonce, body), actor="ana",
        ).encode()  # fmt: skip
        digest = chained(self.prev, header)
        made = Packet(
            writer=self.id, key=self.key, seq=self.seq, prev=self.prev, header=header,
            signature=self._key.sign(digest), nonce=nonce, body=body,
        )  # fmt: skip
        self.prev = digest
        return made


def pull(
    upstream: Upstream, after: int = 0, known: dict[bytes, int] | None = None
) -> list[Arrival]:
    """Give all arrivals behind a place."""
    pages = upstream.pull(after=after, vector=known or {})
    return [arrival for page in pages for arrival in page]


def packets(arrivals: Iterable[Arrival]) -> list[Packet]:
    """Give the packets of arrivals that have one."""
    return [arrival.packet for arrival in arrivals if arrival.packet is not None]
