"""The build command: run once, on this machine, in the exported tree."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from opskit.config.secret import Secret
from opskit.errors import BuildError, InterruptedRunError
from opskit.rollout.stop import FINISH_BATCH

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from opskit.config.secret import Redactor
    from opskit.rollout.stop import Stop

KEPT = 64 * 1024
LOOKED_AT = 3 * KEPT
"""Bytes in which secrets are looked for: the longest, before what is kept, is seen whole."""
SHOWN_LINES = 10
GRACE = 3.0  # seconds to end in, before it is killed


def build(
    command: str,
    *,
    folder: Path,
    log: Path,
    what: str = "the build",
    env: Mapping[str, str | Secret],
    timeout: float,
    redactor: Redactor,
    stop: Stop,
    least: int = FINISH_BATCH,
) -> None:
    """Run `command` with sh in `folder`, its environment ours plus `env`, what it says into `log`; raises BuildError.

    Its process group ends with the time limit (seconds) or with an interruption (InterruptedRunError), which is the wish to stop
    that is `least` enough.
    """
    plain = {name: v.reveal() if isinstance(v, Secret) else v for name, v in env.items()}
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", command], cwd=folder, env={**os.environ, **plain},
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        with stop.during(lambda: _end(process), least=least):
            ended = _wait(process, timeout)
    said = _tail(log, redactor)
    if stop.level >= least:
        raise InterruptedRunError(f"{what} was interrupted")
    if not ended:
        raise BuildError(f"{what} took longer than {timeout:g} s and was ended", output=said)
    if process.returncode:
        raise BuildError(f"{what} ended with status {process.returncode}", output=said)


def _wait(process: subprocess.Popen[bytes], timeout: float) -> bool:
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        _end(process)
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole group: the shell is often gone before what it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        while time.monotonic() < deadline:
            process.poll()
            os.killpg(process.pid, 0)
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _tail(log: Path, redactor: Redactor) -> str:
    """Give the last lines without secrets, which are hidden before anything is cut; a line that was cut is left out."""
    before = max(0, log.stat().st_size - LOOKED_AT)
    with log.open("rb") as stream:
        stream.seek(before)
        data = redactor.data(stream.read())
    whole = data if len(data) <= KEPT and not before else data[-KEPT:].partition(b"\n")[2]
    text = whole.decode("utf-8", "replace")
    return "\n".join(text.splitlines()[-SHOWN_LINES:])
