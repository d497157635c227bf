"""What a secret looks like after other programs have written it: escaped, quoted, encoded."""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORTEST_LINE = 8
"""Characters from which on a line of a secret, or an encoded part of it, is told from other text."""

_NAMED = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\a": "\\a", "\b": "\\b", "\v": "\\v", "\f": "\\f", "\x1b": "\\E"}  # fmt: skip
_ANSI = {**{chr(code): f"\\{code:03o}" for code in (*range(1, 32), 127)}, **_NAMED}
"""What bash writes between $' and ' for characters that it does not write as they are."""


def disguises(value: str) -> set[str]:
    """Give the texts in which `value` would be readable: itself, its longer lines, and each of these as it is usually written.

    These are JSON, Python, shells, HTML and URLs, and Base64 wherever in the encoded text it stands.
    """
    if not value.strip():
        return set()
    lines = {line.strip() for line in value.splitlines()}
    plain = {value, value.strip()} | {line for line in lines if len(line) >= SHORTEST_LINE}
    found = {text for part in plain if part for text in (part, *_escaped(part))}
    return found | set(_base64(value))


def _escaped(text: str) -> Iterator[str]:
    import json
    from html import escape
    from urllib.parse import quote, quote_plus

    yield from (json.dumps(text, ensure_ascii=ascii_)[1:-1] for ascii_ in (True, False))
    yield repr(text)[1:-1]
    yield text.replace("'", "'\"'\"'")
    yield text.replace("'", "'\\''")
    yield escape(text)
    raw = text.encode("utf-8", "surrogateescape")
    yield from _in_bash(text)
    yield from (quote(raw, safe="/"), quote(raw, safe=""), quote_plus(raw))


def _in_bash(text: str) -> Iterator[str]:
    """Give what `export -p`, `printf %q` and `set` make of it: in double quotes, behind backslashes, and in $'…'."""
    yield re.sub(r'([$`"\\])', r"\\\1", text)
    yield re.sub(r"""([\s'"\\|&;()<>!{}*\[\]?^$`,]|(?<=[=:])~)""", r"\\\1", text)
    yield "".join(_ANSI.get(c, c) for c in text)
    raw = text.encode("utf-8", "surrogateescape").decode("latin-1")
    yield "".join(_ANSI.get(c, c if c < "\x7f" else f"\\{ord(c):03o}") for c in raw)


def _base64(text: str) -> Iterator[str]:
    """Give the part of its Base64 that does not depend on its neighbours, for each place in a group of three bytes."""
    raw = text.encode("utf-8", "surrogateescape")
    for before in range(3):
        last = (before + len(raw)) * 8 // 6
        for encode in (b64encode, urlsafe_b64encode):
            part = encode(b"\0" * before + raw).decode()[(before * 8 + 5) // 6 : last]
            if len(part) >= SHORTEST_LINE:
                yield part
