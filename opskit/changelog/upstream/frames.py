"""A framed, append-only file: a write that was cut off hurts nothing but itself.

A frame is `\\n<length> <sum> <json>\\n`: the length of the JSON text in bytes, and the first 16 hex digits of its SHA-256.
It begins with a line feed of its own, so that a torn line before it ends there. Frames are, without blanks in their JSON,

    {"log":<UUID in hex>,"opskit":"changelog","version":1}                       the first one of the file
    {"of":<hash of an event>,"nonce":<hex>,"body":<text>}                        its body; a redaction overwrites it with `#`
    {"event":<hash>,"seq":<n>,"writer":<hex>,"body":<bytes>,"packet":<JSON>}     an event

A packet is as `Packet.to_json` gives it, without nonce and body. The frame of an event comes right behind that of its body, whose
length it tells, and its line begins with `@<clock>+<start>+<more> `, outside of the sum: the clock of the machine that
holds the file, in milliseconds; where the push began that brought it; and how far behind that this event and its body
begin. So a frame counts only at the place for which it was written: what somebody copied or shifted is no event.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from opskit.changelog.packet import Packet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FILLER = b"#"
PAGE = 4096
"""Bytes that a file system reads and writes as one: who reads while a body is overwritten may get some of each."""
LONGEST = 32 * 2**20
"""Bytes of the longest line that is a frame."""
NAMES = 512
"""Bytes of the line of an event in which its writer is named."""
BLANK = b"@%013d+%015d+" % (0, 0)
"""How the line of an event begins before the machine that holds the file has put in its clock and the place."""

_FRAME = re.compile(rb"([0-9]{1,9}) ([0-9a-f]{16}) (.*)", re.DOTALL)
_STAMP = re.compile(rb"@([0-9]{13})\+([0-9]{15})\+([0-9]{15}) ")
_EVENT = re.compile(
    rb'\{"event":"([0-9a-f]{64})","seq":([0-9]{1,18}),"writer":"([0-9a-f]{64})",'
    rb'"body":([0-9]{1,9}),"packet":(\{.*\})\}',
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Body:
    """The frame of a body in the file: where its line stands, without line feeds, and what it is."""

    start: int
    line: bytes

    def of(self, event: bytes) -> tuple[bytes, bytes] | None:
        """Give nonce and body of that event; None if this is not its body, is torn, or was redacted.

        Of one that somebody altered, what stands there: no event is signed with that.
        """
        content = _content(self.line)
        if not content and not self._is_torn:
            return b"", self.line
        found = _json(content)
        try:
            if not isinstance(found, dict) or found["of"] != event.hex():
                return None
            text = found.get("body")
            body = text.encode() if isinstance(text, str) else bytes.fromhex(found["body_hex"])
            return bytes.fromhex(found["nonce"]), body
        except (KeyError, TypeError, ValueError):
            return None

    @property
    def _is_torn(self) -> bool:
        """Whether a part of it was never written, or was overwritten by a redaction."""
        ends = (self.line[:1], self.line[-1:])
        return b"\0" in self.line or FILLER in ends or FILLER * PAGE in self.line


@dataclass(frozen=True, slots=True)
class Placed:
    """An event in the file, with its body if that was wanted and is there.

    `start` is where its body begins, or itself if it has none; `end` is behind it; `received_ms` is the clock of the file's machine.
    """

    start: int
    end: int
    received_ms: int
    packet: Packet
    body: Body | None

    def whole(self) -> Packet:
        """Give the packet with its nonce and body, if they are there."""
        found = self.body.of(self.packet.hash) if self.body else None
        return replace(self.packet, nonce=found[0], body=found[1]) if found else self.packet


class Reader:
    """Finds the events in a file that is fed piece by piece, from any offset on; keeps no more than a frame.

    With `writer`, only that one's; `others` are the bytes of those of others then.
    """

    def __init__(self, offset: int = 0, writer: bytes | None = None) -> None:
        self._needle = b'"writer":"%s"' % writer.hex().encode() if writer else b""
        self.others = 0
        self._offset = offset
        self._rest = b""
        self._before: Body | None = None

    def feed(self, data: bytes) -> Iterator[Placed]:
        """Take in the bytes that follow, and give the events that end in them."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            start, self._offset = self._offset, self._offset + len(line) + 1
            if line.startswith(b"@") and self._needle not in line[:NAMES]:
                self.others += self._offset - (self._before.start if self._before else start)
                self._before = None
            elif line.startswith(b"@"):
                placed = self._event(line, start)
                self._before = None
                if placed is not None:
                    yield placed
            elif line:
                self._before = Body(start, line)
        if len(self._rest) > LONGEST:
            self._offset += len(self._rest)
            self._rest = b""

    def _event(self, line: bytes, at: int) -> Placed | None:
        stamp = _STAMP.match(line)
        found = _EVENT.fullmatch(_content(line[stamp.end() :])) if stamp else None
        if stamp is None or found is None:
            return None
        start, length = int(stamp[2]) + int(stamp[3]), int(found[4])
        if at != start + length + 1 or length > LONGEST:
            return None
        packet = _packet(found)
        if packet is None:
            return None
        body = self._before
        if body is None or (body.start, len(body.line)) != (start + 1, length - 2):
            body = None
        return Placed(start, at + len(line) + 1, int(stamp[1]), packet, body)


