"""What stands in a shared file: every event that was written whole is found, whatever lies between."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opskit.changelog.packet import Packet
from opskit.changelog.upstream import frames
from tests.changelog.upstream.writers import Writer

LOG = "0123456789abcdef" * 2
EVENTS = Writer(7).write(12) + Writer(8).write(12, text="x" * 3000)
GARBAGE = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [b"\n", b"\r\n", b"\0" * 5000, b"\n17 0123456789abcdef {}\n", b"@1+2+3 ", b"#\n#"]
    ),
)


def placed(data: bytes, *, pieces: int = 1 << 20, offset: int = 0) -> list[frames.Placed]:
    reader = frames.Reader(offset)
    return [
        found
        for begin in range(0, len(data), pieces)
        for found in reader.feed(data[begin : begin + pieces])
    ]


def test_the_format_is_this_one() -> None:
    (packet,) = Writer(1).write(text="why")
    data = frames.first(LOG)
    data += frames.stamped(frames.framed([packet]), start=len(data), now_ms=1_700_000_000_123)
    empty, log, _, body, _, event, end = data.split(b"\n")
    assert (empty, end) == (b"", b"")
    text = f'{{"log":"{LOG}","opskit":"changelog","version":1}}'.encode()
    assert log == b"%d %s %s" % (len(text), hashlib.sha256(text).hexdigest()[:16].encode(), text)
    length, total, text = body.split(b" ", 2)
    assert (int(length), total.decode()) == (len(text), hashlib.sha256(text).hexdigest()[:16])
    assert packet.nonce
    assert packet.body
    assert json.loads(text) == {
        "of": packet.hash.hex(), "nonce": packet.nonce.hex(), "body": packet.body.decode(),
    }  # fmt: skip
    stamp, length, total, text = event.split(b" ", 3)
    assert stamp == b"@1700000000123+%015d+%015d" % (len(log) + 2, 0)
    assert (int(length), total.decode()) == (len(text), hashlib.sha256(text).hexdigest()[:16])
    said = json.loads(text)
    assert (said["event"], said["seq"], said["writer"]) == (
        packet.hash.hex(),
        1,
        packet.writer.hex(),
    )
    assert said["body"] == len(body) + 2
    bare = Packet.from_json(json.dumps(said["packet"]))
    assert bare == replace(packet, nonce=None, body=None)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.integers(0, 20), st.integers(1, 4), st.just(1.0) | st.floats(0, 1)),
            GARBAGE,
        ),
        max_size=12,
    ),
    st.integers(1, 3000),
)
def test_what_was_appended_whole_is_found_whatever_was_cut_or_lies_between(
    steps: list[tuple[int, int, float] | bytes], pieces: int
) -> None:
    data, expected = frames.first(LOG), dict[int, Packet]()
    for step in steps:
        if isinstance(step, bytes):
            data += step
            continue
        first, count, part = step
        events = EVENTS[first : first + count]
        push = frames.stamped(frames.framed(events), start=len(data), now_ms=1)
        cut = push[: int(len(push) * part)]
        end = 0
        for event in events:
            end += len(frames.framed([event]))
            if end <= len(cut):
                expected[len(data) + end] = event
        data += cut
    found = {each.end: each.whole() for each in placed(data, pieces=pieces)}
    assert {end: event for end, event in found.items() if end in expected} == expected
    # A line that was cut off only at its line feed is whole as soon as anything follows.
    assert all(event in EVENTS for event in found.values())
    assert list(found) == sorted(found)
    assert list(found.items()) == [(each.end, each.whole()) for each in placed(data)]
    assert frames.log_of(data) == LOG


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_file_that_was_shortened_in_the_middle_ends_there_for_readers(
    data: st.DataObject,
) -> None:
    whole = frames.first(LOG)
    ends = []
    for event in EVENTS:
        whole += frames.stamped(frames.framed([event]), start=len(whole), now_ms=1)
        ends.append(len(whole))
    begin = data.draw(st.integers(0, len(whole) - 1))
    size = data.draw(st.integers(1, len(whole) - begin))
    found = placed(whole[:begin] + whole[begin + size :])
    kept = [event for event, end in zip(EVENTS, ends, strict=True) if end <= begin]
    assert [each.whole() for each in found][: len(kept)] == kept
    # What stands at another place than it was written for is no event.
    assert all(each.end <= begin + 1 for each in found)


def test_two_files_in_one_are_the_first_of_them() -> None:
    one = frames.first(LOG)
    one += frames.stamped(frames.framed(EVENTS[:3]), start=len(one), now_ms=1)
    assert [each.whole() for each in placed(one + one)] == EVENTS[:3]


def test_a_reader_may_begin_anywhere() -> None:
    data = frames.first(LOG)
    data += frames.stamped(frames.framed(EVENTS[:4]), start=len(data), now_ms=5)
    everything = placed(data)
    for offset in range(0, len(data), 37):
        found = placed(data[offset:], offset=offset)
        assert [each.end for each in found] == [
            each.end for each in everything if each.end > offset and _line(data, each) >= offset
        ]
    third = everything[2]
    assert placed(data[third.start :], offset=third.start)[0].whole() == EVENTS[2]
    assert {each.received_ms for each in everything} == {5}


def _line(data: bytes, found: frames.Placed) -> int:
    return data.rfind(b"\n", 0, found.end - 1) + 1


@pytest.mark.parametrize("mark", [b"#", b"\0"])
def test_a_body_that_is_filled_or_torn_is_missing_and_its_event_stays(mark: bytes) -> None:
    data = frames.stamped(frames.framed(EVENTS[:2]), start=0, now_ms=1)
    one, two = placed(data)
    assert one.body
    start, size = one.body.start, len(one.body.line)
    for first, length in (
        (start, size),
        (start, size // 2),
        (start + size // 2, size - size // 2),
    ):
        filled = data[:first] + mark * length + data[first + length :]
        found = placed(filled)
        assert [each.end for each in found] == [one.end, two.end]
        assert found[0].whole() == replace(EVENTS[0], nonce=None, body=None)
        assert found[1].whole() == EVENTS[1]


def test_a_redacted_event_is_pushed_without_a_body() -> None:
    bare = replace(EVENTS[0], nonce=None, body=None)
    data = frames.stamped(frames.framed([bare, EVENTS[1]]), start=0, now_ms=1)
    assert [each.whole() for each in placed(data)] == [bare, EVENTS[1]]


def test_bytes_that_are_no_text_travel_too() -> None:
    odd = replace(EVENTS[0], header=b"\xff\x00\n", body=b"\xfe\n", nonce=b"")
    data = frames.stamped(frames.framed([odd]), start=0, now_ms=1)
    assert [each.whole() for each in placed(data)] == [odd]


def test_a_line_without_end_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "LONGEST", 50_000)
    start = 2_000_000
    push = frames.stamped(frames.framed(EVENTS[:1]), start=start, now_ms=1)
    reader = frames.Reader()
    for _ in range(200):
        assert list(reader.feed(b"x" * 10_000)) == []
        assert len(reader._rest) <= 60_000
    assert [each.whole() for each in reader.feed(push)] == EVENTS[:1]
    with pytest.raises(ValueError, match="longer than"):
        frames.framed([replace(EVENTS[0], body=b"y" * 60_000)])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"hello\nworld\n",
        frames.first(LOG)[1:],
        frames.first(LOG)[:-9],
        frames.first("x"),
    ],
)
def test_what_does_not_begin_with_a_name_is_no_log(data: bytes) -> None:
    assert frames.log_of(data) == ""


def test_a_newer_format_is_told_from_garbage() -> None:
    text = f'{{"log":"{LOG}","opskit":"changelog","version":2}}'.encode()
    with pytest.raises(ValueError, match="newer"):
        frames.log_of(frames._frame(text))
