"""Events that nobody of good will writes: they are kept, and stop neither the laptop that takes them in nor its search."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from opskit.changelog import Changelog, index
from opskit.changelog.canonical import DEEPEST, decode, encode
from opskit.errors import ChangelogError
from tests.changelog.memory import Memory, shared
from tests.changelog.upstream.chains import Chain, redaction_of

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.changelog.packet import Packet
    from opskit.changelog.verify import Problem


def taken_in(file: Path, *pages: list[Packet]) -> Changelog:
    """Give a changelog that pulled these pages, one after the other."""
    upstream = Memory()
    for page in pages:
        upstream.packets += page
        shared(file, upstream)
    return Changelog(file)


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b'"\\u0041"' + b"}" * depth


@pytest.mark.parametrize("depth", [DEEPEST + 1, 400, 950, 999, 5000])
def test_a_body_nested_deeper_than_any_is_kept_as_malformed(file: Path, depth: int) -> None:
    deep = Chain(1).put("note", nested(depth))
    with taken_in(file, [deep]) as changelog:
        assert changelog.show(deep.hash.hex()).event.damage == "malformed"
        assert changelog.verify() == []


def test_what_may_be_written_is_read_and_what_is_deeper_is_not() -> None:
    assert decode(nested(DEEPEST)) is not None
    value: Any = "x"
    for _ in range(DEEPEST):
        value = {"a": value}
    assert decode(encode(value)) == value
    with pytest.raises(ChangelogError):
        encode({"a": value})
    with pytest.raises(ValueError, match="too deep"):
        decode(nested(DEEPEST + 1))
    many = {"list": [[] for _ in range(100)]}
    assert decode(json.dumps(many).encode()) == many


@pytest.mark.parametrize("ts", [-(2**53 - 1), 2**53 - 1, 0])
@pytest.mark.parametrize("at", [-(2**53 - 1), 0, 2**53 - 1])
@pytest.mark.parametrize("kind", ["rollout.recovered", "rollout.started", "note", "anything"])
def test_times_beyond_all_time_stop_nothing(file: Path, kind: str, ts: int, at: int) -> None:
    strange = Chain(1).put(kind, {"at": at, "hosts": [{"name": "web01", "at": at}]}, rollout="r1", ts=ts, hlc=2**63 - 1)  # fmt: skip
    with taken_in(file, [strange]) as changelog:
        assert len(changelog.entries()) == 1
        assert changelog.verify() == []


def test_an_event_that_the_index_cannot_take_keeps_no_other_one_out_and_is_named(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = index.words_of

    def stumbles(header: Any, body: Any) -> str:
        if body.get("text") == "strange":
            raise OverflowError("too large")
        return said(header, body)

    monkeypatch.setattr(index, "words_of", stumbles)
    chain = Chain(1)
    first, strange, last = (
        chain.put("note", {"text": text}) for text in ("first", "strange", "last")
    )
    with taken_in(file, [first, strange, last]) as changelog:
        texts = [note.text for note in changelog.notes()]
        assert {"first", "last"} <= set(texts)
        remarks: list[Problem] = []
        assert changelog.verify(remarks) == [], "its writer signed it so, which is no tampering"
        (remark,) = remarks
        assert strange.hash.hex()[:10] in remark.where
        assert "OverflowError: too large" in remark.what


@pytest.mark.parametrize("first", ["secret", "redaction"])
def test_a_redacted_word_is_in_no_file_whichever_event_comes_first(file: Path, first: str) -> None:
    ana, ben = Chain(1), Chain(2)
    secret = ana.put("note", {"text": "the password is hunter2zebra"})
    removal = redaction_of(ben, secret)
    pages = [[secret], [removal]] if first == "secret" else [[removal], [secret]]
    with taken_in(file, *pages) as changelog:
        from opskit.changelog import Filter

        assert changelog.entries(Filter(grep="hunter2zebra")) == ()
        assert changelog.verify() == []
    assert b"hunter2zebra" not in file.read_bytes()


def test_what_others_are_verified_by_cannot_be_redacted_in_any_order(file: Path) -> None:
    ana, mallory = Chain(1), Chain(2)
    enrolment = ana.put("writer.enrolled", {"statement": "x"})
    removal = redaction_of(mallory, enrolment)
    with taken_in(file, [removal], [enrolment]) as changelog:
        assert changelog.show(enrolment.hash.hex()).event.body == {"statement": "x"}
        remarks: list[Problem] = []
        assert changelog.verify(remarks) == []
        assert "it vouches for nobody" in remarks[0].what, "it is no good, and still says so"


def test_thousands_of_redactions_in_one_page_are_taken_in(file: Path) -> None:
    ana, ben = Chain(1), Chain(2)
    notes = [ana.put("note", {"text": f"note {number}"}) for number in range(3)]
    removals = [redaction_of(ben, notes[number % 2]) for number in range(3000)]
    with taken_in(file, [*notes, *removals]) as changelog:
        assert [note.text for note in changelog.notes()] == ["note 2", "", ""]
        assert changelog.verify() == []
    with contextlib.closing(sqlite3.connect(file)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
