"""A shared file keeps the contract of upstreams, on this machine and through every shell that a host may have."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.changelog.packet import Receipt
from opskit.changelog.upstream import frames
from opskit.changelog.upstream.local import LocalPlace
from opskit.errors import UpstreamError
from tests.changelog.upstream.places import KINDS, SHELLS, file_log
from tests.changelog.upstream.writers import Writer, packets, pull
from tests.rollout.shells import NASTY
from tests.support.missing import FORBIDDEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from opskit.changelog.upstream.file import FileLog

as_root = pytest.mark.skipif(os.getuid() != 0, reason=f"{FORBIDDEN}only root can be somebody else")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / NASTY / "-the log's"


@pytest.fixture(params=KINDS)
def opened(request: pytest.FixtureRequest, path: Path) -> Callable[[], FileLog]:
    """Open the same file again and again, as one command after another does; it is there."""
    path.parent.mkdir()
    assert file_log(request.param, path).create()
    return lambda: file_log(request.param, path)


@pytest.mark.parametrize("kind", KINDS)
def test_init_makes_a_private_folder_and_file_and_can_be_repeated(kind: str, path: Path) -> None:
    log = file_log(kind, path)
    assert log.create() == "folder"
    before = path.read_bytes()
    assert [mode.stat().st_mode & 0o777 for mode in (path, path.parent)] == [0o600, 0o700]
    assert log.create() == ""
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert log.greet(None).log == frames.log_of(before)


@pytest.mark.parametrize("kind", KINDS)
def test_init_keeps_the_rights_that_an_administrator_has_chosen(kind: str, path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o2770)
    assert file_log(kind, path).create() == "file"
    assert path.stat().st_mode & 0o777 == 0o660
    path.write_bytes(b"")
    path.chmod(0o664)
    assert file_log(kind, path).create() == "file"
    assert path.stat().st_mode & 0o777 == 0o664
    assert file_log(kind, path).greet(None).pos == path.stat().st_size > 0


@pytest.mark.parametrize("kind", KINDS)
def test_init_makes_no_folders_for_what_is_not_mounted_and_spoils_nothing(
    kind: str, tmp_path: Path
) -> None:
    with pytest.raises(UpstreamError):
        file_log(kind, tmp_path / "mnt" / "share" / "log").create()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "notes").write_text("dear diary\n")
    with pytest.raises(UpstreamError, match="is no changelog"):
        file_log(kind, tmp_path / "notes").create()
    assert (tmp_path / "notes").read_text() == "dear diary\n"


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_not_there_is_never_made_by_the_way(kind: str, path: Path) -> None:
    path.parent.mkdir()
    log = file_log(kind, path)
    log.create()
    log.push(Writer().write(2))
    moved = path.rename(path.parent.parent / "away")
    for work in (
        lambda: log.greet(None),
        lambda: pull(log),
        lambda: log.push(Writer(2).write()),
        lambda: file_log(kind, path).greet(None),
        lambda: log.redact(b"x" * 32),
    ):
        with pytest.raises(UpstreamError, match="is not there") as caught:
            work()
        assert "opskit changelog init" in caught.value.hint
        assert "mounted" in caught.value.hint
    assert list(path.parent.iterdir()) == []
    moved.rename(path)
    assert len(pull(log)) == 2


def test_events_come_back_as_they_were_pushed(opened: Callable[[], FileLog]) -> None:
    one, two = Writer(1), Writer(2)
    first, second = one.write(3), two.write(2)
    third = one.write(2)
    log = opened()
    for push in (first, second, third):
        assert log.push(push).status == "ok"
    greeting = opened().greet(None)
    arrivals = pull(opened())
    assert packets(arrivals) == [*first, *second, *third]
    assert [(each.writer, each.seq) for each in arrivals[2:4]] == [(one.id, 3), (two.id, 1)]
    assert arrivals[-1].receipt.pos == greeting.pos
    chain = hashlib.sha256(b"opskit.log.v1" + greeting.log.encode()).digest()
    for arrival in arrivals:
        chain = hashlib.sha256(chain + arrival.receipt.hash).digest()
        assert arrival.receipt.chain == chain
        assert abs(arrival.receipt.received_ms / 1000 - time.time()) < 60
        assert opened().fetch(arrival.receipt.pos) == arrival.packet
    with pytest.raises(UpstreamError, match="no event ends at byte"):
        opened().fetch(arrivals[0].receipt.pos + 1)


def test_a_pull_goes_on_where_the_last_one_ended(opened: Callable[[], FileLog]) -> None:
    writer = Writer()
    log = opened()
    log.push(writer.write(5))
    everything = pull(log)
    for known in everything:
        for again in (log, opened()):
            assert again.greet(known.receipt).trouble == ""
            assert pull(again, known.receipt.pos) == everything[known.seq :]
    # Also without a greeting, when the chain up to there must be computed anew.
    assert pull(opened(), everything[2].receipt.pos) == everything[3:]
    known_by_now = pull(log, 0, {writer.id: 3})
    assert [each.packet is None for each in known_by_now] == [True, True, True, False, False]
    assert [each.receipt for each in known_by_now] == [each.receipt for each in everything]
    opened().push(writer.write(2))
    assert [each.seq for each in pull(log, everything[-1].receipt.pos)] == [6, 7]


def test_a_push_can_be_repeated(opened: Callable[[], FileLog]) -> None:
    events = Writer().write(9)
    log = opened()
    for push in (events[:4], events[:4], events[:2], events[2:6], events[5:]):
        for each in (log, opened()):
            assert each.push(push) == replace(each.push(push), head_seq=push[-1].seq)
    assert packets(pull(opened())) == events


def test_a_gap_is_told_with_what_to_go_on_after(opened: Callable[[], FileLog]) -> None:
    events = Writer().write(9)
    for log in (opened(), opened()):
        answer = log.push(events[5:])
        assert (answer.status, answer.head_seq) == ("gap", 0)
    opened().push(events[:4])
    answer = opened().push(events[6:])
    assert (answer.status, answer.head_seq) == ("gap", 4)
    assert opened().push(events[4:]).status == "ok"
    assert packets(pull(opened())) == events


def test_the_other_side_of_a_fork_is_kept_once_as_evidence(opened: Callable[[], FileLog]) -> None:
    events = Writer(1).write(6)
    copied = Writer(1).back_to(events[2])
    copied._random.seed(5)
    others = copied.write(3)
    log = opened()
    log.push(events)
    for again in (log, opened(), opened()):
        answer = again.push(others)
        assert (answer.status, answer.head_seq) == ("fork", 3)
    arrivals = pull(opened(), 0, {events[0].writer: 6})
    assert [each.seq for each in arrivals] == [1, 2, 3, 4, 5, 6, 4]
    assert packets(arrivals) == [others[0]]
    # Who parted earlier than thought is sent back to find out where.
    assert opened().push(others[2:]).status == "gap"
    assert opened().push(copied.back_to(others[2]).write(2)).status in ("gap", "fork")
    assert opened().push(Writer(2).write()).status == "ok"


def test_what_somebody_forged_keeps_no_writer_out(
    opened: Callable[[], FileLog], path: Path
) -> None:
    events = Writer(1).write(6)
    opened().push(events[:3])
    forged = replace(events[3], header=events[3].header.replace(b"ana", b"eve"))
    _append(path, frames.framed([forged, replace(events[5], seq=99)]))
    assert opened().push(events[3:]).status == "ok"
    assert [packet for packet in packets(pull(opened())) if packet in events] == events


def test_what_was_copied_to_another_place_is_no_event(
    opened: Callable[[], FileLog], path: Path
) -> None:
    writer = Writer()
    log = opened()
    log.push(writer.write(4))
    everything = pull(log)
    path.write_bytes(path.read_bytes() + b"torn \xff\x00\n" + path.read_bytes() + b"\n12 ab")
    for again in (log, opened()):
        assert again.greet(everything[-1].receipt).trouble == ""
        assert pull(again) == everything
    later = writer.write(2)
    assert opened().push(later).status == "ok"
    assert packets(pull(log, everything[-1].receipt.pos)) == later


def test_a_file_that_was_set_back_or_replaced_is_noticed(
    opened: Callable[[], FileLog], path: Path
) -> None:
    events = Writer().write(6)
    log = opened()
    for event in events:
        log.push([event])
    arrivals, whole = pull(log), path.read_bytes()
    last = arrivals[-1].receipt
    path.write_bytes(whole[: arrivals[3].receipt.pos])
    assert log.greet(last).trouble == "rewound"
    assert opened().greet(arrivals[3].receipt).trouble == ""
    answer = opened().push(events[5:])
    assert (answer.status, answer.head_seq) == ("gap", 4)
    opened().push(Writer(2).write(9))
    assert opened().greet(last).trouble == "rewritten"
    assert log.push(events[4:]).status == "ok"
    path.write_bytes(whole.replace(b"ana", b"eve"))
    assert opened().greet(last).trouble == "rewritten"
    assert opened().greet(Receipt(last.pos - 1, last.hash, last.chain)).trouble == "rewritten"
    path.unlink()
    file_log("local", path).create()
    assert opened().greet(last).log != frames.log_of(whole)
    with pytest.raises(UpstreamError, match="replaced"):
        log.push(Writer(3).write())


def test_a_body_is_taken_away_and_nothing_else(opened: Callable[[], FileLog], path: Path) -> None:
    events = Writer().write(3, text="hunter2 ü")
    log = opened()
    log.push(events)
    before, size = pull(log), path.stat().st_size
    with path.open("ab") as file:  # a push of the same event that was torn
        file.write(frames.framed([events[1]])[: len(frames.framed([events[1]])) // 3])
    for again in (log, opened()):
        again.redact(events[1].hash)
    data = path.read_bytes()
    assert data[size:].count(b"#") > 50
    assert data.count(b"hunter2") == 2
    after = pull(opened())
    assert [each.receipt for each in after] == [each.receipt for each in before]
    assert packets(after) == [events[0], replace(events[1], nonce=None, body=None), events[2]]
    opened().redact(b"\7" * 32)
    assert path.read_bytes() == data


def test_a_newer_format_and_garbage_are_named(opened: Callable[[], FileLog], path: Path) -> None:
    path.write_bytes(frames._frame(b'{"log":"x","opskit":"changelog","version":2}'))
    with pytest.raises(UpstreamError, match="newer opskit"):
        opened().greet(None)
    path.write_bytes(os.urandom(5000))
    with pytest.raises(UpstreamError, match="is no changelog"):
        opened().greet(None)
    path.unlink()
    path.mkdir()
    with pytest.raises(UpstreamError):
        opened().greet(None)


READ_ONLY = """
import os, sys
from pathlib import Path
from opskit.changelog.upstream.file import FileLog
from opskit.changelog.upstream.local import LocalPlace
from opskit.errors import UpstreamError
from tests.changelog.upstream.writers import Writer, pull
log = FileLog(LocalPlace(Path(sys.argv[1])))
os.setgid(65534); os.setuid(65534)
print(len(pull(log)), log.greet(None).trouble)
try:
    log.push(Writer(2).write())
