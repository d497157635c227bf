"""Engineers vouch for their laptops: an SSH key signs that a writer's events are theirs.

The event `writer.enrolled` has the body `{"statement": TEXT, "signature": ARMORED, "key": LINE}`. The statement is
canonical JSON: `writer` (SHA-256 of its key) and `key` (the writer's raw ed25519 public key), both in hex, `machine`,
`log` (which it shares with; for the reader), `issued` and `expires` in UTC, `v` = 1. The signature is an SSHSIG over
exactly that text, without a line break, in the namespace `opskit-writer@v1`; `key` is the public key that made it.
An enrolment vouches for later events of the same writer, up to `expires`, while its key may sign. Which time counts
is what the upstream's receipt says, so that nobody who finds an old key can date events back.

An auditor checks it by hand, here of EVENT, and of the person whom allowed_signers calls ann@example.com:

    opskit changelog show EVENT --json | jq -r .data.packet.body > body
    jq -j .statement body > statement
    jq -r .signature body > signature
    jq -j .key statement | xxd -r -p | sha256sum     # is .writer of the statement, and `w` of the event's header
    TZ=UTC ssh-keygen -Y find-principals -s signature -f allowed_signers -Overify-time=20261124120000
    TZ=UTC ssh-keygen -Y verify -f allowed_signers -I ann@example.com -n opskit-writer@v1 \
        -s signature -Overify-time=20261124120000 < statement
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from opskit.changelog.body import text
from opskit.changelog.canonical import decode, encode
from opskit.changelog.sshsig import key_of

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1
LONGEST = 10_000  # characters
STAMP = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What is signed: this writer, with this key, on this machine, is mine. Times in seconds since 1970."""

    writer: str
    key: str
    machine: str
    log: str
    issued: int
    expires: int

    def encode(self) -> str:
        """Give the text that is signed."""
        fields = {
            "v": VERSION,
            "writer": self.writer,
            "key": self.key,
            "machine": self.machine,
            "log": self.log,
            "issued": _stamp(self.issued),
            "expires": _stamp(self.expires),
        }
        return encode(fields).decode()

    @classmethod
    def decode(cls, said: str) -> Statement:
        """Read a statement as it was signed; raises ValueError with the reason."""
        try:
            fields = decode(said.encode())
        except ValueError as error:
            raise ValueError(f"its statement cannot be read: {error}") from None
        if fields.get("v") != VERSION:
            raise ValueError("its statement is of another version; upgrade opskit")
        writer, key = text(fields, "writer"), text(fields, "key")
        if not re.fullmatch(r"[0-9a-f]{64}", key):
            raise ValueError("its statement names no key")
        if hashlib.sha256(bytes.fromhex(key)).hexdigest() != writer:
            raise ValueError("its statement names a key that is not the writer's")
        return cls(
            writer=writer,
            key=key,
            machine=text(fields, "machine"),
            log=text(fields, "log"),
            issued=_seconds(text(fields, "issued")),
            expires=_seconds(text(fields, "expires")),
        )


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an event `writer.enrolled` says: a statement, its exact text, and its signature."""

    statement: Statement
    said: str
    signature: str
    key: str

    @property
    def body(self) -> dict[str, object]:
        """The body of its event."""
        return {"statement": self.said, "signature": self.signature, "key": self.key}


def read_enrolment(writer: str, body: Mapping[str, object]) -> Enrolment:
    """Read the body of an event `writer.enrolled` of `writer` (in hex); raises ValueError with the reason.

    Whether the signature stands is not looked at here.
    """
    said, signature, key = (text(body, name) for name in ("statement", "signature", "key"))
    if not said:
        raise ValueError("its statement is missing")
    if len(said) > LONGEST:
        raise ValueError("its statement is too long")
    statement = Statement.decode(said)
    if statement.writer != writer:
        raise ValueError("its statement is about another writer")
    try:
        signed_with = key_of(signature)
    except ValueError:
        raise ValueError("it is no SSH signature") from None
    if signed_with != key:
        raise ValueError("its key is not the one that signed")
    return Enrolment(statement, said, signature, key)


def statement_here(writer: bytes, key: bytes, log: str, *, issued: int, expires: int) -> Statement:
    """Give the statement for a writer of this machine."""
    return Statement(
        writer=writer.hex(),
        key=key.hex(),
        machine=os.uname().nodename,
        log=log,
        issued=issued,
        expires=expires,
    )


def _stamp(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime(STAMP)


def _seconds(stamp: str) -> int:
    try:
        return int(datetime.strptime(f"{stamp}+0000", f"{STAMP}%z").timestamp())
    except ValueError:
        raise ValueError("its statement has no proper time") from None
