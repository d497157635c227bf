"""An append-only file as an upstream: nothing is installed where it lies, and whoever may write it may add to it.

There is no server that could say what is true: the file is data like any other, and the puller checks all of it. A push first reads
what others have appended meanwhile, so that the file holds every event once, and every writer's in order.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from opskit.changelog.packet import Arrival, Greeting, Packet, Pushed, Receipt
from opskit.changelog.upstream import frames
from opskit.errors import UpstreamError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opskit.changelog.upstream.frames import BodyFrame
    from opskit.changelog.upstream.place import Place

PAGE = 1000
TRIES = 200
BACK = 256 * 1024  # more than any event's frame without its body


class FileLog:
    """An `Upstream` in a file; see `frames` for what stands in it."""

    gapless = False

    def __init__(self, place: Place) -> None:
        self.name = place.name
        self._place = place
        self._log = ""
        self._chain = b""
        self._from = 0
        self._seen: set[bytes] = set()
        self._end = 0

    def create(self) -> bool:
        """Make the file; False if it is there already. Raises UpstreamError."""
        return self._place.create(frames.first(secrets.token_hex(16)))

    def greet(self, last: Receipt | None) -> Greeting:
        """Say which log this is, and whether the event of `last` still ends where it ended."""
        size, now_ms = self._place.size()
        self._log = self._read_log()
        self._chain, self._from = _first_chain(self._log), 0
        trouble = self._trouble(last, size) if last else ""
        if last and not trouble:
            self._chain, self._from = last.chain, last.pos
        return Greeting(self._log, size, now_ms, trouble)

    def pull(self, *, after: int, vector: Mapping[bytes, int]) -> Iterator[Sequence[Arrival]]:
        """Give what stands behind `after`, which is 0 or the place that `greet` was asked about."""
        if after != self._from:
            self._chain, self._from = _first_chain(self._log), 0
            self._seen.clear()
        reader = frames.Frames(after)
        page: list[Arrival] = []
        for placed in self._placed(reader):
            packet = placed.packet
            if packet.hash in self._seen:
                continue  # what a program of somebody else's left there twice
            self._seen.add(packet.hash)
            self._chain = hashlib.sha256(self._chain + packet.hash).digest()
            receipt = Receipt(placed.end, packet.hash, self._chain, placed.received_ms)
            known = packet.seq <= vector.get(packet.writer, 0)
            page.append(Arrival(receipt, packet.writer, packet.seq, None if known else packet))
            self._from = placed.end
            if len(page) == PAGE:
                yield page
                page = []
        self._end = reader.offset
        if page:
            yield page

    def fetch(self, pos: int) -> Packet:
        """Give the event whose frame ends at `pos`."""
        found = self._ending_at(pos)
        if found is None:
            raise UpstreamError(f"{self.name}: no event ends at byte {pos}")
        return found

    def push(self, packets: Sequence[Packet], *, role: str | None = None) -> Pushed:  # noqa: ARG002 - a file knows no roles
        """Append events, if nobody has appended anything since the last look; else look first."""
        data = frames.framed(packets)
        for _ in range(TRIES):
            size, _now = self._place.size()
            if size < self._end:
                raise UpstreamError(f"{self.name} became shorter meanwhile")
            if size > self._end and self._holds(packets):
                return Pushed("ok", packets[-1].seq)
            self._end = size
            if (grown := self._place.append(size, data)) is not None:
                self._end = grown
                return Pushed("ok", packets[-1].seq)
        raise UpstreamError(f"{self.name}: others append all the time")

    def redact(self, event: bytes) -> None:
        """Fill the frame that holds the body of an event."""
        body = self._body_of(event)
        if body is None:
            return
        data = self._place.read(body.start, body.end - body.start)
        if not self._place.overwrite(body.start, data):
            raise UpstreamError(f"{self.name} was changed while {event.hex()[:10]} was redacted")

    def close(self) -> None:
        """Nothing is open."""

    def _holds(self, packets: Sequence[Packet]) -> bool:
        """Tell whether what came since the last look ends with these packets; as a push whose end was not heard of does."""
        reader = frames.Frames(self._end)
        seen = {placed.packet.hash for placed in self._placed(reader)}
        return packets[-1].hash in seen

    def _placed(self, reader: frames.Frames) -> Iterator[frames.Placed]:
        offset = reader.offset
        data, whole = b"", self._place.chunk
        while offset == reader.offset or len(data) == whole:
            data = self._place.read(offset, whole)
            offset += len(data)
            yield from reader.feed(data)
            if not data:
                break

    def _read_log(self) -> str:
        try:
            log = frames.log_of(self._place.read(0, 4096))
        except ValueError:
            hint = "upgrade opskit on this machine"
            raise UpstreamError(f"{self.name} was written by a newer opskit", hint=hint) from None
        if not log:
            raise UpstreamError(f"{self.name} is no changelog", hint="is upstream right?")
        return log

    def _trouble(self, last: Receipt, size: int) -> str:
        if size < last.pos:
            return "rewound"
        found = self._ending_at(last.pos)
        return "" if found is not None and found.hash == last.hash else "rewritten"

    def _ending_at(self, pos: int) -> Packet | None:
        start = max(0, pos - BACK)
        reader = frames.Frames(start)
        data = self._place.read(start, pos - start)
        return next((p.packet for p in reader.feed(data) if p.end == pos), None)

    def _body_of(self, event: bytes) -> BodyFrame | None:
        reader = frames.Frames()
        for _ in self._placed(reader):
            pass
        return next((body for body in reader.bodies if body.event == event), None)


def _first_chain(log: str) -> bytes:
    return hashlib.sha256(b"opskit.log.v1" + log.encode()).digest()
