"""Nobody is believed without a proof: not a stranger who adds to the log, not an upstream about what it has."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from opskit.changelog import Changelog
from opskit.changelog.event import Header, chained, genesis, sealed
from opskit.changelog.packet import Packet, Pushed
from opskit.changelog.signing import writer_key
from opskit.errors import UpstreamError, UpstreamLiesError
from tests.changelog.memory import LOG, Memory, shared

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


def wrote(file: Path, *texts: str) -> Path:
    with Changelog(file, actor=file.parent.name) as changelog:
        for text in texts:
            changelog.append("note", {"text": text})
    return file


def texts(file: Path) -> list[str]:
    with Changelog(file) as changelog:
        return sorted(note.text for note in changelog.notes())


def alarms(file: Path) -> list[tuple[str, str]]:
    with Changelog(file) as changelog:
        return [(alarm.trick, alarm.what) for alarm in changelog.alarms()]


def rows(file: Path, question: str) -> list[Any]:
    with Changelog(file) as changelog:
        return changelog._ask(lambda db: db.execute(question).fetchall()) or []


@pytest.fixture
def ana(tmp_path: Path) -> Path:
    return wrote(tmp_path / "ana" / "changelog.db", "ana 1", "ana 2", "ana 3")


@pytest.fixture
def ben(tmp_path: Path) -> Path:
    return tmp_path / "ben" / "changelog.db"


@pytest.fixture
def upstream(ana: Path, ben: Path) -> Memory:
    made = Memory()
    shared(ana, made)
    shared(ben, made)
    return made


@pytest.mark.parametrize(
    "change",
    [
        {"header": b'{"forged":true}', "signature": b"\0" * 64},
        {"header": b'{"forged":true}'},
        {"prev": b"x" * 32},
        {"seq": 1},
    ],
    ids=["unsigned", "another's signature", "another place in the chain", "a copy at another place"],
)  # fmt: skip
def test_a_stranger_without_a_key_forks_nobody(
    upstream: Memory, ana: Path, ben: Path, change: dict[str, Any]
) -> None:
    upstream.packets.append(dataclasses.replace(upstream.packets[1], **change))
    if "seq" in change:
        upstream.gapless = False  # in a file that is a line that somebody copied and altered
    for file in (ana, ben):
        said = shared(file, upstream).warnings
        assert len(said) <= 1
        assert all("was not taken in" in words for words in said)
        assert rows(file, "SELECT count(*) FROM fork") == [(0,)]
        assert rows(file, "SELECT sum(forked), sum(mine) FROM writer") == [(0, 1)]
        assert shared(file, upstream).warnings == [], "it is told once"
        with Changelog(file) as changelog:
            assert changelog.verify() == []


def test_what_is_fetched_is_the_event_that_was_announced_or_it_is_no_fork(
    upstream: Memory, ana: Path, ben: Path
) -> None:
    stranger = signed(b"\5" * 32, 1)
    upstream.packets.append(dataclasses.replace(upstream.packets[1], header=b"{}"))
    upstream.fetch = lambda _: stranger[0]  # type: ignore[method-assign]
    said = shared(ben, upstream).warnings
    assert len(said) == 1
    assert "it stands at another's place" in said[0]
    assert rows(ben, "SELECT count(*) FROM fork") == [(0,)]


def test_verify_checks_the_signatures_of_forks_too(upstream: Memory, ana: Path, ben: Path) -> None:
    from opskit.changelog.refusing import keep_fork

    forged = dataclasses.replace(upstream.packets[1], header=b'{"forged":true}')
    with Changelog(ben) as changelog:
        exchange = changelog.exchange()
        exchange._change(lambda db: keep_fork(db, forged))
        exchange.close()
        (problem,) = changelog.verify()
    assert "its signature is not its writer's" in problem.what
    assert f"event 2 ({forged.hash.hex()[:10]})" in problem.where


def answers(upstream: Memory, *answer: object) -> list[int]:
    pushes: list[int] = []

    def push(packets: Sequence[Packet], *, relay: bool = False) -> Pushed:
        pushes.append(len(packets))
        return Pushed(*answer)  # type: ignore[arg-type]

    upstream.push = push  # type: ignore[method-assign]
    return pushes


@pytest.mark.parametrize(
    ("answer", "trick"),
    [
        (("fork", 0), "forked"),
        (("fork", 2), "forked"),
        (("fork", -7), "forked"),
        (("fork", 2**62), "forked"),
        (("gap", 2**62), "dropped"),
        (("gap", -5), "dropped"),
        (("gap", 3), "dropped"),
        (("ok", 4), "dropped"),
        (("maybe", 0), "forked"),
    ],
)
def test_what_an_upstream_says_of_a_push_is_not_believed_without_a_proof(
    upstream: Memory, ana: Path, answer: tuple[str, int], trick: str
) -> None:
    wrote(ana, "must be shared")
    honest = upstream.push
    pushes = answers(upstream, *answer)
    for _ in range(2):
        with pytest.raises(UpstreamLiesError) as caught:
            shared(ana, upstream)
        assert caught.value.trick == trick
        assert "verify" in caught.value.hint
    assert pushes == [1, 1], "one try in each sync"
    assert rows(ana, "SELECT count(*) FROM writer") == [(1,)]
    assert len(texts(ana)) == 4
    assert alarms(ana)[-1][0] == trick
    with Changelog(ana) as changelog:
        exchange = changelog.exchange()
        assert exchange.waiting(LOG) == 1, "it counts as unsent"
        exchange.close()
    upstream.push = honest  # type: ignore[method-assign]
    assert shared(ana, upstream).pushed == 1


def test_what_was_pushed_counts_as_shared_when_its_receipt_came(
    upstream: Memory, ana: Path
) -> None:
    wrote(ana, "one more")
    pull, seen = upstream.pull, []

    def cut(**asked: Any) -> Any:
        seen.append(asked)
        if len(seen) == 2:
            raise UpstreamError("the line broke")
        return pull(**asked)

    upstream.pull = cut  # type: ignore[method-assign]
    with pytest.raises(UpstreamError, match="the line broke"):
        shared(ana, upstream)
    with Changelog(ana) as changelog:
        exchange = changelog.exchange()
        assert exchange.waiting(LOG) == 1
        shared(ana, upstream)
        assert exchange.waiting(LOG) == 0
        exchange.close()
    assert len(upstream.packets) == 4


def test_an_event_that_a_file_lost_in_the_middle_is_pushed_again(
    upstream: Memory, ana: Path, tmp_path: Path
) -> None:
    upstream.gapless = False
    del upstream.packets[1]
    taken: list[Packet] = []

    def push(packets: Sequence[Packet], *, relay: bool = False) -> Pushed:
        taken.extend(packets)
        upstream.packets += packets
        return Pushed("ok", packets[-1].seq)

    upstream.push = push  # type: ignore[method-assign]
    shared(ana, upstream, again=True)
    assert [packet.seq for packet in taken] == [2, 3]
    shared(ana, upstream)
    assert len(taken) == 2, "once"


def test_a_fork_that_is_proved_makes_one_new_writer(
    upstream: Memory, ana: Path, tmp_path: Path
) -> None:
    """A copy of the laptop, at the same inode, pushes between this one's pull and its push."""
    before = ana.read_bytes()
    wrote(ana, "by the copy")
    copied = Memory()
    shared(ana, copied, accept=True)
    ana.write_bytes(before)
    wrote(ana, "by the owner")
    honest = upstream.push

    def push(packets: Sequence[Packet], *, relay: bool = False) -> Pushed:
        if len(upstream.packets) == 3:
            upstream.packets.append(copied.packets[3])
        return honest(packets, relay=relay)

    upstream.push = push  # type: ignore[method-assign]
    done = shared(ana, upstream)
    assert done.new_writer
    assert any("goes on as a new writer" in warning for warning in done.warnings)
    assert rows(ana, "SELECT count(*) FROM writer") == [(2,)]
    reader = tmp_path / "reader" / "changelog.db"
    shared(reader, upstream)
    assert {"by the copy", "by the owner"} <= set(texts(reader))


