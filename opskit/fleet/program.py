"""Runs a program of the user's on this machine and gives what it prints, within limits."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from opskit.config.secret import Redactor, Secret
from opskit.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = 256 * 1024


def output(
    command: str,
    *,
    what: str,
    folder: Path,
    timeout: float,
    limit: int,
    in_session: bool = False,
) -> bytes:
    """Give the standard output of a shell command that ends with 0.

    `what` begins every error, `folder` is where it runs, `timeout` is in seconds and `limit` in
    bytes. The command is the user's own line, so `/bin/sh -c` reads it, as for `build`. Raises
    ConfigError with the end of standard error as its hint, without what stood on standard output. Its whole process group ends
    with an error; a command `in_session` stays in ours, so that it can ask somebody something on the terminal.
    """
    deadline = time.monotonic() + timeout
    with subprocess.Popen(
        ["/bin/sh", "-c", command],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=not in_session,
    ) as process:
        try:
            told, complaints = _read(process, deadline, limit)
            status = process.wait(max(0.1, deadline - time.monotonic()))
        except (TimeoutError, subprocess.TimeoutExpired):
            _end(process)
            raise ConfigError(f"{what} did not end within {timeout:g} s") from None
        except OverflowError:
            _end(process)
            raise ConfigError(f"{what} printed more than {limit} bytes") from None
        except BaseException:
            _end(process)
            raise
    if status:
        raise ConfigError(f"{what} ended with status {status}", hint=_tail(complaints, told))
    return told


def _read(process: subprocess.Popen[bytes], deadline: float, limit: int) -> tuple[bytes, bytes]:
    """Give standard output and the end of standard error; raises TimeoutError, OverflowError."""
    told = {process.stdout: bytearray(), process.stderr: bytearray()}
    with selectors.DefaultSelector() as waiting:
        for stream in told:
            waiting.register(_number(stream), selectors.EVENT_READ, stream)
        while waiting.get_map():
            ready = waiting.select(max(0.0, deadline - time.monotonic()))
            if not ready or time.monotonic() > deadline:
                raise TimeoutError
            for key, _ in ready:
                block = os.read(key.fd, BLOCK)
                told[key.data] += block
                if not block:
                    waiting.unregister(key.fd)
            del told[process.stderr][:-4096]
            if len(told[process.stdout]) > limit:
                raise OverflowError
    return bytes(told[process.stdout]), bytes(told[process.stderr])


def _number(stream: IO[bytes] | None) -> int:
    return stream.fileno() if stream else -1


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        process.kill() if os.getpgid(process.pid) == os.getpgrp() else os.killpg(
            process.pid, signal.SIGKILL
        )


def _tail(complaints: bytes, told: bytes) -> str:
    """Give the last line that a program complained in, without what it `told`, and without control characters."""
    hidden = Redactor((Secret(told.decode("utf-8", "replace").strip()),))
    lines = hidden.text(complaints.decode("utf-8", "replace")).strip().splitlines()
    last = lines[-1].strip() if lines else ""
    return "".join(sign if sign.isprintable() else " " for sign in last)[-500:]
