"""A shared file under fire: many pushers, kills, full disks, hosts without `flock`; nothing acknowledged is ever lost."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from opskit.changelog.upstream import frames, local, scripts
from opskit.changelog.upstream.place import Order
from opskit.errors import UpstreamError
from tests.changelog.upstream.places import KINDS, SHELLS, bare_tools, file_log
from tests.changelog.upstream.pusher import TEXT
from tests.changelog.upstream.writers import Writer, packets, pull
from tests.support.missing import forbidden
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAVY = bool(os.environ.get("OPSKIT_HEAVY"))
SEEDS = range(1, 9) if HEAVY else (1,)
EVENTS = 200 if HEAVY else 40
SHELL = next(iter(SHELLS))


class Pusher:
    """A process that pushes a writer's events, killed and started again until all are acknowledged."""

    def __init__(self, kind: str, path: Path, number: int, seed: int, flock: str) -> None:
        self.number, self.kills, self.errors = number, 0, list[str]()
        self._argv = [sys.executable, "-m", "tests.changelog.upstream.pusher", kind, str(path)]
        self._dice = random.Random(f"{seed} {number}")
        self._path = flock
        self.acknowledged, self.mortal = 0, True

    def work(self) -> None:
        while self.acknowledged < EVENTS:
            words = [self.number, EVENTS, self.acknowledged + 1]
            process = subprocess.Popen(
                [*self._argv, *map(str, words)], stdout=subprocess.PIPE, text=True,
                start_new_session=True, env={**os.environ, **({"PATH": self._path} if self._path else {})},
            )  # fmt: skip
            left = self._dice.randrange(2, 14)
            assert process.stdout
            with process.stdout:
                for line in process.stdout:
                    self._hear(line)
                    left -= 1
                    if left == 0:
                        threading.Timer(self._dice.random() / 20, self._kill, (process,)).start()
            process.wait()

    def _hear(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "ACK":
            self.acknowledged = int(rest)
        else:
            self.errors.append(rest)

    def _kill(self, process: subprocess.Popen[str]) -> None:
        """Kill it with all that it has started, as when the power goes."""
        if self.mortal and process.poll() is None:
            self.kills += 1
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("flock", [True, False], ids=["flock", "no flock"])
def test_many_pushers_killed_at_random_lose_nothing_that_was_acknowledged(
    tmp_path: Path, seed: int, flock: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    path, tools = tmp_path / "log", "" if flock else bare_tools(tmp_path / "tools")
    file_log("local", path).create()
    # A lock that is a link outlives whoever is killed with it, until it runs out; so kill nobody there.
    kinds = [KINDS[number % len(KINDS)] for number in range(5 if flock else 4)]
    pushers = [Pusher(kind, path, n, seed, tools) for n, kind in enumerate(kinds)]
    if not flock:
        for pusher in pushers:
            pusher.mortal = False
    threads = [threading.Thread(target=pusher.work) for pusher in pushers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kills = sum(pusher.kills for pusher in pushers)
    with capsys.disabled():
        print(f"\nseed {seed}: {kills} kills, {path.stat().st_size} bytes")
    assert kills > 0 or not flock
    assert [error for pusher in pushers for error in pusher.errors] == []
    arrivals = pull(file_log("local", path))
    for number in range(len(kinds)):
        writer = Writer(number)
        mine = [packet for packet in packets(arrivals) if packet.writer == writer.id]
        assert mine == writer.write(EVENTS, text=TEXT)
    assert len(arrivals) == EVENTS * len(kinds)


@pytest.mark.parametrize("kind", SHELLS)
def test_who_sends_slowly_holds_up_nobody(kind: str, tmp_path: Path) -> None:
    path, writer = tmp_path / "log", Writer(1)
    log = file_log("local", path)
    log.create()
    events = writer.write(3)
    data = frames.framed(events)
    order = Order(log.greet(None).log, writer.id, 1, 0)
    script = scripts.append(str(path), order, length=len(data))
    argv = [*SHELLS[kind], "-c", script]
    slow = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert slow.stdin
    slow.stdin.write(data[:100])
    slow.stdin.flush()
    until(lambda: slow.poll() is None)
    others = Writer(2).write(4)
    for each in ("local", kind):
        assert file_log(each, path).push(others).status == "ok"
    out, _ = slow.communicate(data[100:])
    assert out.startswith(b"ok ")
    assert packets(pull(log)) == [*others, *events]
    # And who is cut off leaves nothing.
    before = path.read_bytes()
    order = Order(order.log, writer.id, 4, 0)
    script = scripts.append(str(path), order, length=len(data))
    cut = subprocess.run([*SHELLS[kind], "-c", script], input=data[:-1], check=False)
    assert cut.returncode == scripts.CUT
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", SHELLS)
@pytest.mark.parametrize("tools", ["", "bare"])
def test_a_full_disk_leaves_the_file_as_it_was(kind: str, tools: str, tmp_path: Path) -> None:
    path, writer = tmp_path / "log", Writer()
    log = file_log("local", path)
    log.create()
    small = writer.write(2)
    log.push(small)
    large = writer.write(1, text="x" * 9000) + writer.write(100, text="y" * 100)
    length = len(frames.framed(large))
    found = bare_tools(tmp_path / "tools") if tools else ""
    with path.open("ab") as file:  # what is sent fits into a file of its own, but not behind this
        file.write(b"#" * length)
    before = path.read_bytes()
    full = file_log(kind, path, largest=len(before) + length // 2, tools=found)
    with pytest.raises(UpstreamError, match="cannot grow") as caught:
        full.push(large)
    assert "full" in caught.value.hint
    assert path.read_bytes() == before
    assert log.push(large).status == "ok"
    assert packets(pull(log)) == small + large


def test_a_full_disk_here_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, writer = tmp_path / "log", Writer()
    log = file_log("local", path)
    log.create()
    log.push(writer.write(2))
    before, events = path.read_bytes(), writer.write(3)
    real, calls = os.write, []

    def full(descriptor: int, data: Any) -> int:
        calls.append(1)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data[:1000])

    monkeypatch.setattr(local.os, "write", full)
    with pytest.raises(UpstreamError, match="No space") as caught:
        log.push(events)
    assert "full" in caught.value.hint
    assert path.read_bytes() == before
    monkeypatch.setattr(local.os, "write", real)
    assert log.push(events).status == "ok"


@pytest.mark.parametrize("kind", KINDS)
def test_a_sync_that_fails_is_no_success(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, writer = tmp_path / "log", Writer()
    file_log("local", path).create()
    event = writer.write()

    def failing(_file: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(local.os, "fsync", failing)
        odd = (
            'sync() { [ "$1" = . ] || { echo "sync: error: Input/output error" >&2; return 1; }; }'
        )
        log = file_log(kind, path) if kind == "local" else file_log(kind, path, before=odd)
        with pytest.raises(UpstreamError, match="Input/output error"):
            log.push(event)
    again = file_log(kind, path)
    assert again.push(event).status == "ok"
    assert packets(pull(again)) == event


@pytest.fixture
def disk() -> Iterator[Path]:
    """A folder that is not in memory, where not every kernel knows files of that kind."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        yield Path(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_may_only_be_appended_to_takes_pushes_and_no_redaction(
    kind: str, disk: Path
) -> None:
    path, events = disk / "log", Writer().write(2)
    log = file_log(kind, path)
    log.create()
    fixed = subprocess.run(["chattr", "+a", path], capture_output=True, check=False)
    if fixed.returncode != 0:
        forbidden(f"chattr +a: {fixed.stderr.decode().strip()}")
    try:
        assert log.push(events).status == "ok"
        with pytest.raises(UpstreamError, match="may only be appended to") as caught:
            log.redact(events[0].hash)
        assert "chattr" in caught.value.hint
        assert packets(pull(log)) == events
    finally:
        subprocess.run(["chattr", "-a", path], check=True)
    log.redact(events[0].hash)
    assert packets(pull(log))[0].body is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("held", ["old", "garbage", "far"])
def test_a_lock_that_was_left_behind_runs_out(
    kind: str, held: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, now = tmp_path / "log", int(time.time())
    file_log("local", path).create()
    target = {"old": f"x:{now - 5}", "garbage": "what", "far": f"x:{now + 999_999}"}[held]
    (tmp_path / "log.lock").symlink_to(target)
    tools = bare_tools(tmp_path / "tools")
    monkeypatch.setenv("PATH", tools)
    log = file_log(kind, path)
    assert log.push(Writer().write(2)).status == "ok"
    assert len(pull(log)) == 2
    assert {each.name for each in tmp_path.iterdir()} == {"log", "tools"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("flock", [True, False], ids=["flock", "no flock"])
def test_a_lock_that_is_held_is_waited_for_and_then_named(
    kind: str, flock: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    file_log("local", path).create()
    log = file_log(kind, path)
    log.greet(None)
    monkeypatch.setattr("opskit.changelog.upstream.locking.WAIT", 0.2)
    for name in ("_HOLD", "_LOCK", "_SHARE", "_OPENING"):
        text = getattr(scripts, name).replace("-w 10", "-w 0.1").replace("-le 100", "-le 1")
        monkeypatch.setattr(scripts, name, text)
    if flock:
        holder = path.open("ab")
        import fcntl

        fcntl.flock(holder, fcntl.LOCK_EX)
    else:
        holder = path.open("rb")
        monkeypatch.setenv("PATH", bare_tools(tmp_path / "tools"))
        (tmp_path / "log.lock").symlink_to(f"x:{int(time.time()) + 30}")
    with holder:
        for work in (lambda: log.greet(None), lambda: log.push(Writer().write())):
            with pytest.raises(UpstreamError, match="is locked by somebody else"):
                work()
    (tmp_path / "log.lock").unlink(missing_ok=True)
    assert log.push(Writer().write()).status == "ok"


@pytest.mark.parametrize("kind", KINDS)
def test_what_appends_without_the_lock_is_noticed(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, event = tmp_path / "log", Writer().write()
    file_log("local", path).create()
    real = os.write

    def intruding(descriptor: int, data: Any) -> int:
        monkeypatch.setattr(local.os, "write", real)
        with path.open("ab") as file:
            file.write(b"hello\n")
        return real(descriptor, data)

    intruder = 'sed() { case "$1" in s/*) echo hello >>"$p";; esac; command sed "$@"; }'
    if kind == "local":
        monkeypatch.setattr(local.os, "write", intruding)
        log = file_log(kind, path)
    else:
        log = file_log(kind, path, before=intruder)
    with pytest.raises(UpstreamError, match="without taking the lock"):
        log.push(event)
    assert pull(file_log("local", path)) == []
    assert file_log(kind, path).push(event).status == "ok"
    assert packets(pull(file_log(kind, path))) == event
