"""The writer's ed25519 key: made with the database, kept in a private file beside it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opskit.changelog.files import read_small, write_private
from opskit.errors import ChangelogError

if TYPE_CHECKING:
    from pathlib import Path

LARGEST = 4096  # bytes of a key's file


def claim_of(log: str, number: int, role: str) -> bytes:
    """Give the hash that a writer's key signs so that the role of an upstream gets the writer there, in that log alone.

    Numbers grow, so that an old one cannot be used again.
    """
    said = log.encode("ascii") + number.to_bytes(8, "big") + role.encode()
    return hashlib.sha256(b"opskit.claim.v1" + said).digest()


@dataclass(frozen=True, slots=True)
class WriterKey:
    """A private key (32 raw bytes), its public key, and the writer id made of that."""

    private: bytes = field(repr=False)
    public: bytes
    writer: bytes

    def sign(self, digest: bytes) -> bytes:
        """Give the ed25519 signature over a hash."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self.private).sign(digest)


def writer_key(private: bytes) -> WriterKey:
    """Make a key of its 32 private bytes."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    return WriterKey(private, public, hashlib.sha256(public).digest())


def key_file(folder: Path, writer: bytes) -> Path:
    """Give the place of a writer's key in the changelog's folder."""
    return folder / f"writer-{writer.hex()[:16]}.key"


def held_writers(folder: Path) -> list[str]:
    """Give the first 16 hex digits of every writer whose key lies in the changelog's folder."""
    return [file.stem.removeprefix("writer-") for file in sorted(folder.glob("writer-*.key"))]


def save_key(folder: Path, key: WriterKey) -> None:
    """Store a key durably, readable by its owner only."""
    write_private(key_file(folder, key.writer), f"{key.private.hex()}\n".encode())


def load_key(folder: Path, writer: bytes) -> WriterKey | None:
    """Give the key of a writer, None if its file is gone; raises ChangelogError if it does not fit."""
    file = key_file(folder, writer)
    try:
        key = writer_key(bytes.fromhex(read_small(file, LARGEST).decode("ascii")))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ChangelogError(
            f"{file} cannot be read: {error.strerror}",
            hint="opskit makes it as a file that you alone may read",
        ) from None
    except ValueError:
        key = None
    if key is None or key.writer != writer:
        raise ChangelogError(
            f"{file} is not the key of this changelog's writer",
            hint="put the right file back, or move this one away: opskit then goes on as a new writer",
        )
    return key


def is_signed(public: bytes, signature: bytes, digest: bytes) -> bool:
    """Tell whether `signature` is the one of `public` over `digest`."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, digest)
    except (InvalidSignature, ValueError):
        return False
    return True
