"""An upstream that lies: whatever it says about events, laptops find out, name the trick, and lose nothing."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from opskit.changelog import Changelog
from opskit.changelog.packet import Arrival, Packet
from opskit.changelog.receipts import first_chain
from opskit.errors import UpstreamLiesError
from tests.changelog.memory import LOG, Memory, shared

if TYPE_CHECKING:
    from pathlib import Path


def alarms(file: Path) -> list[str]:
    with Changelog(file) as changelog:
        exchange = changelog.exchange()
        try:
            return [alarm.trick for alarm in exchange.alarms()]
        finally:
            exchange.close()


@pytest.fixture
def ana(tmp_path: Path) -> Path:
    file = tmp_path / "ana" / "changelog.db"
    with Changelog(file, actor="ana") as changelog:
        for number in range(5):
            changelog.append("note", {"text": f"ana {number}"})
    return file


@pytest.fixture
def ben(tmp_path: Path) -> Path:
    return tmp_path / "ben" / "changelog.db"


@pytest.fixture
def upstream(ana: Path) -> Memory:
    made = Memory()
    shared(ana, made)
    return made


def texts(file: Path) -> list[str]:
    with Changelog(file) as changelog:
        return [note.text for note in changelog.notes()]


def _receipt(arrival: Arrival, **changes: Any) -> Arrival:
    return dataclasses.replace(arrival, receipt=dataclasses.replace(arrival.receipt, **changes))


def _packet(arrival: Arrival, **changes: Any) -> Arrival:
    assert arrival.packet is not None
    return dataclasses.replace(arrival, packet=dataclasses.replace(arrival.packet, **changes))


def _swap(page: list[Arrival]) -> list[Arrival]:
    page[1], page[2] = page[2], page[1]
    return page


def _renumbered(page: list[Arrival]) -> list[Arrival]:
    """Leave one out and give the others its place, with a chain that fits: only signatures and chains of writers tell."""
    left = [*page[:2], *page[3:]]
    chain, made = first_chain(LOG), []
    for pos, arrival in enumerate(left, 1):
        chain = hashlib.sha256(chain + arrival.receipt.hash).digest()
        made.append(_receipt(arrival, pos=pos, chain=chain))
    return made


@pytest.mark.parametrize(
    ("lie", "trick"),
    [
        (_swap, "dropped"),
        (lambda page: page[::-1], "dropped"),
        (lambda page: [*page[:3], page[1], *page[3:]], "reordered"),
        (lambda page: [*page[:2], *page[3:]], "dropped"),
        (lambda page: [_receipt(page[0], hash=b"x" * 32), *page[1:]], "altered"),
        (lambda page: [page[0], _receipt(page[1], chain=b"x" * 32), *page[2:]], "altered"),
        (lambda page: [_packet(page[0], header=page[0].packet.header + b" "), *page[1:]], "altered"),
        (lambda page: [_packet(page[0], prev=b"x" * 32), *page[1:]], "altered"),
        (lambda page: [dataclasses.replace(page[0], packet=None), *page[1:]], "dropped"),
    ],
    ids=[
        "two change places", "all turned around", "one twice", "one left out", "another hash", "another chain",
        "another header", "another prev", "withheld",
    ],
)  # fmt: skip
def test_a_lie_about_the_log_is_named_and_nothing_of_it_is_taken_in(
    upstream: Memory, ben: Path, lie: Any, trick: str
) -> None:
    honest = upstream.lie
    upstream.lie = lie
    with pytest.raises(UpstreamLiesError) as caught:
        shared(ben, upstream)
    assert caught.value.trick == trick
    assert texts(ben) == []
    assert alarms(ben) == [trick]
    pushes = upstream.pushes
    upstream.lie = honest
    shared(ben, upstream)
    assert len(texts(ben)) == 5, "when it is honest again, all comes"
    assert upstream.pushes == pushes


def test_an_event_replayed_at_a_later_place_is_named(
    upstream: Memory, ana: Path, ben: Path
) -> None:
    shared(ben, upstream)
    upstream.packets.append(upstream.packets[1])
    with pytest.raises(UpstreamLiesError) as caught:
        shared(ben, upstream)
    assert caught.value.trick == "replayed"


@pytest.mark.parametrize(
    "change",
    [
        {"signature": b"\0" * 64},
        {"key": b"\1" * 32},
        {"writer": b"\2" * 32},
    ],
    ids=["signature", "key", "writer"],
)
def test_an_event_that_its_writer_did_not_sign_is_kept_as_evidence_and_others_go_on(
    upstream: Memory, ana: Path, ben: Path, change: dict[str, bytes]
) -> None:
    with Changelog(ben, actor="ben") as changelog:
        changelog.append("note", {"text": "ben 0"})
    upstream.lie = lambda page: [
        *page[:4],
        *(
            dataclasses.replace(_packet(each, **change), writer=change.get("writer", each.writer))
            for each in page[4:5]
        ),
        *page[5:],
    ]
    done = shared(ben, upstream)
    assert len(done.warnings) == 1
    assert "not taken in" in done.warnings[0]
    assert sorted(texts(ben)) == ["ana 0", "ana 1", "ana 2", "ana 3", "ben 0"]
    assert alarms(ben) == ["altered"]
    upstream.lie = lambda page: page
    assert shared(ben, upstream).warnings == []
    if "writer" not in change:
        assert shared(ben, upstream, again=True).pulled == 1
        assert len(texts(ben)) == 6


def test_one_left_out_under_a_chain_that_fits_shows_in_the_writers_own_chain(
    upstream: Memory, ben: Path
) -> None:
    upstream.lie = _renumbered
    done = shared(ben, upstream)
    assert len(done.warnings) == 1, "the two events after it follow nothing"
    assert "2 events of writer" in done.warnings[0]
    assert sorted(texts(ben)) == ["ana 0", "ana 1"]


def test_a_body_that_was_swapped_is_named_and_not_shown(upstream: Memory, ben: Path) -> None:
    upstream.lie = lambda page: [_packet(page[0], body=b'{"text":"forged"}'), *page[1:]]
    done = shared(ben, upstream)
    assert "came without the body that was signed" in done.warnings[0]
    assert "forged" not in texts(ben)
    assert alarms(ben) == ["altered"]


def test_another_log_is_refused_until_it_is_accepted(upstream: Memory, ana: Path) -> None:
    other = Memory("cd" * 16)
    with pytest.raises(UpstreamLiesError) as caught:
        shared(ana, other)
    assert caught.value.trick == "other log"
    assert "--accept-new-log" in caught.value.hint
    assert other.packets == []
    assert shared(ana, other, accept=True).pushed == 5
    assert shared(ana, other).pushed == 0
    assert len(other.packets) == 5


def test_a_log_that_was_set_back_is_healed(upstream: Memory, ana: Path, ben: Path) -> None:
    shared(ben, upstream)
    del upstream.packets[2:]
    done = shared(ana, upstream)
    assert "set back" in done.warnings[0]
    assert done.pushed == 3
    assert alarms(ana) == ["rewound"]
    assert shared(ana, upstream).warnings == [], "it is said once"
    assert "set back" in "".join(shared(ben, upstream).warnings) or len(texts(ben)) == 5
    assert len(upstream.packets) == 5


def test_history_that_was_rewritten_is_named(upstream: Memory, ana: Path, ben: Path) -> None:
    shared(ben, upstream)
    upstream.packets[3], upstream.packets[4] = upstream.packets[4], upstream.packets[3]
    said = []
    try:
        said = shared(ben, upstream).warnings
    except UpstreamLiesError as error:
        said = [error.what]
    assert said
    assert "rewritten" in alarms(ben)
    assert len(texts(ben)) == 5


def test_a_copied_laptop_forks_and_both_sides_are_kept(
    upstream: Memory, ana: Path, tmp_path: Path
) -> None:
    """The same file at the same inode, set back to an earlier state: the case that no look at the machine finds."""
    before = ana.read_bytes()
    with Changelog(ana, actor="ana") as changelog:
        changelog.append("note", {"text": "shared, then forgotten"})
    shared(ana, upstream)
    ana.write_bytes(before)
    with Changelog(ana, actor="ana") as changelog:
        changelog.append("note", {"text": "written on the set-back copy"})
    done = shared(ana, upstream)
    assert any("twice" in warning or "another event" in warning for warning in done.warnings)
    done = shared(ana, upstream)
    assert done.warnings == []
    reader = tmp_path / "reader" / "changelog.db"
    shared(reader, upstream)
    assert "shared, then forgotten" in texts(reader)
    assert "written on the set-back copy" in texts(reader), "nothing is lost"
    assert "forked" in alarms(ana)
    with Changelog(ana) as changelog:
        kinds = {problem.what for problem in changelog.verify()}
    assert all("fork" in kind or "twice" in kind for kind in kinds)


def test_malformed_events_of_a_newer_writer_are_kept_relayed_and_shown_raw(
    upstream: Memory, ben: Path, tmp_path: Path
) -> None:
    from opskit.changelog.event import genesis
    from opskit.changelog.signing import writer_key

    key = writer_key(b"\7" * 32)
    prev, made = genesis(key.writer), []
    for seq, header in enumerate((b"\xff\xfe not json", b'{"v":2,"new":1.5}', b"[]", b"{}"), 1):
        from opskit.changelog.event import chained

        digest = chained(prev, header)
        made.append(
            Packet(
                writer=key.writer, key=key.public, seq=seq, prev=prev, header=header, signature=key.sign(digest),
                nonce=b"n", body=b"\x00\xff",
            )
        )  # fmt: skip
        prev = digest
    upstream.packets += made
    done = shared(ben, upstream)
    assert done.pulled == 9
    assert done.warnings == []
    with Changelog(ben) as changelog:
        assert len(changelog.entries()) == 5, "they are in nobody's way"
        shown = changelog.show(made[0].hash.hex())
        assert shown.packet.header == made[0].header
        other = Memory("ee" * 16)
    assert shared(ben, other, accept=True, everybody=True).pushed == 9
    assert {packet.header for packet in other.packets} >= {packet.header for packet in made}


def test_a_broken_writer_does_not_keep_others_from_sharing(upstream: Memory, ben: Path) -> None:
    upstream.packets[0] = dataclasses.replace(upstream.packets[0], signature=b"\0" * 64)
    with Changelog(ben, actor="ben") as changelog:
        changelog.append("note", {"text": "ben 0"})
    done = shared(ben, upstream)
    assert (done.pulled, done.pushed) == (0, 1)
    assert ["event 1" in done.warnings[0], "4 events" in done.warnings[1]] == [True, True]
    assert shared(ben, upstream).warnings == [], "each is told once"


def test_lines_copied_within_a_file_that_anybody_may_write_stop_nobody(
    upstream: Memory, ana: Path, ben: Path
) -> None:
    upstream.gapless = False
    shared(ben, upstream)
    upstream.packets.append(upstream.packets[1])
    assert shared(ben, upstream).warnings == []
    with Changelog(ana, actor="ana") as changelog:
        changelog.append("note", {"text": "later"})
    shared(ana, upstream)
    assert shared(ben, upstream).pulled == 1
    with Changelog(ben) as changelog:
        assert changelog.verify() == []
