"""A process of a runbook on this machine: a process group of its own, with a time limit, its output masked, bounded and told."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from opskit.config.secret import Secret
from opskit.errors import UsageError
from opskit.fleet.capture import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from opskit.config.secret import Redactor

GRACE = 15.0
"""Seconds between a first signal and SIGKILL; whoever waits can have it at once."""
QUIET = 0.3
"""Seconds for which output is awaited that something holds open past the end of the command."""
BLOCK = 64 * 1024
POLL = 0.1
LONGEST = 100_000
"""Bytes of a script: the system takes no longer argument."""


@dataclass(frozen=True, slots=True)
class LocalResult:
    """What came of it: `exit` is below 0 for a signal; `late`: it was ended as its time was over; `cut`: ended by whoever waits."""

    exit: int
    stdout: bytes
    stderr: bytes
    seconds: float
    late: bool = False
    cut: bool = False


class Local:
    """One process; `interrupt` may be called from any thread, again and again: each time it is told more plainly.

    `gently`: it is opskit, or a script that calls it, which ends first what it does on hosts: SIGINT, and nothing else until whoever waits says
    more; then SIGTERM, then SIGKILL. A script may be gone by then, as shells are: what it began is waited for.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str | Secret],
        folder: Path,
        timeout: float,
        redactor: Redactor,
        watch: Callable[[str, bytes], None] | None = None,
        gently: bool = False,
        without: Collection[str] = (),
    ) -> None:
        if max(len(os.fsencode(word)) for word in argv) > LONGEST:
            raise UsageError(f"a script for this machine is at most {LONGEST} bytes long")
        self._argv, self._env, self._folder, self._timeout = list(argv), env, folder, timeout
        hidden = redactor.also(env.values())
        self._streams = {name: Stream(name, hidden, watch) for name in ("stdout", "stderr")}
        first = [signal.SIGINT, signal.SIGTERM] if gently else [signal.SIGTERM]
        self._without = frozenset(without)
        self._signals = [*first, signal.SIGKILL]
        self._gently = gently
        self._process: subprocess.Popen[bytes] | None = None
        self._unsent: list[int] = []
        self._lock = threading.Lock()
        self._kill_at = float("inf")
        self._cut = self._late = False

    def run(self) -> LocalResult:
        """Run it to its end, whatever that is; raises UsageError if there is no such program."""
        began = time.monotonic()
        plain = {
            name: value.reveal() if isinstance(value, Secret) else value
            for name, value in self._env.items()
        }
        ours = {name: value for name, value in os.environ.items() if name not in self._without}
        try:
            started = subprocess.Popen(
                self._argv, cwd=self._folder, env={**ours, **plain}, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise UsageError(f"{self._argv[0]} cannot be run: {error.strerror}") from None
        with started as process:
            try:
                self._is_known(process)
                self._follow(process, began + self._timeout)
            finally:
                self._kill_rest(process)
        ended = {name: stream.end() for name, stream in self._streams.items()}
        seconds = time.monotonic() - began
        return LocalResult(
            process.returncode, ended["stdout"], ended["stderr"], seconds, self._late, self._cut
        )

    def interrupt(self) -> None:
        """Have it end."""
        patient, self._cut = self._gently and not self._cut, True
        self._signal(patient=patient)

    def _signal(self, *, patient: bool = False) -> None:
        number = self._signals.pop(0) if len(self._signals) > 1 else self._signals[0]
        if not patient:
            self._kill_at = min(self._kill_at, time.monotonic() + GRACE * len(self._signals))
        with self._lock:
            if self._process is None:
                self._unsent.append(number)
            else:
                _send(self._process, number)

    def _is_known(self, process: subprocess.Popen[bytes]) -> None:
        """Let signals reach it from now on, and those that came while it was being started."""
        with self._lock:
            self._process = process
            for number in self._unsent:
                _send(process, number)

    def _follow(self, process: subprocess.Popen[bytes], until: float) -> None:
        """Take in output until the process has ended, or its time is over."""
        with selectors.DefaultSelector() as waiting:
            for name, stream in (("stdout", process.stdout), ("stderr", process.stderr)):
                waiting.register(_number(stream), selectors.EVENT_READ, self._streams[name])
            ended = 0.0
            while True:
                now = time.monotonic()
                if process.poll() is not None:
                    ended = ended or now
                    patient = self._gently and self._cut and now < self._kill_at
                    if not waiting.get_map() or (now - ended > QUIET and not patient):
                        return
                self._look_at_the_clock(process, now, until)
                _pump(waiting)

    def _look_at_the_clock(
        self, process: subprocess.Popen[bytes], now: float, until: float
    ) -> None:
        if now >= until and not self._late:
            self._late = True
            self._signal()
        if now >= self._kill_at:
            _send(process, signal.SIGKILL)

    def _kill_rest(self, process: subprocess.Popen[bytes]) -> None:
        """End what is left of the group of a command that was ended: what it has begun must not go on unseen.

        One that ended by itself may have begun a daemon, which is left alone.
        """
        if process.poll() is None or self._cut or self._late:
            until = min(self._kill_at, time.monotonic() + GRACE)
            while _lives(process) and time.monotonic() < until:
                time.sleep(POLL)
            _send(process, signal.SIGKILL)
            process.wait()


def _pump(waiting: selectors.BaseSelector) -> None:
    if not waiting.get_map():
        time.sleep(POLL)
        return
    for key, _ in waiting.select(POLL):
        block = os.read(key.fd, BLOCK)
        key.data.feed(block) if block else waiting.unregister(key.fd)


def _number(stream: IO[bytes] | None) -> int:
    return stream.fileno() if stream else -1


def _send(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _lives(process: subprocess.Popen[bytes]) -> bool:
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
