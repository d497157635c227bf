"""Public keys as SSH writes them: what makes a key that key, in whatever certificate or spelling it comes."""

from __future__ import annotations

import base64
import hashlib
import struct

_CERTIFICATE = "-cert-v01@openssh.com"
_OF_TOKENS = "@openssh.com"


def string(data: bytes) -> tuple[bytes, bytes]:
    """Read one string of the SSH wire format (RFC 4251, 5): its length in 4 bytes, then itself; gives the rest, too."""
    if len(data) < 4:
        raise ValueError("cut off")
    (length,) = struct.unpack(">I", data[:4])
    if length > len(data) - 4:
        raise ValueError("cut off")
    return data[4 : 4 + length], data[4 + length :]


def plain(line: str) -> str:
    """Give the public key of a line, or the one in its certificate, without a comment; raises ValueError."""
    kind, encoded = line.split()[:2]
    if not kind.endswith(_CERTIFICATE):
        return f"{kind} {encoded}"
    name = kind.removesuffix(_CERTIFICATE) + (_OF_TOKENS if kind.startswith("sk-") else "")
    blob = b"".join(_framed(each) for each in (name.encode(), *_fields(encoded)))
    return f"{name} {base64.b64encode(blob).decode()}"


def material(line: str) -> str:
    """Give, in hex, what tells a public key from all others; raises ValueError.

    OpenSSH takes a key under several names, and with zeros before its numbers: so neither counts here.
    """
    fields = [_framed(each.lstrip(b"\0")) for each in _fields(line.split()[1])]
    return hashlib.sha256(b"".join(fields)).hexdigest()


def fingerprint(line: str) -> str:
    """Give the `SHA256:...` by which ssh-keygen -l names a public key, or the one in a certificate; raises ValueError."""
    digest = hashlib.sha256(base64.b64decode(plain(line).split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def _fields(encoded: str) -> list[bytes]:
    """Give the numbers and texts that a key is made of, without its type, and of a certificate nothing else."""
    blob = base64.b64decode(encoded, validate=True)
    name, rest = string(blob)
    kind = name.decode("ascii", "replace").lower()
    fields = []
    if _CERTIFICATE in kind:
        _, rest = string(rest)  # its nonce
        for _ in range(_count(kind)):
            field, rest = string(rest)
            fields.append(field)
        return fields
    while rest:
        field, rest = string(rest)
        fields.append(field)
    return fields


def _count(kind: str) -> int:
    """Give how many fields make a key of that type, as sshkey.c of OpenSSH reads them."""
    on_token = kind.startswith(("sk-", "webauthn-sk-"))
    if "ed25519" in kind:
        return 1 + on_token
    if "ecdsa" in kind:
        return 2 + on_token
    return 4 if "dss" in kind else 2


def _framed(field: bytes) -> bytes:
    return struct.pack(">I", len(field)) + field