def signed(seed: bytes, count: int, header: Any = None) -> list[Packet]:
    """Give events of a writer of one's own: who has a key can sign anything."""
    key, made = writer_key(seed), list[Packet]()
    prev = genesis(key.writer)
    for seq in range(1, count + 1):
        body = b'{"text":"eve"}'
        said = Header(
            writer=key.writer.hex(), seq=seq, kind="note", hlc=(1 << 40) << 16, ts=2**42,
            body=sealed(b"n" * 16, body), seen=header or {},
        ).encode()  # fmt: skip
        digest = chained(prev, said)
        made.append(
            Packet(
                writer=key.writer, key=key.public, seq=seq, prev=prev, header=said,
                signature=key.sign(digest), nonce=b"n" * 16, body=body,
            )
        )  # fmt: skip
        prev = digest
    return made


def garbage(packets: Iterable[Packet]) -> list[Packet]:
    return [dataclasses.replace(packet, signature=b"\0" * 64) for packet in packets]


def test_a_flood_of_unsigned_events_is_told_in_a_line_and_kept_in_one_transaction(
    upstream: Memory, ben: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opskit.changelog.exchange import Exchange

    upstream.packets += garbage(signed(b"\6" * 32, 400))
    changes: list[object] = []
    change = Exchange._change

    def counted(self: Exchange, work: Any) -> Any:
        changes.append(work)
        return change(self, work)

    monkeypatch.setattr(Exchange, "_change", counted)
    (line,) = shared(ben, upstream).warnings
    assert line.startswith("400 events of writer ")
    assert line.endswith("its signature is not its writer's; the first is event 1")
    assert alarms(ben) == [("altered", line)]
    assert len(changes) < 10
    assert shared(ben, upstream).warnings == []


def test_a_flood_of_many_writers_is_told_in_a_line(upstream: Memory, ben: Path) -> None:
    for number in range(20):
        upstream.packets += garbage(signed(bytes([number]) * 32, 1))
    (line,) = shared(ben, upstream).warnings
    assert line.startswith("20 events of 20 writers were not taken in: ")


def test_a_split_view_shows_in_what_others_had_seen(
    upstream: Memory, ana: Path, ben: Path
) -> None:
    """The upstream hides one event from ben for good, renumbers the others, and makes the chain fit."""
    hidden = signed(b"\7" * 32, 1)
    upstream.packets += hidden
    shared(ana, upstream)
    wrote(ana, "written by one who saw what ben does not")
    shared(ana, upstream)
    view = Memory()
    view.packets = [packet for packet in upstream.packets if packet not in hidden]
    (warning,) = shared(ben, view).warnings
    assert "event 4 of writer" in warning
    assert "saw another history of the upstream" in warning
    assert "at place 4" in warning
    assert [trick for trick, _ in alarms(ben)] == ["split view"]
    assert shared(ben, view).warnings == []
    shared(ana, upstream)
    with Changelog(ana) as changelog:
        assert [alarm for alarm in changelog.alarms() if alarm.trick == "split view"] == []


def test_a_split_further_back_shows_in_the_receipts_that_are_kept(
    upstream: Memory, ana: Path, ben: Path
) -> None:
    """Other chain up to place 3, where ben holds a receipt."""
    upstream.packets += signed(b"\7" * 32, 2)
    shared(ben, upstream)
    upstream.packets += signed(b"\6" * 32, 1, {"log": LOG, "pos": 3, "chain": "ab" * 32})
    (warning,) = shared(ben, upstream).warnings
    assert "at place 3 it saw ababababab" in warning


def test_verify_compares_what_everybody_had_seen_at_every_place(
    upstream: Memory, ben: Path
) -> None:
    upstream.packets += signed(b"\6" * 32, 1, {"log": LOG, "pos": 2, "chain": "ab" * 32})
    assert shared(ben, upstream).warnings == [], "of place 2 no receipt is kept"
    with Changelog(ben) as changelog:
        (problem,) = changelog.verify()
    assert "saw another history" in problem.what
    assert "at place 2 it saw ababababab" in problem.what


def test_what_was_written_before_a_log_was_set_back_accuses_nobody(
    upstream: Memory, ana: Path, ben: Path
) -> None:
    wrote(ana, "seen by ana only")
    shared(ana, upstream)
    wrote(ana, "waits")
    del upstream.packets[2:]
    wrote(ben, "ben 1")
    assert "set back" in shared(ben, upstream).warnings[0]
    assert "set back" in shared(ana, upstream).warnings[0]
    assert shared(ben, upstream).warnings == []
    with Changelog(ben) as changelog:
        assert changelog.verify() == []


def test_an_older_writer_of_this_machine_is_pushed_as_ones_own(
    upstream: Memory, ana: Path, ben: Path
) -> None:
    """A rebuilt database signs as a new writer; the old one's key still lies beside it, and the upstream is lost."""
    ana.unlink()
    wrote(ana, "after the rebuild")
    assert shared(ana, upstream).pulled == 3
    empty = Memory("cd" * 16)
    done = shared(ana, empty, accept=True)
    assert (done.pushed, done.left) == (4, 0)
    for file in ana.parent.glob("writer-*.key"):
        file.unlink()
    other = Memory("ef" * 16)
    assert shared(ben, upstream).pulled == 1
    done = shared(ben, other, accept=True)
    assert (done.pushed, done.left) == (0, 4), "they are another's, and it is said"
    assert shared(ben, other, everybody=True).left == 0


def test_two_processes_that_pull_the_same_page_accuse_nobody(
    upstream: Memory, ana: Path, ben: Path
) -> None:
    wrote(ana, "news")
    shared(ana, upstream)

    def late(page: list[Any]) -> list[Any]:
        upstream.lie = lambda page: page
        shared(ben, upstream)
        return page

    upstream.lie = late
    assert shared(ben, upstream).warnings == []
    assert len(texts(ben)) == 4
    assert alarms(ben) == []


def test_pulling_all_again_compares_what_is_here(upstream: Memory, ben: Path) -> None:
    upstream.packets[1] = dataclasses.replace(upstream.packets[1], body=b'{"text":"forged"}')
    assert shared(ben, upstream).warnings == []
    (warning,) = shared(ben, upstream, again=True).warnings
    assert "event 2 of writer" in warning
    assert "came with another body than the one that was signed" in warning
    assert texts(ben) == ["ana 1", "ana 2", "ana 3"]


def test_the_age_of_a_copy_counts_from_its_last_sync(upstream: Memory, ben: Path) -> None:
    from opskit.changelog.lag import lag

    found = lag(ben)
    assert found.waiting == 0
    assert found.seconds is not None
    assert found.seconds < 600, "not from the time of the newest receipt"
