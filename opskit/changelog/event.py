"""An event: a small signed header and a detachable, salted body, chained per writer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from opskit.changelog.canonical import decode, encode
from opskit.changelog.clock import written_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

VERSION = 1
EMPTY: Mapping[str, object] = {}  # nobody changes it
STARTED, HOSTS, FINISHED = "rollout.started", "rollout.hosts", "rollout.finished"
ABANDONED, RESUMED = "rollout.abandoned", "rollout.resumed"
RECOVERED = "rollout.recovered"
NOTE, VERDICT, SUCCEEDS = "note", "verdict", "writer.succeeds"
OPINIONS = (NOTE, VERDICT)
"""The kinds of events that anybody may write about a rollout or a run, and that are no part of it."""
ENROLLED, REVOKED = "writer.enrolled", "writer.revoked"
SET_BACK = "log.set_back"
REDACTED = "body.redacted"
FREEZE, THAW = "freeze", "thaw"
BISECT = "bisect."
"""How the kinds of events begin that a bisection leaves."""
BISECT_STARTED, BISECT_RESUMED = "bisect.started", "bisect.resumed"
BISECT_STEP, BISECT_FINISHED = "bisect.step", "bisect.finished"
RUN = "run."
"""How the kinds of events begin that a run of a runbook leaves."""
RUN_STARTED, RUN_STEP, RUN_FINISHED = "run.started", "run.step", "run.finished"
RUN_RESUMED, RUN_APPROVED = "run.resumed", "run.approved"

_KNOWN = frozenset(
    [
        "v",
        "w",
        "seq",
        "kind",
        "service",
        "environment",
        "rollout",
        "action",
        "actor",
        "hlc",
        "ts",
        "seen",
        "clock",
        "body",
        "pick",
        "heir",
    ]
)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"[1-9][0-9]{0,18}")


class Header(NamedTuple):
    """What is signed of an event.

    `writer` and `body` are SHA-256 in hex: of the writer's public key, and of nonce and body.
    `hlc` is a hybrid logical clock: 48 bits of milliseconds, 16 bits of counter. `ts` is the
    writer's wall clock in milliseconds. `seen` is what the writer had seen of an upstream: its `log`, and `pos`
    and `chain` of the newest receipt. `clock` is there if the wall clock was known to be off: add `off` milliseconds,
    give or take `err`. `pick` and `heir` say why the writer may speak for the rollout, see `claims`. `more` holds the fields that this version of opskit does not know.
    """

    writer: str
    seq: int
    kind: str
    hlc: int
    ts: int
    body: str
    service: str = ""
    environment: str = ""
    rollout: str = ""
    action: str = ""
    actor: str = ""
    seen: Mapping[str, object] = EMPTY
    clock: Mapping[str, object] = EMPTY
    pick: str = ""
    heir: Mapping[str, object] = EMPTY
    version: int = VERSION
    more: Mapping[str, object] = EMPTY

    def encode(self) -> bytes:
        """Give the canonical bytes that are hashed, signed and stored; raises ChangelogError."""
        known = {"v": self.version, "w": self.writer, "seq": self.seq, "kind": self.kind}
        clock = {"hlc": str(self.hlc), "ts": self.ts, "seen": self.seen}
        if self.clock:
            clock["clock"] = self.clock
        claim = {name: value for name in ("pick", "heir") if (value := getattr(self, name))}
        names = ("service", "environment", "rollout", "action", "actor", "body")
        return encode({**known, **clock, **claim, **{name: getattr(self, name) for name in names}})

    @property
    def at_ms(self) -> int:
        """When the event was written, in milliseconds, by a clock that was set right as far as that is known."""
        off = self.clock.get("off")
        return self.ts + off if isinstance(off, int) and not isinstance(off, bool) else self.ts

    @classmethod
    def decode(cls, data: bytes) -> Header:
        """Read a header as it was signed; raises ValueError if it is none."""
        fields = decode(data)
        return cls(
            version=_typed(fields, "v", int),
            writer=_hex(fields, "w"),
            seq=_typed(fields, "seq", int),
            kind=_typed(fields, "kind", str),
            hlc=_clock(_typed(fields, "hlc", str)),
            ts=_typed(fields, "ts", int),
            body=_hex(fields, "body"),
            service=_typed(fields, "service", str, ""),
            environment=_typed(fields, "environment", str, ""),
            rollout=_typed(fields, "rollout", str, ""),
            action=_typed(fields, "action", str, ""),
            actor=_typed(fields, "actor", str, ""),
            seen=_typed(fields, "seen", dict, {}),
            clock=_typed(fields, "clock", dict, {}),
            pick=_typed(fields, "pick", str, ""),
            heir=_typed(fields, "heir", dict, {}),
            more={key: fields[key] for key in fields.keys() - _KNOWN},
        )


class Event(NamedTuple):
    """One record of the changelog, with the exact bytes that were signed.

    `body` is empty if it cannot be read: `damage` then says "redacted", "missing" or "malformed". `received_ms` is when an
    upstream first received it, 0 if nobody knows.
    """

    header: Header
    signed: bytes
    prev: bytes
    hash: bytes
    signature: bytes
    body: Mapping[str, object] = EMPTY
    damage: str = ""
    received_ms: int = 0

    @property
    def at_ms(self) -> int:
        """When it was written, in milliseconds, as far as that is known: not by a clock that ran ahead."""
        return written_ms(self.header.at_ms, self.received_ms)

    @property
    def fast_ms(self) -> int:
        """How far its writer's clock ran ahead (below 0: was slow), in milliseconds; 0 if it was right, or nobody knows."""
        return self.header.ts - self.at_ms

    @property
    def id(self) -> str:
        """The first 10 hex digits of the hash: enough to name an event to a person."""
        return self.hash.hex()[:10]


def genesis(writer: bytes) -> bytes:
    """Give the `prev` of a writer's first event; it holds the writer, so that no two firsts are equal."""
    import hashlib

    return hashlib.sha256(b"opskit.genesis.v1" + writer).digest()


def chained(prev: bytes, header: bytes) -> bytes:
    """Give the hash of an event: it commits to the header and to all that came before."""
    import hashlib

    return hashlib.sha256(b"opskit.event.v1" + prev + header).digest()


def sealed(nonce: bytes, body: bytes) -> str:
    """Give, in hex, what a header says of its body; the nonce stops guessing at a removed body."""
    import hashlib

    return hashlib.sha256(nonce + body).hexdigest()


def read_body(data: bytes | None, *, redacted: bool = False) -> tuple[Mapping[str, object], str]:
    """Give a stored body and what is wrong with it: "", "redacted", "missing" or "malformed"."""
    if data is None:
        return {}, "redacted" if redacted else "missing"
    try:
        return decode(data), ""
    except ValueError:
        return {}, "malformed"


def _typed(fields: Mapping[str, object], name: str, kind: type[T], default: T | None = None) -> T:
    value = fields.get(name, default)
    if type(value) is not kind:  # JSON gives these very types, and true is no integer here
        raise ValueError(f"{name} is not {kind.__name__}")
    return value


def _hex(fields: Mapping[str, object], name: str) -> str:
    value = _typed(fields, name, str)
    if not _SHA256.fullmatch(value):
        raise ValueError(f"{name} is no SHA-256")
    return value


def _clock(text: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) >= 2**63:
        raise ValueError("hlc is no clock")
    return int(text)
