"""Ed25519 keys for hosts and users, in OpenSSH's own formats, made without OpenSSH."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def make_key(path: Path, *, comment: str = "") -> str:
    """Write a new private key to `path` (0600) and its public half to `path.pub`; give the public line."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    line = f"{public.decode()} {comment}".strip()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(private)
    path.with_name(f"{path.name}.pub").write_text(f"{line}\n")
    return line


def known_hosts_line(address: str, port: int, public: str) -> str:
    """Give the known_hosts line (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT) for a host's public key."""
    where = address if port == 22 else f"[{address}]:{port}"
    return f"{where} {' '.join(public.split()[:2])}\n"
