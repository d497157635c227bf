from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.changelog.canonical import BIGGEST, decode, encode
from opskit.errors import ChangelogError

keys = st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=8)
texts = st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(-BIGGEST, BIGGEST)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)
objects = st.dictionaries(keys, values, max_size=5)


@given(objects)
def test_what_was_encoded_is_decoded_the_same(value: dict[str, object]) -> None:
    assert decode(encode(value)) == value


@given(objects)
def test_the_order_of_keys_makes_no_difference(value: dict[str, object]) -> None:
    assert encode(dict(reversed(value.items()))) == encode(value)


@given(objects)
def test_the_bytes_are_plain_json(value: dict[str, object]) -> None:
    assert json.loads(encode(value)) == value


def test_the_form_is_fixed() -> None:
    value = {"b": [1, True, None, {"z": "é\n\x1b", "a": -5}], "a": ()}
    assert encode(value) == b'{"a":[],"b":[1,true,null,{"a":-5,"z":"\xc3\xa9\\n\\u001b"}]}'


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"ms": 1.5}, "float at .ms"),
        ({"results": [{}, {"ms": float("nan")}]}, "float at .results[1].ms"),
        ({"n": 2**53}, "int at .n"),
        ({"data": b"x"}, "bytes at .data"),
        ({"é": 1}, "key 'é'"),
        ({"a": {1: 2}}, "key 1 at .a"),
        ({"a\0": 1}, "key 'a\\x00'"),
    ],
)
def test_what_no_event_may_hold_is_refused_by_its_place(
    value: dict[str, object], where: str
) -> None:
    with pytest.raises(ChangelogError, match=r"an event cannot hold the") as caught:
        encode(value)
    assert where in caught.value.what


def test_nesting_without_end_is_refused() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(ChangelogError):
        encode({"a": value})


def test_half_characters_and_nul_are_replaced() -> None:
    assert decode(encode({"name": "caf\udce9 \ud83d\0"})) == {"name": "caf� ��"}


def test_a_backslash_before_what_looks_like_nul_is_only_that() -> None:
    value = {"name": "\\u0000 \\\\u0000"}
    assert decode(encode(value)) == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'"x"',
        b"{",
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":1.0}',
        b'{"a":1e3}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":9007199254740992}',
        b'{"a":' + b"9" * 10_000 + b"}",
        b'{"a":"\\ud800"}',
        b'{"a":"\\u0000"}',
        b'{"a":["\\\\\\u0000"]}',
        b'{"\\u0000":1}',
        b'{"\\udfff":1}',
        b'{"a":"\xff"}',
        b'{"a":' * 100_000,
        b"\xff\xfe{\x00}\x00",
    ],
)
def test_what_is_not_strict_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        decode(data)


@given(st.binary(max_size=60) | texts.map(str.encode))
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(decode(data), dict)
