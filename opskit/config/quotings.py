"""How shells write a value so that they could read it again: what `set`, `export -p`, `set -x` and `printf %q` print."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CONTROL = (*range(1, 32), 127)
_NAMES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\a": "\\a", "\b": "\\b", "\v": "\\v", "\f": "\\f"}  # fmt: skip
_BACKSLASH = {"\\": "\\\\", "'": "\\'"}
_OCTAL = {**{chr(code): f"\\{code:03o}" for code in _CONTROL}, **_NAMES}
_ANSI = {**_OCTAL, **_BACKSLASH, "\x1b": "\\E"}
"""What bash writes between $' and ' for characters that it does not write as they are; mksh the same, but for a quote."""
_ZSH = {**_OCTAL, **_BACKSLASH, "!": "\\!"}
"""The same of zsh's `${(qqqq)…}`."""
_ZSH_KEYS = {**{chr(code): f"\\C-{chr(code ^ 64)}" for code in _CONTROL}, **_BACKSLASH, "\n": "\\n", "\t": "\\t"}  # fmt: skip
"""The same of its `set`, `set -x` and `typeset -p`, in the language of its key bindings."""
_ZSH_SPECIAL = r"""[ \t\n"#$&'()*;<>?\[\\\]^`{|}]"""
_FISH = {
    **{chr(code): f"\\c{chr(code + 96)}" for code in range(1, 27)},
    **{chr(code): f"\\x{code:02x}" for code in (*range(28, 32), 127)},
    "\n": "\\n",
    "\t": "\\t",
    "\r": "\\r",
    "\b": "\\b",
    "\x1b": "\\e",
}
_FISH_SPECIAL = r"""[ "#$%&'()*;<>?\[\\\]{|}~]"""


def quotings(text: str) -> Iterator[str]:
    """Give how shells write `text`, without the quotes around it."""
    yield text.replace("'", "'\"'\"'")
    yield text.replace("'", "'\\''")
    yield from _in_bash(text)
    yield _each(text, {**_ANSI, "'": "\\047"})
    yield from _in_zsh(text)
    yield from _in_fish(text)


def _in_bash(text: str) -> Iterator[str]:
    """Give what bash makes of it: in double quotes, behind backslashes, and in $'…'."""
    yield re.sub(r'([$`"\\])', r"\\\1", text)
    yield re.sub(r"""([\s'"\\|&;()<>!{}*\[\]?^$`,]|(?<=[=:])~)""", r"\\\1", text)
    yield _each(text, _ANSI)
    yield "".join(_ANSI.get(c, c if c < "\x7f" else _octal(c)) for c in _bytes_of(text))


def _in_zsh(text: str) -> Iterator[str]:
    """Give what zsh makes of it, in a locale of UTF-8 and in C: behind backslashes, in $'…' of two kinds, in as few quotes as can be."""
    for said in (text, _bytes_of(text)):
        high = {c for c in said if said is not text and c > "\x7f"}
        octal = {c: _octal(c) for c in high}
        special = {c: f"\\{c}" for c in said if re.match(_ZSH_SPECIAL, c)}
        one_by_one = {c: f"$'{escape}'" for c, escape in {**_OCTAL, **octal}.items()}
        lead = "\\" if said[:1] in ("~", "=") else ""
        yield lead + _each(said, {**special, **one_by_one})
        yield _each(said, {**_ZSH, **octal})
        yield _each(said, {**_ZSH_KEYS, **{c: _meta(c) for c in high}})
    parts = text.split("'")
    yield "\\'".join(f"'{p}'" if re.search(f"^[~=]|{_ZSH_SPECIAL}", p) else p for p in parts)


def _in_fish(text: str) -> Iterator[str]:
    """Give what fish makes of it: behind backslashes (a question mark only before fish 4), in quotes, and as `set --show` prints it."""
    special = {c: f"\\{c}" for c in text if re.match(_FISH_SPECIAL, c)}
    yield _each(text, {**special, **_FISH})
    yield _each(text, {**special, **_FISH, "?": "?"})
    yield _each(text, _BACKSLASH)
    yield _each(text, {**_FISH, "\\": "\\\\"})


def _each(text: str, escapes: Mapping[str, str]) -> str:
    return "".join(escapes.get(character, character) for character in text)


def _bytes_of(text: str) -> str:
    """Give its bytes as characters: a shell in the locale C looks at those."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _octal(character: str) -> str:
    return f"\\{ord(character):03o}"


def _meta(character: str) -> str:
    low = ord(character) - 128
    return f"\\M-\\C-{chr(low ^ 64)}" if low in (0, *_CONTROL) else f"\\M-{chr(low)}"
