from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.changelog.canonical import encode
from opskit.changelog.event import Header, chained, genesis, read_body, sealed
from opskit.changelog.signing import is_signed, writer_key

GOLDEN = Path(__file__).parent / "golden"
CHAIN = json.loads((GOLDEN / "v1.chain.json").read_text())
WRITER = bytes.fromhex(CHAIN["writer"])
each_golden = pytest.mark.parametrize("event", CHAIN["events"], ids=lambda event: event["name"])

names = st.text(max_size=20)
headers = st.builds(
    Header,
    writer=st.binary(min_size=32, max_size=32).map(bytes.hex),
    seq=st.integers(1, 2**53 - 1),
    kind=names,
    hlc=st.integers(1, 2**63 - 1),
    ts=st.integers(0, 2**53 - 1),
    body=st.binary(min_size=32, max_size=32).map(bytes.hex),
    service=names,
    environment=names,
    rollout=names,
    action=names,
    actor=names,
    seen=st.dictionaries(st.sampled_from(["log", "pos", "chain"]), st.integers(0, 9)),
)


def golden(event: dict[str, str], part: str) -> bytes:
    return (GOLDEN / f"v1.{event['name']}.{part}").read_bytes()


@each_golden
def test_the_headers_of_version_1_are_read_and_written_for_ever(event: dict[str, str]) -> None:
    header = golden(event, "header")
    assert Header.decode(header).encode() == header


@each_golden
def test_the_bodies_of_version_1_are_read_and_written_for_ever(event: dict[str, str]) -> None:
    body = golden(event, "body")
    value, damage = read_body(body)
    assert damage == ""
    assert encode(value) == body


def test_the_chain_of_version_1_holds_for_ever() -> None:
    head = genesis(WRITER)
    for event in CHAIN["events"]:
        header = golden(event, "header")
        assert event["prev"] == head.hex()
        head = chained(head, header)
        assert event["hash"] == head.hex()
        assert is_signed(
            bytes.fromhex(CHAIN["public_key"]), bytes.fromhex(event["signature"]), head
        )
        nonce = bytes.fromhex(event["nonce"])
        assert Header.decode(header).body == sealed(nonce, golden(event, "body"))


def test_the_rules_of_version_1_are_those_that_are_written_down() -> None:
    assert hashlib.sha256(bytes.fromhex(CHAIN["public_key"])).hexdigest() == CHAIN["writer"]
    assert genesis(WRITER) == hashlib.sha256(b"opskit.genesis.v1" + WRITER).digest()
    assert (
        chained(b"p" * 32, b"h") == hashlib.sha256(b"opskit.event.v1" + b"p" * 32 + b"h").digest()
    )
    assert sealed(b"n" * 16, b"b") == hashlib.sha256(b"n" * 16 + b"b").hexdigest()


def test_two_writers_never_begin_alike() -> None:
    assert genesis(b"a" * 32) != genesis(b"b" * 32)


@given(headers)
def test_a_header_is_read_as_it_was_written(header: Header) -> None:
    read = Header.decode(header.encode())
    assert read.encode() == header.encode()
    if header.actor.isprintable() and "\\x00" not in repr(header):
        assert read == header


@given(headers, st.data())
def test_any_changed_byte_breaks_the_signature(header: Header, data: st.DataObject) -> None:
    key = writer_key(b"k" * 32)
    signed = header.encode()
    digest = chained(genesis(key.writer), signed)
    signature = key.sign(digest)
    place = data.draw(st.integers(0, len(signed) - 1))
    other = data.draw(st.integers(1, 255))
    altered = bytes([*signed[:place], signed[place] ^ other, *signed[place + 1 :]])
    assert is_signed(key.public, signature, digest)
    assert not is_signed(key.public, signature, chained(genesis(key.writer), altered))


def test_fields_that_we_do_not_know_are_kept() -> None:
    fields = json.loads(golden(CHAIN["events"][0], "header"))
    header = Header.decode(encode({**fields, "v": 2, "clk": {"off_ms": -3}, "crit": []}))
    assert header.version == 2
    assert header.more == {"clk": {"off_ms": -3}, "crit": []}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("w", "zz"),
        ("w", None),
        ("seq", "1"),
        ("seq", True),
        ("kind", 3),
        ("hlc", 5),
        ("hlc", "0"),
        ("hlc", "-1"),
        ("hlc", "9" * 19),
        ("hlc", "9" * 5000),
        ("ts", None),
        ("body", "A" * 64),
        ("actor", ["ann"]),
        ("seen", "all"),
    ],
)
def test_a_header_with_a_field_of_the_wrong_kind_is_refused(field: str, value: object) -> None:
    fields = json.loads(golden(CHAIN["events"][0], "header"))
    with pytest.raises(ValueError, match=field if field != "w" else "w is no"):
        Header.decode(encode({**fields, field: value}))


def test_a_secret_key_is_not_shown() -> None:
    key = writer_key(b"k" * 32)
    assert (b"k" * 32).hex() not in repr(key)
    assert "private" not in {f.name for f in dataclasses.fields(key) if f.repr}


def test_a_key_that_is_none_signs_nothing() -> None:
    assert not is_signed(b"short", b"x" * 64, b"y" * 32)
    assert not is_signed(writer_key(b"k" * 32).public, b"", b"y" * 32)
