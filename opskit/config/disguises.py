"""What a secret looks like after other programs have written it: escaped, quoted, encoded."""

from __future__ import annotations

import re
from base64 import b32encode, b64encode, urlsafe_b64encode
from typing import TYPE_CHECKING

from opskit.config.quotings import quotings

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORTEST_LINE = 8
"""Characters from which on a line of a secret, or an encoded part of it, is told from other text."""


def disguises(value: str) -> set[str]:
    """Give the texts in which `value` would be readable: itself, its longer lines, and each of these as it is usually written.

    These are JSON, Python, shells, HTML and URLs, hexadecimal digits, Base32, UTF-16, and Base64 wherever in the encoded text it stands. Digits and
    Base64 are found with the line ends that their usual programs make, too, if the secret is the first that is encoded.
    """
    if not value.strip():
        return set()
    lines = {line.strip() for line in value.splitlines()}
    plain = {value, value.strip()} | {line for line in lines if len(line) >= SHORTEST_LINE}
    found = {text for part in plain if part for text in (part, *_escaped(part))}
    digits = {text for text in _digits(value) if len(text) >= SHORTEST_LINE}
    return found | set(_base64(value)) | digits


def _escaped(text: str) -> Iterator[str]:
    import json
    from html import escape
    from urllib.parse import quote, quote_plus

    yield from (json.dumps(text, ensure_ascii=ascii_)[1:-1] for ascii_ in (True, False))
    yield repr(text)[1:-1]
    yield escape(text)
    raw = text.encode("utf-8", "surrogateescape")
    yield from quotings(text)
    for url in (quote(raw, safe="/"), quote(raw, safe=""), quote_plus(raw)):
        yield from (url, re.sub("%..", lambda found: found[0].lower(), url))


def _base64(text: str) -> Iterator[str]:
    """Give the part of its Base64 that does not depend on its neighbours, for each place in a group of three bytes."""
    raw = text.encode("utf-8", "surrogateescape")
    for before in range(3):
        last = (before + len(raw)) * 8 // 6
        for encode in (b64encode, urlsafe_b64encode):
            part = encode(b"\0" * before + raw).decode()[(before * 8 + 5) // 6 : last]
            if len(part) >= SHORTEST_LINE:
                yield part


def _digits(text: str) -> Iterator[str]:
    """Give its bytes as digits, each `%xx` or `\\xx` or with blanks between them, as Base32 and UTF-16; and with the ends of lines of `xxd` and `base64`."""
    raw = text.encode("utf-8", "surrogateescape")
    for pairs in (raw.hex(" ").split(), raw.hex(" ").upper().split()):
        joined = "".join(pairs)
        yield from (joined, " ".join(pairs), ":".join(pairs), "%" + "%".join(pairs), "\\x" + "\\x".join(pairs))  # fmt: skip
        yield _wrapped(joined, 60)
    bits = len(raw) * 8
    yield b32encode(raw).decode()[: bits // 5]
    yield "\0".join(text)
    whole = b64encode(raw).decode()[: bits // 6]
    yield from (_wrapped(whole, 76), _wrapped(whole, 64))


def _wrapped(text: str, width: int) -> str:
    return "\n".join(text[at : at + width] for at in range(0, len(text), width))
