"""The check: a command that tells good from bad by its exit code, as for `git bisect run`; on this machine, or on the host that is tried."""

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
from opskit.errors import CommandTimeoutError, OpskitError
from opskit.fleet.command import Command
from opskit.rollout.environ import commands_environment
from opskit.rollout.layout import path_word

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from opskit.config.service import Service
    from opskit.fleet.command import Result
    from opskit.fleet.fanout import Fleet
    from opskit.fleet.remote import Remote

CANNOT = 125
LAST_BAD = 127
KEPT = 4000  # bytes of what it says, from its end
MOST_LINES = 200
GRACE = 3.0  # seconds to end in, before it is killed
NOWHERE = 255
"""What a host's check ends with if there is no live release to run it in."""


def check(
    command: str,
    sha: str,
    *,
    folder: Path,
    env: Mapping[str, str],
    timeout: float,
    hide: Callable[[str], str],
) -> Tested:
    """Run `command` with sh in `folder` of this machine, its environment ours plus `env`, and give what it says of a commit, as `told` does.

    One that takes longer than `timeout` seconds is ended, and cannot be tested. Raises OpskitError.
    """
    began = time.monotonic()
    with tempfile.TemporaryFile() as said:
        code = _run(command, folder=folder, env=env, timeout=timeout, said=said.fileno())
        said.seek(max(0, said.seek(0, os.SEEK_END) - KEPT))
        output = hide(said.read().decode("utf-8", "replace"))
    return told(sha, code, output, time.monotonic() - began, timeout=timeout)


def check_there(
    fleet: Fleet, host: str, service: Service, command: str, sha: str, *, timeout: float
) -> Tested:
    """Run `command` on the host, in the release that is live there, with what the service's own commands get but for its secrets.

    Gives what it says of a commit, as `told` does; one that takes longer than `timeout` seconds is ended, and cannot be tested.
    Raises OpskitError, also for what keeps the host from answering.
    """

    def work(remote: Remote) -> Result:
        env = commands_environment(service, release=None, rollout="", host=host, variables=remote.host.vars, secrets={})  # fmt: skip
        given = {**env, "OPSKIT_REVISION": sha}
        return remote.execute(Command(script(service.path, command), env=given, timeout=timeout))

    outcomes = fleet.each(work, [host])
    try:
        (outcome,) = outcomes
    except BaseException:
        fleet.cancel()  # nothing of it goes on there while the host is put back
        list(outcomes)
        fleet.resume()
        raise
    if isinstance(outcome.error, CommandTimeoutError):
        return told(sha, None, outcome.error.output, outcome.seconds, timeout=timeout)
    if outcome.error:
        raise outcome.error
    assert outcome.value  # noqa: S101 - for mypy: it has a value or an error
    output = outcome.value.tail(MOST_LINES)
    return told(sha, outcome.value.exit, output, outcome.value.seconds, timeout=timeout)


def script(path: str, command: str) -> str:
    """Give what a host runs: the check in the service's live release, of which it is told the folder."""
    return "\n".join(
        (
            f"cd {path_word(path)}/current || {{ echo 'no release is live here' >&2; exit {NOWHERE}; }}",
            "OPSKIT_FOLDER=$(pwd -P); export OPSKIT_FOLDER",
            command,
        )
    )


def told(sha: str, code: int | None, output: str, seconds: float, *, timeout: float) -> Tested:
    """Give what an exit code says of a commit: 0 is good, 125 cannot be tested, 1 to 127 bad; None (it took longer than `timeout` seconds) cannot be tested.

    Raises OpskitError for any other end: then something is wrong that has nothing to do with the commit.
    """
    ms, output = round(seconds * 1000), output[-KEPT:].strip()
    if code is None:
        reason = f"the check took longer than {timeout:g} s"
        return Tested(sha, SKIP, -1, reason, output, ms)
    if not 0 <= code <= LAST_BAD:
        what = "the check was ended by a signal" if code < 0 else f"the check ended with {code}"
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
