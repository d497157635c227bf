"""A shared file in which somebody writes who means no good, and a host that says anything: nobody is kept out, nothing hangs."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from opskit.changelog.upstream import frames, place, reading
from opskit.changelog.upstream.file import FileLog
from opskit.changelog.upstream.remote import RemotePlace
from opskit.errors import UpstreamError
from tests.changelog.upstream.places import KINDS, file_log
from tests.changelog.upstream.writers import Writer, packets, pull

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from opskit.changelog.packet import Packet

NOW = time.time_ns() // 1_000_000
YEAR = 365 * 86_400_000
HEAD = frames.first("ab" * 16)


def append(path: Path, written: Sequence[Packet], now_ms: int) -> None:
    """Append as whoever may write the file could, with any stamp."""
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(frames.stamped(frames.framed(written), start=size, now_ms=now_ms))


def junk(path: Path, writer: bytes, lines: int, seq: int = 10**17) -> None:
    """Append lines that look like events of a writer, by their beginning."""
    line = b'\n@%013d+%015d+%015d 99 %s {"event":"%s","seq":%d,"writer":"%s"}\n'
    with path.open("ab") as file:
        for number in range(lines):
            names = (0, 0, 0, b"0" * 16, b"%064x" % number, seq, writer.hex().encode())
            file.write(line % names)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seq", [10**17, 1, 41])
def test_lines_that_look_like_events_keep_no_writer_out(
    kind: str, seq: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "MOST_CLAIMS", 20)
    for module in ("local", "remote", "scripts"):
        monkeypatch.setattr(f"opskit.changelog.upstream.{module}.MOST_CLAIMS", 20)
    path, writer = tmp_path / "log", Writer(1)
    log = file_log(kind, path)
    log.create()
    events = writer.write(40, text="x")
    log.push(events)
    junk(path, writer.id, 50, seq)
    size = path.stat().st_size
    for number in range(6):
        more = writer.write(1, text="x")
        events += more
        assert file_log(kind, path).push(more).status == "ok"
        assert file_log(kind, path).push(events[-3:]).status == "ok"
        assert path.stat().st_size - size < (number + 1) * 1300
    assert packets(pull(file_log(kind, path))) == events
    later = writer.write(3)
    answer = file_log(kind, path).push(later[2:])
    assert (answer.status, answer.head_seq) == ("gap", 46)
    assert file_log(kind, path).push(later).status == "ok"


@pytest.mark.parametrize("kind", KINDS)
def test_the_time_of_receipt_never_runs_backwards_and_is_never_unknown(
    kind: str, tmp_path: Path
) -> None:
    path, writer = tmp_path / "log", Writer(1)
    log = file_log(kind, path)
    log.create()
    stamps = (NOW - 5000, NOW - 2 * YEAR, 0, NOW - 3000, NOW + YEAR, NOW - 2000)
    for stamp in stamps:
        append(path, writer.write(1, text="x"), stamp)
    found = pull(log)
    times = [arrival.receipt.received_ms - NOW for arrival in found]
    assert times == [-5000, -5000, -5000, -3000, -3000, -2000]
    again = file_log(kind, path)
    assert again.greet(found[3].receipt).trouble == ""
    assert [a.receipt for a in pull(again, found[3].receipt.pos)] == [a.receipt for a in found[4:]]
    append(path, writer.write(1, text="x"), NOW - 2 * YEAR)
    last = found[-1].receipt
    assert again.greet(last).trouble == ""
    assert pull(again, last.pos)[0].receipt.received_ms == last.received_ms


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_whose_first_stamp_is_blank_is_as_old_as_can_be(kind: str, tmp_path: Path) -> None:
    log = file_log(kind, tmp_path / "log")
    log.create()
    append(tmp_path / "log", Writer(1).write(1, text="x"), 0)
    assert pull(log)[0].receipt.received_ms == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("odd", ["pipe", "folder", "device"])
def test_what_is_no_file_is_named_and_waited_for_by_nobody(
    kind: str, odd: str, tmp_path: Path
) -> None:
    path = tmp_path / "log"
    {
        "pipe": os.mkfifo, "folder": os.mkdir, "device": lambda path: path.symlink_to("/dev/zero"),
    }[odd](path)  # fmt: skip
    log = file_log(kind, path)
    for work in (lambda: log.greet(None), lambda: log.push(Writer().write()), log.create):
        with pytest.raises(UpstreamError, match=r"is no file, but a pipe|Is a directory"):
            work()


@pytest.mark.parametrize("kind", KINDS)
def test_junk_comes_to_an_end(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "JUNK", 2**20)
    path, writer = tmp_path / "log", Writer(1)
    log = file_log(kind, path)
    log.create()
    for part in range(4):  # more of what is true is no junk
        log.push(writer.write(1, text="x" * 700_000))
        with path.open("ab") as file:
            file.write(b"\n" * (200_000 if part else 0))
    assert len(pull(log)) == 4
    with path.open("ab") as file:
        file.write(b"\n" * 2**20)
    with pytest.raises(UpstreamError, match="of what is no event"):
        pull(log)


@pytest.mark.parametrize(
    ("size", "now"), [(10**18 - 1, 10**12), (10**15, 10**12), (4096, 10**18 - 1), (4096, 10**16)]
)
def test_a_host_that_never_ends_is_given_up(size: int, now: int) -> None:
    calls = []

    def run(_script: str, _data: bytes) -> tuple[int, bytes, str]:
        calls.append(1)
        return 0, b"ok %d %d\n" % (size, now) + HEAD + b"\n" * (4 * 2**20 - len(HEAD)), ""

    with pytest.raises(UpstreamError):
        pull(FileLog(RemotePlace("h", "/p", run)))
    assert len(calls) < 2


def test_a_host_that_sends_line_feeds_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "JUNK", 2**24)
    calls = []

    def run(_script: str, _data: bytes) -> tuple[int, bytes, str]:
        calls.append(1)
        return 0, b"ok %d %d\n" % (2**42, NOW) + HEAD + b"\n" * (4 * 2**20 - len(HEAD)), ""

    with pytest.raises(UpstreamError, match="of what is no event"):
        pull(FileLog(RemotePlace("h", "/p", run)))
    assert len(calls) < 20
