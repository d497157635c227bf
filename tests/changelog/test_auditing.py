"""An upstream that somebody altered, read anew: the first bad place and what was done to it are named."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from opskit.changelog import Changelog
from opskit.changelog.auditing import audit
from opskit.changelog.upstream.postgres import setup
from tests.changelog.laptop import share, upstream_of
from tests.changelog.memory import Memory, shared
from tests.support.postgres import Server, server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from opskit.changelog.packet import Packet

COUNT = 6
DISABLED = (
    "ALTER TABLE opskit.event DISABLE TRIGGER ALL; ALTER TABLE opskit.body DISABLE TRIGGER ALL; "
)


@pytest.fixture
def ana(tmp_path: Path) -> Path:
    file = tmp_path / "ana" / "changelog.db"
    with Changelog(file, actor="ana") as changelog:
        for number in range(1, COUNT + 1):
            changelog.append("note", {"text": f"ana {number}"})
    return file


@pytest.fixture
def upstream(ana: Path) -> Memory:
    made = Memory()
    shared(ana, made)
    return made


def problems(file: Path, upstream: Any) -> list[str]:
    return [str(problem) for problem in audit(file, upstream).problems]


def _altered(**change: bytes) -> Callable[[list[Packet]], object]:
    def alter(packets: list[Packet]) -> None:
        packets[3] = dataclasses.replace(packets[3], **change)

    return alter


def _swap(packets: list[Packet]) -> None:
    packets[3], packets[4] = packets[4], packets[3]


@pytest.mark.parametrize(
    ("alter", "place", "what"),
    [
        (_altered(body=b'{"text":"ana 9"}'), 4, "altered: it came with another body"),
        (_altered(nonce=b"x" * 16), 4, "altered: it came with another body"),
        (_altered(body=None, nonce=None), 4, "dropped: its body is gone"),
        (_altered(signature=b"\0" * 64), 4, "altered: it came with a signature"),
        (_altered(header=b"{}"), 4, "altered: something else stood there before"),
        (lambda packets: packets.pop(), 6, "dropped: it is not there any more"),
        (lambda packets: packets.pop(3), 4, "reordered: it stood at place 5 before"),
        (_swap, 4, "reordered: it stood at place 5 before"),
        (lambda packets: packets.insert(3, packets[0]), 4, "reordered: it stood at place 1"),
    ],
    ids=[
        "body", "nonce", "no body", "signature", "header", "the last one gone", "one gone, renumbered", "two swapped",
        "one twice",
    ],
)  # fmt: skip
def test_what_was_done_to_an_upstream_is_named_with_its_first_place(
    upstream: Memory, ana: Path, alter: Any, place: int, what: str
) -> None:
    assert problems(ana, upstream) == []
    alter(upstream.packets)
    first = problems(ana, upstream)[0]
    assert first.startswith(f"upstream, place {place}, event "), first
    assert ": note by ana) " in first.replace("): ", ") "), (
        "what to look it up by, and whose it is"
    )
    assert what in first
    assert first.count("of writer") == 1, "it is said once"


def test_what_came_since_and_what_is_known_as_evidence_is_no_fault(
    upstream: Memory, ana: Path, tmp_path: Path
) -> None:
    bad = dataclasses.replace(upstream.packets[1], header=b"{}")
    upstream.packets.append(bad)
    shared(ana, upstream)
    with Changelog(tmp_path / "ben" / "changelog.db") as ben:
        ben.append("note", {"text": "news"})
    shared(ben.file, upstream)
    assert problems(ana, upstream) == []
    upstream.packets.append(dataclasses.replace(bad, header=b"[]"))
    (problem,) = problems(ana, upstream)
    assert "place 9" in problem
    assert "signature" in problem


def test_another_log_is_no_comparison(upstream: Memory, ana: Path) -> None:
    (problem,) = problems(ana, Memory("cd" * 16))
    assert "it is another log" in problem


def test_a_redacted_body_is_no_fault(upstream: Memory, ana: Path) -> None:
    with Changelog(ana) as changelog:
        changelog.redact(upstream.packets[3].hash.hex(), why="a password")
    shared(ana, upstream)
    upstream.packets[3] = dataclasses.replace(upstream.packets[3], body=None, nonce=None)
    assert problems(ana, upstream) == []


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with server() as made:
        yield made


@pytest.mark.parametrize(
    ("statements", "what"),
    [
        (["UPDATE opskit.body SET body = '\\x7b7d' WHERE pos = 4"], "altered: it came with"),
        (["DELETE FROM opskit.body WHERE pos = 4"], "dropped: its body is gone"),
        (
            ["DELETE FROM opskit.body WHERE pos = 4", "DELETE FROM opskit.event WHERE pos = 4"],
            "dropped: it is not there any more",
        ),
        (
            ["UPDATE opskit.event SET received_at = received_at - interval '3 days' WHERE pos = 4"],
            "altered: it says now that it received it at",
        ),
        (["UPDATE opskit.event SET received_at = now(), chain = sha256(chain) WHERE pos = 4"], "altered: "),
    ],
    ids=["a body altered", "a body deleted", "an event deleted", "a time altered", "a chain altered"],
)  # fmt: skip
def test_what_a_superuser_does_to_the_database_is_named(
    postgres: Server, ana: Path, statements: list[str], what: str
) -> None:
    url = postgres.new_database("audited")
    setup(url, timeout=60.0)
    share(ana, url)
    with upstream_of(url) as upstream:
        assert problems(ana, upstream) == []
        postgres.sql(DISABLED + "; ".join(statements), database="audited")
        first = problems(ana, upstream)[0]
    assert first.startswith("upstream, place 4, event 4 of writer ")
    assert what in first


def test_a_changed_byte_of_a_body_in_a_file_is_an_alteration(ana: Path, tmp_path: Path) -> None:
    url = f"file://{tmp_path / 'share' / 'log'}"
    with upstream_of(url) as upstream:
        upstream.create()  # type: ignore[attr-defined]
        share(ana, url)
        log = tmp_path / "share" / "log"
        log.write_bytes(log.read_bytes().replace(b"ana 4", b"eve 4"))
        (problem,) = problems(ana, upstream)
        assert "place at byte " in problem
        assert "event 4 of writer" in problem
        assert "altered: it came with another body than the one that was signed" in problem
        new = tmp_path / "new" / "changelog.db"
        assert "came without the body that was signed" in share(new, url).warnings[0]


def test_a_file_is_read_anew_too(ana: Path, tmp_path: Path) -> None:
    url = f"file://{tmp_path / 'share' / 'log'}"
    with upstream_of(url) as upstream:
        upstream.create()  # type: ignore[attr-defined]
        share(ana, url)
        assert problems(ana, upstream) == []
        log = tmp_path / "share" / "log"
        lines = log.read_bytes().splitlines(keepends=True)
        gone = next(number for number, line in enumerate(lines) if b'"seq":4,' in line)
        log.write_bytes(b"".join(lines[:gone] + lines[gone + 1 :]))
        assert "event 4 of writer" in "".join(problems(ana, upstream))
