"""Where attributes stand: in a comment before a fence, or, less portably, behind the language of the fence itself."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opskit.runbook.page.blocks import Block

_COMMENT = re.compile(r"<!--\s*opskit:(?P<words>.*?)-->", re.DOTALL)
_NEARLY = re.compile(r"<!--\s*opskit\b", re.IGNORECASE)
_NAMED = re.compile(r"<!--\s*(?P<name>[A-Za-z]{4,9})\s*:")
_ALIKE = 0.8
_INFO = re.compile(r"\S+\s+opskit(?::\s*|\s+|$)(?P<words>.*)", re.DOTALL)


def words(block: Block) -> str | None:
    """Give the words of a block that is one comment for opskit, None if it is none."""
    found = _COMMENT.fullmatch(block.text.strip())
    return found["words"] if found else None


def hidden(text: str) -> bool:
    """Whether HTML holds a comment that is perhaps meant for opskit: it says so in another way, or with letters that changed places."""
    return bool(_NEARLY.search(text)) or any(map(_is_like_ours, _NAMED.findall(text)))


def _is_like_ours(name: str) -> bool:
    return SequenceMatcher(None, name.lower(), "opskit").ratio() > _ALIKE


def info_words(info: str) -> str | None:
    """Give the words behind `opskit` in the info string of a fence, None if it stands not there."""
    found = _INFO.fullmatch(info.strip())
    return found["words"] if found else None


def other_words(info: str) -> str:
    """Give what stands behind the language in an info string."""
    return info.strip().partition(" ")[2]


def language(info: str) -> str:
    """Give the first word of an info string, in small letters."""
    return (info.split() or [""])[0].lower()
