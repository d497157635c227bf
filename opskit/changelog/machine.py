"""Who and what writes here: the actor, the machine, the process."""

from __future__ import annotations

import functools
import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.errors import ChangelogError

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_ACTOR = 200
LONGEST_INCIDENT = 100


def actor_here(named: str | None = None) -> str:
    """Give who acts: `named`, else `$OPSKIT_ACTOR`, else `user@machine`; raises ChangelogError."""
    actor = (named or os.environ.get("OPSKIT_ACTOR") or f"{_user()}@{os.uname().nodename}").strip()
    if not actor or len(actor) > LONGEST_ACTOR or not actor.isprintable():
        raise ChangelogError(
            f"the actor's name {actor[:40]!r} cannot stand in a changelog",
            hint=f"set OPSKIT_ACTOR to at most {LONGEST_ACTOR} printable characters",
        )
    return actor


def this_machine() -> dict[str, object]:
    """Give what `rollout.started` says of the process that runs it: host, pid, boot."""
    return {"host": os.uname().nodename, "pid": os.getpid(), "boot": boot()}


def during_here() -> dict[str, str]:
    """Give the run of a runbook that this process is a part of (`during`), and the incident, as the environment says.

    `$OPSKIT_RUN` and `$OPSKIT_INCIDENT` say so. What cannot be right is left out: it must not keep a rollback from being done.
    """
    run = os.environ.get("OPSKIT_RUN", "").strip()
    incident = incident_from(os.environ.get("OPSKIT_INCIDENT", ""))
    found = {"during": run if re.fullmatch("[0-9a-z]{10}", run) else "", "incident": incident}
    return {name: said for name, said in found.items() if said}


def incident_from(said: str) -> str:
    """Give what somebody calls an incident, as it may stand in a changelog: one line, not too long."""
    line = "".join(sign for sign in " ".join(said.split()) if sign.isprintable())
    return line[:LONGEST_INCIDENT]


def is_running(machine: Mapping[str, object], since_ms: int) -> bool:
    """Tell whether the process that `machine` names still runs here, and ran at `since_ms` already."""
    pid, here = machine.get("pid"), this_machine()
    if any(machine.get(name) != here[name] for name in ("host", "boot")):
        return False
    if not isinstance(pid, int) or not 0 < pid < 2**31:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_dead(pid) and _started_ms(pid) <= since_ms + 5000


@functools.cache
def boot() -> str:
    """Give a name of the time since this machine was started, "" if the system has none."""
    if sys.platform == "darwin":
        return _said("sysctl", "-n", "kern.bootsessionuuid")
    return _read("/proc/sys/kernel/random/boot_id")


@functools.cache
def machine_id() -> str:
    """Give the machine's own name for itself, which a copied disk image should not share; "" if none."""
    if sys.platform == "darwin":
        found = re.search(
            r'IOPlatformUUID" = "([^"]+)"', _said("ioreg", "-rd1", "-c", "IOPlatformExpertDevice")
        )
        return found[1] if found else ""
    return _read("/etc/machine-id") or _read("/var/lib/dbus/machine-id")


def _is_dead(pid: int) -> bool:
    """Tell whether a process has ended and only waits for its parent to look."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()[:1] in (["Z"], ["X"])


def _started_ms(pid: int) -> int:
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    if len(fields) < 20:
        return 0
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return int((time.time() - age) * 1000)


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid{os.getuid()}"


def _read(file: str) -> str:
    try:
        return Path(file).read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _said(*command: str) -> str:
    import subprocess

    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
