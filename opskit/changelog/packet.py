"""An event as it travels between laptops and upstreams: exact bytes, and what an upstream says of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opskit.changelog.event import chained

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COLUMNS = ("writer", "key", "seq", "prev", "header", "signature", "nonce", "body")
MOST_EVENTS = 2**53
BYTES = ("writer", "key", "prev", "signature", "nonce")


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One event with all that is needed to check it.

    `writer` (32 bytes) is the SHA-256 of `key`, the writer's raw ed25519 public key. `header` is
    what was signed, byte for byte. `nonce` and `body` are None if the body was redacted.
    """

    writer: bytes
    key: bytes
    seq: int
    prev: bytes
    header: bytes
    signature: bytes
    nonce: bytes | None = None
    body: bytes | None = None

    @property
    def hash(self) -> bytes:
        """The event's hash, computed of what is here."""
        return chained(self.prev, self.header)

    @classmethod
    def of(cls, row: Sequence[Any]) -> Packet:
        """Give the packet of a row: writer, key, seq, prev, header, signature, nonce, body."""
        return cls(**dict(zip(COLUMNS, row, strict=True)))

    def to_json(self) -> str:
        """Give one line of JSON: bytes in hex; header and body as the text that they are, or hex if they are none."""
        fields: dict[str, object] = {"seq": self.seq}
        for name in BYTES:
            value = getattr(self, name)
            fields[name] = None if value is None else value.hex()
        for name in ("header", "body"):
            fields |= _as_text(name, getattr(self, name))
        return json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str) -> Packet:
        """Read what `to_json` gave; raises ValueError for anything else."""
        fields = json.loads(line)
        if not isinstance(fields, dict):
            raise ValueError("not an object")  # noqa: TRY004 - every malformed line is a ValueError
        header, seq = _as_bytes("header", fields), fields.get("seq")
        if header is None or not isinstance(seq, int) or isinstance(seq, bool):
            raise ValueError("no event")
        if not 0 < seq < MOST_EVENTS:
            raise ValueError("no number of an event")
        found = {name: _from_hex(name, fields) for name in BYTES}
        if any(found[name] is None for name in BYTES[:-1]):
            raise ValueError("no event")
        return cls(seq=seq, header=header, body=_as_bytes("body", fields), **found)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an upstream says of one event: its place, and a hash over all hashes up to there.

    `pos` grows with every event of the upstream (a database counts, a file gives the offset behind
    the event). `chain` = SHA-256(chain before || hash), from SHA-256("opskit.log.v1" || log id) on.
    `received_ms` is the upstream's clock, 0 if it has none; `role` its name for who pushed.
    """

    pos: int
    hash: bytes
    chain: bytes
    received_ms: int = 0
    role: str = ""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One place of the upstream's log; `packet` is None if the puller has that event already."""

    receipt: Receipt
    writer: bytes
    seq: int
    packet: Packet | None = None


@dataclass(frozen=True, slots=True)
class Greeting:
    """What an upstream says first.

    `log` names the log itself (a UUID in hex), wherever it moves. `pos` is its newest place. `trouble` is "" if what
    the puller saw last still stands, "rewound" if the log ends before it, "rewritten" if something
    else stands there. `now_ms` is the upstream's clock, 0 if it has none.
    """

    log: str
    pos: int
    now_ms: int = 0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of a push: "ok", "gap" (go on after `head_seq`), "fork" (another event has that place).

    "unproven": nothing was done before somebody proves to have the writer's key; `head_seq` is the number of the newest proof.
    """

    status: str
    head_seq: int = 0


def _as_text(name: str, value: bytes | None) -> Mapping[str, object]:
    if value is None:
        return {name: None}
    try:
        return {name: value.decode()}
    except UnicodeDecodeError:
        return {f"{name}_hex": value.hex()}


def _as_bytes(name: str, fields: Mapping[str, object]) -> bytes | None:
    value = fields.get(name)
    if value is None:
        return _from_hex(f"{name}_hex", fields)
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")  # noqa: TRY004 - every malformed line is a ValueError
    return value.encode()


def _from_hex(name: str, fields: Mapping[str, object]) -> bytes | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"{name} is no hex")  # noqa: TRY004 - every malformed line is a ValueError
    return bytes.fromhex(value)
