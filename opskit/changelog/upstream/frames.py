"""A framed, append-only file: what a cut-off write leaves is skipped, and never takes the next line with it.

Every frame is `\\n<length> <sum> <json>\\n`: the length of the JSON text in bytes, and the first 16 hex digits of its SHA-256.
It begins with a line feed of its own, so that a torn line before it ends there. Frames are

    {"log": <UUID in hex>, "opskit": "changelog", "version": 1}     the first one
    {"body": <text>, "nonce": <hex>, "of": <hash of the event in hex>}
    {"event": <as `Packet.to_json` gives it, without nonce and body>}

The body of an event stands before it. A redaction overwrites that frame with as many `#`, and nothing else ever changes. A
line `@<seconds>` is the clock of the machine that holds the file, when it took what follows.
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

_FRAME = re.compile(rb"([0-9]{1,9}) ([0-9a-f]{16}) (.*)", re.DOTALL)
_STAMP = re.compile(rb"@([0-9]{1,12})")


@dataclass(frozen=True, slots=True)
class Placed:
    """An event in the file: the offset behind its frame, and when it came there in milliseconds (0: nobody knows)."""

    end: int
    packet: Packet
    received_ms: int


@dataclass(frozen=True, slots=True)
class BodyFrame:
    """A body in the file: the event that it belongs to, and the bytes of its frame from `start` to `end`."""

    event: bytes
    start: int
    end: int


def frame(text: str) -> bytes:
    """Give a frame that holds a JSON text of one line."""
    data = text.encode()
    return b"\n%d %s %s\n" % (len(data), _sum(data), data)


def first(log: str) -> bytes:
    """Give the frame that names a log."""
    return frame(json.dumps({"log": log, "opskit": "changelog", "version": 1}, sort_keys=True))


def framed(packets: Iterable[Packet]) -> bytes:
    """Give the frames of events and their bodies."""
    return b"".join(_framed(packet) for packet in packets)


def log_of(data: bytes) -> str:
    """Give the name of the log from the beginning of its file; "" if this is none, raises ValueError for a newer one."""
    for line in data.split(b"\n"):
        found = _content(line)
        if isinstance(found, dict) and isinstance(found.get("log"), str):
            if found.get("version") != 1:
                raise ValueError("written by a newer opskit")
            return str(found["log"])
    return ""


class Frames:
    """Reads a file piece by piece, from any offset behind a frame on."""

    def __init__(self, offset: int = 0) -> None:
        self.offset = offset
        """Behind the last whole line that was read."""
        self.bodies: list[BodyFrame] = []
        self._rest = b""
        self._at_ms = 0
        self._waiting: dict[bytes, tuple[bytes, bytes]] = {}

    def feed(self, data: bytes) -> Iterator[Placed]:
        """Take in the bytes that follow, and give the events in them."""
        whole, line_feed, self._rest = (self._rest + data).rpartition(b"\n")
        for line in (whole + line_feed).splitlines(keepends=True) if line_feed else ():
            start, self.offset = self.offset, self.offset + len(line)
            yield from self._line(line.removesuffix(b"\n"), start)

    def _line(self, line: bytes, start: int) -> Iterator[Placed]:
        if stamp := _STAMP.fullmatch(line):
            self._at_ms = int(stamp[1]) * 1000
            return
        found = _content(line)
        if not isinstance(found, dict):
            return
        try:
            if "event" in found:
                packet = Packet.from_json(json.dumps(found["event"]))
                nonce, body = self._waiting.pop(packet.hash, (None, None))
                whole = replace(packet, nonce=nonce, body=body)
                yield Placed(self.offset, whole, self._at_ms)
            elif "of" in found:
                event = bytes.fromhex(found["of"])
                body = _text(found, "body")
                self._waiting[event] = bytes.fromhex(found["nonce"]), body
                self.bodies.append(BodyFrame(event, start, self.offset - 1))
        except (ValueError, TypeError, KeyError):
            return  # whole, but not ours


def _framed(packet: Packet) -> bytes:
    bare = replace(packet, nonce=None, body=None)
    event = frame(f'{{"event":{bare.to_json()}}}')
    if packet.nonce is None or packet.body is None:
        return event
    fields: dict[str, str] = {"of": packet.hash.hex(), "nonce": packet.nonce.hex()}
    try:
        fields["body"] = packet.body.decode()
    except UnicodeDecodeError:
        fields["body_hex"] = packet.body.hex()
    return frame(json.dumps(fields, sort_keys=True, ensure_ascii=False)) + event


def _text(found: dict[str, object], name: str) -> bytes:
    if isinstance(text := found.get(name), str):
        return text.encode()
    return bytes.fromhex(str(found[f"{name}_hex"]))


def _content(line: bytes) -> object:
    """Give what a line holds if it is a whole frame, else None."""
    match = _FRAME.fullmatch(line)
    if match is None or int(match[1]) != len(match[3]) or match[2] != _sum(match[3]):
        return None
    try:
        return json.loads(match[3])
    except (ValueError, RecursionError):
        return None


def _sum(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest()[:16].encode()
