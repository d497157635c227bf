"""Output kept within bounds, and secrets that never show, however a stream is cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from opskit.config.secret import Redactor, Secret
from opskit.fleet.capture import HEAD, TAIL, Bounded, Mask, Stream


@given(
    secrets=st.lists(st.text("ab", min_size=2, max_size=5), min_size=1, max_size=3),
    chunks=st.lists(st.binary(max_size=6).map(lambda data: bytes(b"ab\n"[b % 3] for b in data))),
)
def test_a_masked_stream_is_the_masked_whole(secrets: list[str], chunks: list[bytes]) -> None:
    redactor = Redactor(tuple(Secret(secret) for secret in secrets))
    mask = Mask(redactor)
    shown = b"".join([*(mask.feed(chunk) for chunk in chunks), mask.flush()])
    assert shown == redactor.data(b"".join(chunks))


def test_a_secret_that_begins_with_another_one_is_hidden_whole_however_it_comes() -> None:
    mask = Mask(Redactor((Secret("hunter2hunter2"), Secret("hunter2hunter2-- -admin-key"))))
    pieces = [mask.feed(b"hunter2hunter2"), mask.feed(b"-- -admin-key\n"), mask.flush()]
    assert b"".join(pieces) == b"[redacted]\n"


def test_secrets_that_overlap_without_an_end_are_not_held_back_without_an_end() -> None:
    mask = Mask(Redactor((Secret("aaaa"),)))
    shown = b"".join([*(mask.feed(b"a" * 65536) for _ in range(20)), mask.flush()])
    assert shown == b"[redacted]" * 2


def test_only_what_could_become_a_secret_is_held_back() -> None:
    mask = Mask(Redactor((Secret("hunter2"),)))
    assert mask.feed(b"prompt> hun") == b"prompt> "
    assert mask.feed(b"gry") == b"hungry"
    assert mask.feed(b"hunter") == b""
    assert mask.feed(b"2!") == b"[redacted]!"
    assert mask.flush() == b""


def test_without_secrets_chunks_pass_untouched() -> None:
    chunk = b"x" * 10
    assert Mask(Redactor()).feed(chunk) is chunk


@given(sizes=st.lists(st.integers(1, 300_000), max_size=30))
def test_what_is_kept_is_bounded_and_is_the_beginning_and_the_end(sizes: list[int]) -> None:
    kept, whole = Bounded(), b""
    for number, size in enumerate(sizes):
        chunk = bytes([number % 256]) * size
        kept.add(chunk)
        whole += chunk
    value = kept.value()
    assert kept.truncated == (len(whole) > HEAD + TAIL)
    if not kept.truncated:
        assert value == whole
    else:
        assert value.startswith(whole[:HEAD])
        assert value.endswith(whole[-TAIL:])
        assert len(value) < HEAD + TAIL + 100


def test_a_stream_tells_its_watcher_what_it_keeps() -> None:
    seen: list[tuple[str, bytes]] = []
    stream = Stream(
        "stdout", Redactor((Secret("abc"),)), lambda kind, data: seen.append((kind, data))
    )
    stream.feed(b"1ab")
    stream.feed(b"c2ab")
    assert stream.end() == b"1[redacted]2ab"
    assert b"".join(data for _, data in seen) == b"1[redacted]2ab"
