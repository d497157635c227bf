"""Which variables a script of POSIX sh reads without having set them: only those that are certain."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_USE = re.compile(r"\\.|'[^']*'|\$(?:(?P<plain>[A-Za-z_][A-Za-z0-9_]*)|\{#?(?P<braced>[A-Za-z_][A-Za-z0-9_]*)(?P<how>[^}]?[^}]?))|\"", re.DOTALL)  # fmt: skip
_READ = re.compile(
    r"\$(?:(?P<plain>[A-Za-z_][A-Za-z0-9_]*)|\{#?(?P<braced>[A-Za-z_][A-Za-z0-9_]*)(?P<how>[^}]?[^}]?))"
)
_SUM, _NAME = re.compile(r"\$\(\(.*?\)\)", re.DOTALL), re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SET = re.compile(r"\b([A-Za-z_][A-Za-z0-9_]*)=|\bfor\s+([A-Za-z_][A-Za-z0-9_]*)|\b(?:read|export|local|readonly|typeset|declare|mapfile|readarray|getopts\s+\S+)\s+([^;|&\n]*)")  # fmt: skip
_UNCERTAIN = re.compile(
    r"<<|\beval\b|(?:^|[;&|(]\s*)(?:\.|source)\s|\bset\s+-\w*a|\$'|(?:^|\s)#", re.MULTILINE
)
_EMPTY = re.compile(r"^[ \t]*([A-Za-z_][A-Za-z0-9_]*)=[ \t]*$", re.MULTILINE)
_COMMON = re.compile(r".*_proxy|path|argv|cdpath")


def unset(script: str) -> tuple[str, ...]:
    """Give the variables that a script reads, and neither sets nor has a default for.

    A name without a small letter may be one of the host's, so it is left out; so is everything of a script that holds a here-document,
    a comment or what sets variables that cannot be seen.
    """
    if _UNCERTAIN.search(script):
        return ()
    given = {
        word for found in _SET.findall(script) for word in re.findall(r"\w+", " ".join(found))
    }
    return tuple(
        name for name in dict.fromkeys(_uses(script)) if _sure(name) and name not in given
    )


def needed(script: str) -> set[str]:
    """Give the variables that a script may read without a default: in single quotes, too (`sh -c '…$x'`), and in sums.

    One that it has set before it first reads it is none.
    """
    first: dict[str, int] = {}
    sums = ((found.start() + word.start(), word[0]) for found in _SUM.finditer(script) for word in _NAME.finditer(found[0]))  # fmt: skip
    plain = ((m.start(), m["plain"] or m["braced"]) for m in _READ.finditer(script) if not _has_default(m))  # fmt: skip
    for at, name in (*sums, *plain):
        first[name] = min(at, first.get(name, at))
    return {name for name, at in first.items() if not _is_set_before(name, script[:at])}


def emptied(script: str) -> set[str]:
    """Give the variables that a line of a script makes empty: what a person is to fill in, who pastes it into a shell."""
    return set(_EMPTY.findall(script))


def _is_set_before(name: str, before: str) -> bool:
    """Tell whether a command that has ended by then sets a variable."""
    at = max(before.rfind(sign) for sign in ("\n", ";", "&", "|"))
    return any(name in re.findall(r"\w+", " ".join(found)) for found in _SET.findall(before[: at + 1]))  # fmt: skip


def _has_default(found: re.Match[str]) -> bool:
    return bool(found["braced"]) and found["how"].lstrip(":")[:1] in ("-", "=", "+")


def _uses(script: str) -> Iterator[str]:
    """Give the names that are expanded; in double quotes, a single one quotes nothing."""
    quoted, at = False, 0
    while found := _USE.search(script, at):
        at = found.end()
        if found[0] == '"':
            quoted = not quoted
        elif found[0].startswith("'") and quoted:
            at = found.start() + 1
        elif found["plain"]:
            yield found["plain"]
        elif found["braced"] and not _has_default(found):
            yield found["braced"]


def _sure(name: str) -> bool:
    return name != name.upper() and not _COMMON.fullmatch(name)
