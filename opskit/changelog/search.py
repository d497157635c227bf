"""Full text search: which words of an event are looked through, and what people type to find them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from opskit.changelog.body import parts, text, texts
from opskit.changelog.event import FINISHED, HOSTS, NOTE, RUN_STARTED, RUN_STEP, STARTED
from opskit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opskit.changelog.event import Header

LONGEST = 20_000  # characters of an event

_PHRASE = r'"([^"]*)"?|(\S+)'


def words_of(header: Header, body: Mapping[str, object]) -> str:
    """Give what is searched of an event: reasons, notes, errors, the end of output, commits, tasks; "" for nothing."""
    said = {
        STARTED: _started,
        HOSTS: _hosts,
        FINISHED: _finished,
        NOTE: _note,
        RUN_STARTED: _run_started,
        RUN_STEP: _run_step,
    }.get(header.kind)
    found = said(body) if said else (value for value in body.values() if isinstance(value, str))
    return "\n".join(each for each in found if each)[:LONGEST]


def match_of(wanted: str) -> str:
    """Give the FTS5 query for what somebody typed: all words, "a phrase", a beginning*; raises UsageError for no words.

    Every piece is quoted, so that no text means anything else than itself; a NUL, which would end it for SQLite, parts words.
    """
    pieces = []
    for phrase, word in re.findall(_PHRASE, wanted.replace("\0", " ")):
        bare = phrase or word
        star = "*" if word.endswith("*") and not phrase else ""
        bare = bare.rstrip("*") if star else bare
        if re.search(r"\w", bare):
            pieces.append('"' + bare.replace('"', '""') + '"' + star)
    if not pieces:
        raise UsageError(
            "there is no word to look for", hint='write it like --grep "timeout web01"'
        )
    return " ".join(pieces)


def _started(body: Mapping[str, object]) -> Iterator[str]:
    yield from (text(body, name) for name in ("why", "task", "script"))
    yield from texts(body, "notes")
    to = body.get("to")
    if isinstance(to, dict):
        yield text(to, "label")
    for commit in parts(body, "commits"):
        yield from (text(commit, name) for name in ("subject", "author", "sha"))


def _hosts(body: Mapping[str, object]) -> Iterator[str]:
    for result in parts(body, "results"):
        yield from (text(result, name) for name in ("error", "output"))


def _finished(body: Mapping[str, object]) -> Iterator[str]:
    yield from (text(body, name) for name in ("reason", "output"))


def _note(body: Mapping[str, object]) -> Iterator[str]:
    yield text(body, "text")


def _run_started(body: Mapping[str, object]) -> Iterator[str]:
    yield from (text(body, name) for name in ("runbook", "title", "incident", "why"))
    for value in parts(body, "params"):
        yield text(value, "value")


def _run_step(body: Mapping[str, object]) -> Iterator[str]:
    yield from (text(body, name) for name in ("why", "value"))
    yield from _hosts(body)
