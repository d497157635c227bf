"""The JSON envelope is a written contract: its keys never change."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit import errors
from opskit.cli.exits import EXITS
from opskit.cli.render import envelope

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@dataclass(frozen=True)
class Thing:
    path: Path
    seen: datetime


def document(data: dict[str, object], **more: object) -> dict[str, object]:
    text = envelope.document("log", data, **{"exit_code": 0, "error": None} | more)  # type: ignore[arg-type]
    assert text.isascii()
    return json.loads(text)


def test_the_envelope_has_these_keys_and_no_others() -> None:
    assert document({"a": 1}) == {
        "opskit": 1,
        "command": "log",
        "status": "done",
        "exit_code": 0,
        "data": {"a": 1},
        "error": None,
    }


@given(st.dictionaries(st.text(), PLAIN))
def test_plain_data_travels_unchanged(data: dict[str, object]) -> None:
    assert document(data)["data"] == data


def test_what_json_lacks_is_given_as_what_it_has() -> None:
    when = datetime(2026, 11, 23, 12, tzinfo=UTC)
    data = {
        "thing": Thing(Path("/srv"), when),
        "set": {"b", "a"},
        "map": MappingProxyType({"k": 1}),
    }
    assert document(data)["data"] == {
        "thing": {"path": "/srv", "seen": "2026-11-23T12:00:00+00:00"},
        "set": ["a", "b"],
        "map": {"k": 1},
    }


def test_what_has_no_json_form_is_an_error_of_ours() -> None:
    with pytest.raises(TypeError, match="no JSON for object"):
        document({"what": object()})


@pytest.mark.parametrize("code", sorted(EXITS))
def test_the_status_follows_from_the_exit_code(code: int) -> None:
    assert document({}, exit_code=code)["status"] == EXITS[code].status


def test_an_error_says_kind_what_and_hint_and_a_hosts_error_its_host() -> None:
    usage = envelope.described(errors.UsageError("what", hint="next"))
    assert usage == {"kind": "usage", "what": "what", "hint": "next"}
    host = envelope.described(errors.HostError("web01", "what", output="said"))
    assert host == {"kind": "host", "what": "what", "hint": "", "host": "web01", "output": "said"}
