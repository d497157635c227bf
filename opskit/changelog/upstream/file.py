"""An append-only file as an upstream: nothing is installed where it lies, and whoever may write it may add to it.

There is no server that could say what is true: the file is data like any other, and the puller checks all of it. Who pushes
looks first, and again under the file's lock, so that the file holds every event once, and every writer's in order.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, NamedTuple

from opskit.changelog.checking import fault
from opskit.changelog.packet import Arrival, Greeting, Packet, Pushed, Receipt
from opskit.changelog.upstream import frames
from opskit.changelog.upstream.place import IS_IT_RIGHT, Order
from opskit.changelog.upstream.reading import Clock, events
from opskit.errors import UpstreamError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opskit.changelog.signing import WriterKey
    from opskit.changelog.upstream.frames import Placed
    from opskit.changelog.upstream.place import Claims, Made, Place

PAGE = 1000
HEAVY = 8 * 2**20  # bytes of a page that is not filled further
TRIES = 5
BEGINNING = 4096  # bytes in which the log is named
BACK = (16 * 1024, 512 * 1024)  # the second is more than any event's frame without its body
FURTHER_BACK = 400  # events, when the one before a push is another than thought
NEVER = 2**62  # a number that no event has


class _Head(NamedTuple):
    """The newest event of a writer in the file, and the offset behind which none of its events had been seen."""

    seq: int
    hash: bytes
    upto: int


class _Rest(NamedTuple):
    """What is left to push, and up to where the file was looked at."""

    packets: Sequence[Packet]
    upto: int


class FileLog:
    """An `Upstream` in a file; see `frames` for what stands in it."""

    gapless = False

    def __init__(self, place: Place) -> None:
        self.name = place.name
        self._place = place
        self._log = ""
        self._chains: dict[int, bytes] = {}
        self._times: dict[int, int] = {}
        self._heads: dict[bytes, _Head] = {}

    def create(self) -> Made:
        """Make the file; gives what had to be made. Raises UpstreamError, also if something else is there."""
        made = self._place.create(frames.first(secrets.token_hex(16)))
        self.greet(None)
        return made

    def greet(self, last: Receipt | None) -> Greeting:
        """Say which log this is, and whether the event of `last` still ends where it ended."""
        ranges = [(max(0, last.pos - BACK[0]), last.pos)] if last else []
        look = self._place.look((0, BEGINNING), *ranges)
        log = self._named(look.parts[0])
        trouble = self._trouble(last, look.size, look.parts[1]) if last else ""
        if log != self._log or last is None or trouble:
            self._heads = {}
        self._log = log
        self._chains = {0: hashlib.sha256(b"opskit.log.v1" + log.encode()).digest()}
        self._times = {}
        if last and not trouble:
            self._chains[last.pos] = last.chain
            self._times[last.pos] = last.received_ms
        return Greeting(log, look.size, look.now_ms, trouble)

    def pull(self, *, after: int, vector: Mapping[bytes, int]) -> Iterator[Sequence[Arrival]]:
        """Give what stands behind `after`. The chain up to there is that of `greet`, or computed anew.

        An event that is the second for its place, as far as this pull shows, comes with its packet.
        """
        self._meet()
        start = after if after in self._chains else 0
        chain, clock = self._chains[start], Clock(self._times.get(start, 0))
        newest: dict[bytes, int] = {}
        page: list[Arrival] = []
        weight = 0
        for placed in events(self._place, start):
            packet = placed.packet
            chain = hashlib.sha256(chain + packet.hash).digest()
            twice = packet.seq <= newest.get(packet.writer, 0)
            newest[packet.writer] = max(packet.seq, newest.get(packet.writer, 0))
            self._note(placed)
            received_ms = clock.of(placed.received_ms)
            if placed.end <= after:
                continue
            wanted = twice or packet.seq > vector.get(packet.writer, 0)
            receipt = Receipt(placed.end, packet.hash, chain, received_ms)
            whole = placed.whole() if wanted else None
            page.append(Arrival(receipt, packet.writer, packet.seq, whole))
            weight += placed.end - placed.start
            if len(page) == PAGE or weight > HEAVY:
                yield self._turned(page)
                page, weight = [], 0
        if page:
            yield self._turned(page)

    def fetch(self, pos: int) -> Packet:
        """Give the event whose frame ends at `pos`."""
        for back in BACK:
            begin = max(0, pos - back)
            found = _ending_at(pos, begin, self._place.look((begin, pos)).parts[0])
            if found is not None and found.start < begin:
                begin = found.start
                found = _ending_at(pos, begin, self._place.look((begin, pos)).parts[0])
            if found is not None:
                return found.whole()
        raise UpstreamError(f"{self.name}: no event ends at byte {pos}")

    def push(self, packets: Sequence[Packet], *, relay: bool = False) -> Pushed:  # noqa: ARG002 - a file knows no roles
        """Append what is not there yet; all of it is on the disk then. Raises UpstreamError."""
        self._meet()
        last = packets[-1]
        rest: _Rest | Pushed | None = self._expected(packets)
        for _ in range(TRIES):
            rest = rest or self._compared(packets)
            if isinstance(rest, Pushed):
                return rest
            first = rest.packets[0].seq if rest.packets else NEVER  # only to have it on the disk
            order = Order(self._log, last.writer, first, rest.upto)
            data = self._framed(rest.packets)
            start = self._place.append(order, data)
            if start is not None and rest.packets:
                self._heads[last.writer] = _Head(last.seq, last.hash, start + len(data))
            if start is not None:
                return Pushed("ok", last.seq)
            rest = None
        raise UpstreamError(f"{self.name}: somebody else pushes the same events all the time")

    def claim(self, key: WriterKey, *, log: str, number: int) -> None:  # noqa: ARG002
        """Raise UpstreamError: a file knows no roles, and its pushes are never "unproven"."""
        raise UpstreamError(f"{self.name} takes no proofs")

    def redact(self, event: bytes) -> str:
        """Fill every frame that holds the body of an event, or began to; several may do so at once."""
        self._meet()
        for start, end in self._place.bodies(event):
            data = self._place.look((start, end)).parts[0]
            if data == frames.FILLER * (end - start):
                continue  # somebody else was quicker
            if len(data) != end - start or b'{"of":"%s"' % event.hex().encode() not in data[:128]:
                raise UpstreamError(
                    f"{self.name} was changed while {event.hex()[:10]} was redacted"
                )
            self._place.overwrite(start, data)
        return ""

    def close(self) -> None:
        """Nothing is open."""

    def _meet(self) -> None:
        if not self._log:
            self.greet(None)

    def _named(self, beginning: bytes) -> str:
        try:
            log = frames.log_of(beginning)
        except ValueError:
            hint = "upgrade opskit on this machine"
            raise UpstreamError(f"{self.name} was written by a newer opskit", hint=hint) from None
        if not log:
            empty = not beginning
            raise UpstreamError(f"{self.name} is no changelog", hint=IS_IT_RIGHT, is_empty=empty)
        return log

    def _trouble(self, last: Receipt, size: int, data: bytes) -> str:
        if size < last.pos:
            return "rewound"
        found = _ending_at(last.pos, last.pos - len(data), data)
        if found is None:
            begin = max(0, last.pos - BACK[1])
            found = _ending_at(last.pos, begin, self._place.look((begin, last.pos)).parts[0])
        return "" if found is not None and found.packet.hash == last.hash else "rewritten"

    def _note(self, placed: Placed) -> None:
        """Remember the newest event of each writer, so that a push needs not look for it."""
        packet = placed.packet
        head = self._heads.get(packet.writer)
        if head is None or packet.seq > head.seq:
            self._heads[packet.writer] = _Head(packet.seq, packet.hash, placed.end)

    def _turned(self, page: list[Arrival]) -> list[Arrival]:
        receipt = page[-1].receipt
        self._chains = {0: self._chains[0], receipt.pos: receipt.chain}
        self._times = {receipt.pos: receipt.received_ms}
        return page

    def _framed(self, packets: Sequence[Packet]) -> bytes:
        try:
            return frames.framed(packets)
        except ValueError as error:
            raise UpstreamError(f"{self.name} does not take this: {error}") from None

    def _expected(self, packets: Sequence[Packet]) -> _Rest | None:
        """Give what is to be done if these follow what was seen of their writer; None to look first."""
        first = packets[0]
        head = self._heads.get(first.writer)
        if head is not None and (head.seq + 1, head.hash) == (first.seq, first.prev):
            return _Rest(packets, head.upto)
        return None

    def _compared(self, packets: Sequence[Packet]) -> _Rest | Pushed:
        """Find out what of these the file has, and whether they fit to what it has."""
        first = packets[0]
        claims = self._place.claims(first.writer, first.seq - 1)
        there = self._there(first.writer, first.seq - 1, claims)
        known = 0
        while known < len(packets) and _stands(there, packets[known]):
            known += 1
        before = there.get(first.seq - 1, [])
        if not known and first.seq > 1 and first.prev not in before[:1]:
            # Parted further back than thought: have those pushed, to find out where.
            parted = max(0, first.seq - 2 - FURTHER_BACK)
            return Pushed("gap", parted if before else self._newest(first, claims))
        rest = packets[known:]
        if rest and there.get(rest[0].seq):
            return self._forked(rest[0], there[rest[0].seq])
        return _Rest(rest, claims.size)

    def _there(self, writer: bytes, first: int, claims: Claims) -> dict[int, list[bytes]]:
        """Read what is claimed, or all if there are too many claims to tell; see `_true`."""
        if claims.most:
            return self._true(writer, first, 0, claims.size)
        starts = [claim.start for claim in claims.found]
        return self._true(writer, first, min(starts), max(starts) + 1) if starts else {}

    def _newest(self, packet: Packet, claims: Claims) -> int:
        """Give the number of the newest true event of a writer before this one, 0 if there is none."""
        there = self._true(packet.writer, 1, 0, claims.size)
        return max((seq for seq in there if seq < packet.seq), default=0)

    def _true(self, writer: bytes, first: int, start: int, stop: int) -> dict[int, list[bytes]]:
        """Give the hashes of a writer's true events from number `first` on, by their number, the first in the file first."""
        there: dict[int, list[bytes]] = {}
        for placed in events(self._place, start, stop=stop, writer=writer):
            packet = placed.packet
            known = there.get(packet.seq, ())
            if packet.seq >= first and packet.hash not in known and not fault(packet):
                there.setdefault(packet.seq, []).append(packet.hash)
        return there

    def _forked(self, packet: Packet, there: list[bytes]) -> Pushed:
        """Leave the other event of a taken place there, once, as evidence for everybody."""
        if packet.hash not in there:
            order = Order(self._log, packet.writer, NEVER, 0)
            self._place.append(order, self._framed([packet]))
        return Pushed("fork", packet.seq - 1)


def _ending_at(pos: int, begin: int, data: bytes) -> Placed | None:
    """Give the event that ends at `pos`, of the bytes from `begin` to there."""
    return next((found for found in frames.Reader(begin).feed(data) if found.end == pos), None)


def _stands(there: Mapping[int, list[bytes]], packet: Packet) -> bool:
    return packet.hash in there.get(packet.seq, [])[:1]