except UpstreamError as error:
    print(error.hint)
"""


@as_root
def test_a_share_that_is_read_only_can_be_read() -> None:
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    try:
        folder.chmod(0o755)
        path = folder / "log"
        log = file_log("local", path)
        log.create()
        log.push(Writer().write(3))
        path.chmod(0o644)
        said = subprocess.run(
            [sys.executable, "-c", READ_ONLY, path], capture_output=True, text=True, check=True
        ).stdout
        assert said.splitlines()[0] == "3 "
        assert "opskit changelog init" in said.splitlines()[1]
        for kind in SHELLS:
            reader = file_log(kind, path, user="nobody")
            assert len(pull(reader)) == 3
            with pytest.raises(UpstreamError, match="may not be read or written: -rw-r--r--"):
                reader.push(Writer(2).write())
        assert len(pull(log)) == 3
    finally:
        shutil.rmtree(folder)


def test_the_same_file_is_used_from_here_and_by_hosts(tmp_path: Path) -> None:
    path, writer = tmp_path / "log", Writer()
    file_log("local", path).create()
    events = []
    for kind in KINDS:
        events += writer.write(2)
        assert file_log(kind, path).push(events[-2:]).status == "ok"
    for kind in KINDS:
        assert packets(pull(file_log(kind, path))) == events


def test_many_events_come_in_pages_and_pieces(tmp_path: Path) -> None:
    path, writer = tmp_path / "log", Writer()
    log = file_log("local", path)
    log.create()
    log.push(writer.write(1700, text="x" * 100))
    log.push(writer.write(3, text="y" * 5_000_000))
    pages = list(log.pull(after=0, vector={}))
    assert [len(page) for page in pages] == [1000, 702, 1]
    assert packets([each for page in pages for each in page])[-1].seq == 1703
    remote = file_log(next(iter(SHELLS)), path)
    assert pull(remote) == [each for page in pages for each in page]


def _append(path: Path, data: bytes) -> None:
    """Append as somebody would who may write the file and knows the format."""
    place = LocalPlace(path)
    with place._opened(os.O_RDWR | os.O_APPEND) as file:
        place._write(
            file, frames.stamped(data, start=path.stat().st_size, now_ms=1), path.stat().st_size
        )
