"""The check: a command on this machine that tells good from bad by its exit code, as for `git bisect run`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING

from opskit.blame.bisect.record import Tested
from opskit.blame.bisect.search import BAD, GOOD, SKIP
from opskit.errors import OpskitError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

CANNOT = 125
LAST_BAD = 127
KEPT = 4000  # bytes of what it says, from its end
GRACE = 3.0  # seconds to end in, before it is killed


def check(
    command: str,
    sha: str,
    *,
    folder: Path,
    env: Mapping[str, str],
    timeout: float,
    hide: Callable[[str], str],
) -> Tested:
    """Run `command` with sh in `folder`, its environment ours plus `env`, and give what it says of a commit.

    0 is good, 125 cannot be tested, 1 to 127 bad; one that takes longer than `timeout` seconds is ended, and cannot be tested.
    Raises OpskitError for any other end: then something is wrong that has nothing to do with the commit.
    """
    began = time.monotonic()
    with tempfile.TemporaryFile() as said:
        code = _run(command, folder=folder, env=env, timeout=timeout, said=said.fileno())
        said.seek(max(0, said.seek(0, os.SEEK_END) - KEPT))
        output = hide(said.read().decode("utf-8", "replace")).strip()
    ms = round((time.monotonic() - began) * 1000)
    if code is None:
        reason = f"the check took longer than {timeout:g} s"
        return Tested(sha, SKIP, -1, reason, output, ms)
    if not 0 <= code <= LAST_BAD:
        what = f"the check was ended by signal {-code}" if code < 0 else f"the check ended with {code}"  # fmt: skip
        raise OpskitError(
            what, hint="0 is good, 125 cannot be tested, 1 to 127 bad", output=output
        )
    if code == CANNOT:
        return Tested(sha, SKIP, code, "the check says that it cannot be tested", output, ms)
    return Tested(sha, BAD if code else GOOD, code, "", output, ms)


def _run(
    command: str, *, folder: Path, env: Mapping[str, str], timeout: float, said: int
) -> int | None:
    """Give the exit code, None if it took too long; whatever ends this ends the whole process group."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", command], cwd=folder, env={**os.environ, **env},
        stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole group: the shell is often gone before what it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        while time.monotonic() < deadline:
            process.poll()
            os.killpg(process.pid, 0)
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
