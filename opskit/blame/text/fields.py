"""A commit's fields, as the symptom's words meet them: how often each is in its whole text, in what is new, in functions, subject, paths."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.blame.text.tokens import count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Set

    from opskit.blame.text.commits import CommitText

TRAILER = re.compile(
    r"^\s*(cc|link|closes|change-id|[a-z]+(-[a-z]+)*-(by|at|to|bz|id)):\s", re.IGNORECASE
)
"""Lines of a message that name people and pages."""
REPAIR = re.compile(r"^[ \t]*fix(es|ed)?:\s", re.IGNORECASE | re.MULTILINE)
"""A line of a message that says which commit it repairs."""


@dataclass(frozen=True, slots=True)
class Field:
    """How often each word of a symptom is in one part of a text, and how many words that part has in all."""

    words: Mapping[str, int]
    size: int


@dataclass(frozen=True, slots=True)
class Fields:
    """The parts of a commit's text: `whole` is all of it, `fresh` the words of lines that came beyond those that went.

    `repairs` tells whether it says that it repairs another, `read` whether its diff is in it, `is_commit` whether it is one: candidates say
    something of themselves, too.
    """

    whole: Field
    fresh: Field
    functions: Field
    subject: Field
    paths: Field
    repairs: bool
    read: bool
    is_commit: bool


def fields(commit: CommitText, asked: Set[str]) -> Fields:
    """Count the words `asked` in each part of a commit."""
    subject = count(commit.subject)
    body = count("\n".join(line for line in commit.body.split("\n") if not TRAILER.match(line)))
    paths = count("\n".join(file.path for file in commit.files))
    functions = count("\n".join(name for file in commit.files for name in file.functions))
    added, came = _sum((file.added for file in commit.files), asked)
    removed, went = _sum((file.removed for file in commit.files), asked)
    small = (subject, body, paths, functions)
    whole = Counter(added)
    whole.update(removed)
    for part in small:
        whole.update({word: part[word] for word in asked & part.keys()})
    return Fields(
        whole=Field(whole, came + went + sum(part.total() for part in small)),
        fresh=Field(added - removed, commit.fresh),
        functions=_field(functions, asked),
        subject=_field(subject, asked),
        paths=_field(paths, asked),
        repairs=bool(REPAIR.search(commit.body)),
        read=commit.read,
        is_commit=bool(commit.sha),
    )


def _field(counted: Counter[str], asked: Set[str]) -> Field:
    return Field({word: counted[word] for word in asked & counted.keys()}, counted.total())


def _sum(parts: Iterable[Mapping[str, int]], asked: Set[str]) -> tuple[Counter[str], int]:
    found: Counter[str] = Counter()
    size = 0
    for part in parts:
        size += sum(part.values())
        found.update({word: part[word] for word in asked & part.keys()})
    return found, size
