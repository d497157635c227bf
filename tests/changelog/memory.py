"""A log in memory, honest unless told otherwise, and a laptop that shares through it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from opskit.changelog import Changelog
from opskit.changelog.packet import Arrival, Greeting, Packet, Pushed, Receipt
from opskit.changelog.receipts import first_chain
from opskit.changelog.sync import sync

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from opskit.changelog.signing import WriterKey

LOG = "ab" * 16


class Memory:
    """An honest log in memory, which `lie` may alter on its way out."""

    gapless = True
    name = "memory"

    def __init__(self, log: str = LOG) -> None:
        self.log = log
        self.packets: list[Packet] = []
        self.trouble = ""
        self.lie: Callable[[list[Arrival]], list[Arrival]] = lambda page: page
        self.pushes = 0
        self.clock = 0
        self.received: dict[int, int] = {}

    def greet(self, last: Receipt | None) -> Greeting:
        trouble = ""
        if last is not None and last.pos > len(self.packets):
            trouble = "rewound"
        elif last is not None and self._chain(last.pos) != last.chain:
            trouble = "rewritten"
        return Greeting(self.log, len(self.packets), self.clock, self.trouble or trouble)

    def pull(self, *, after: int, vector: Mapping[bytes, int]) -> Iterator[Sequence[Arrival]]:
        page = []
        for pos, packet in enumerate(self.packets, 1):
            receipt = Receipt(
                pos, packet.hash, self._chain(pos), self.received.get(pos, 1), "role"
            )
            known = packet.seq <= vector.get(packet.writer, 0)
            page.append(Arrival(receipt, packet.writer, packet.seq, None if known else packet))
        if page[after:]:
            yield self.lie(page[after:])

    def fetch(self, pos: int) -> Packet:
        return self.packets[pos - 1]

    def push(self, packets: Sequence[Packet], *, relay: bool = False) -> Pushed:  # noqa: ARG002
        self.pushes += 1
        held = {each.hash: each for each in self.packets if each.writer == packets[0].writer}
        mine = list(held.values())
        if packets[0].seq > len(mine) + 1:
            return Pushed("gap", len(mine))
        for packet in packets:
            if packet.seq <= len(mine) and mine[packet.seq - 1].hash != packet.hash:
                return Pushed("fork", packet.seq - 1)
        for packet in packets[max(0, len(mine) + 1 - packets[0].seq) :]:
            self.packets.append(packet)
            if self.clock:
                self.received[len(self.packets)] = self.clock
        return Pushed("ok", packets[-1].seq)

    def claim(self, key: WriterKey, *, log: str, number: int) -> None:  # noqa: ARG002
        raise AssertionError("it never asks for a proof")

    def redact(self, _event: bytes) -> str:
        return ""

    def close(self) -> None: ...

    def _chain(self, pos: int) -> bytes:
        chain = first_chain(self.log)
        for packet in self.packets[:pos]:
            chain = hashlib.sha256(chain + packet.hash).digest()
        return chain


def shared(file: Path, upstream: Memory, **options: bool) -> Any:
    with Changelog(file) as changelog:
        exchange = changelog.exchange()
        try:
            return sync(exchange, upstream, **options)
        finally:
            exchange.close()