def first(log: str) -> bytes:
    """Give the frame that names a log."""
    fields = {"log": log, "opskit": "changelog", "version": 1}
    return _frame(json.dumps(fields, separators=(",", ":")).encode())


def log_of(data: bytes) -> str:
    """Give the name of the log that begins with `data`; "" if that is none, raises ValueError for a newer format."""
    line = data[1:].partition(b"\n")[0] if data.startswith(b"\n") else b""
    found = _json(_content(line))
    if not isinstance(found, dict) or found.get("opskit") != "changelog":
        return ""
    log = found.get("log")
    if found.get("version") != 1:
        raise ValueError("a newer format")
    return log if isinstance(log, str) and re.fullmatch("[0-9a-f]{32}", log) else ""


def framed(packets: Iterable[Packet]) -> bytes:
    """Give the frames of events and their bodies as a push brings them, with blanks for clock and place.

    Raises ValueError for an event that no reader would take.
    """
    data = bytearray()
    for packet in packets:
        body = _body(packet)
        event = _event(packet, len(body))
        if max(len(body), len(event)) > LONGEST:
            raise ValueError(f"event {packet.seq} is longer than {LONGEST // 2**20} MiB")
        data += body + b"\n%s%015d %s\n" % (BLANK, len(data), event)
    return bytes(data)


def stamped(data: bytes, *, start: int, now_ms: int) -> bytes:
    """Put the clock and the place into the frames of a push; as long as before."""
    return data.replace(b"\n" + BLANK, b"\n@%013d+%015d+" % (now_ms, start))


def _event(packet: Packet, body: int) -> bytes:
    bare = replace(packet, nonce=None, body=None).to_json().encode()
    names = (packet.hash.hex().encode(), packet.seq, packet.writer.hex().encode(), body, bare)
    return _line(b'{"event":"%s","seq":%d,"writer":"%s","body":%d,"packet":%s}' % names)


def _body(packet: Packet) -> bytes:
    if packet.nonce is None or packet.body is None:
        return b""
    fields = {"of": packet.hash.hex(), "nonce": packet.nonce.hex()}
    try:
        fields["body"] = packet.body.decode()
    except UnicodeDecodeError:
        fields["body_hex"] = packet.body.hex()
    return _frame(json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode())


def _packet(found: re.Match[bytes]) -> Packet | None:
    """Give the packet of an event's frame, if it is what the frame says."""
    try:
        packet = Packet.from_json(found[5].decode())
        named = (bytes.fromhex(found[1].decode()), int(found[2]), bytes.fromhex(found[3].decode()))
    except (ValueError, RecursionError):
        return None
    return packet if (packet.hash, packet.seq, packet.writer) == named else None


def _frame(text: bytes) -> bytes:
    return b"\n%s\n" % _line(text)


def _line(text: bytes) -> bytes:
    return b"%d %s %s" % (len(text), _sum(text), text)


def _content(line: bytes) -> bytes:
    """Give what a line holds if it is a whole frame, else nothing."""
    match = _FRAME.fullmatch(line)
    if match is None or int(match[1]) != len(match[3]) or match[2] != _sum(match[3]):
        return b""
    return match[3]


def _json(text: bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _sum(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest()[:16].encode()
