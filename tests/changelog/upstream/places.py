"""Shared files on this machine, reached as a local file or through the scripts for hosts, by each shell that is here."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opskit.changelog.upstream.file import FileLog
from opskit.changelog.upstream.local import LocalPlace
from opskit.changelog.upstream.remote import RemotePlace
from tests.rollout.shells import SHELLS as EVERY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Each shell once, by whatever names it goes.
SHELLS = dict(
    {
        Path(shutil.which(argv[0]) or "").resolve(): (kind, argv) for kind, argv in EVERY.items()
    }.values()
)
KINDS = ("local", *SHELLS)
# What a shell script of ours may use on a host, and not one program more.
TOOLS = [
    "awk",
    "cat",
    "chmod",
    "cmp",
    "date",
    "dd",
    "dirname",
    "grep",
    "head",
    "ln",
    "ls",
    "mkdir",
    "mktemp",
    "mv",
    "od",
    "printf",
    "readlink",
    "rm",
    "sed",
    "sh",
    "sleep",
    "sync",
    "tail",
    "tr",
    "truncate",
    "wc",
]


def file_log(kind: str, path: Path, **options: Any) -> FileLog:
    """Give the log in a file, by a kind of place."""
    if kind == "local":
        return FileLog(LocalPlace(path))
    return FileLog(RemotePlace("host", str(path), running(SHELLS[kind], **options)))


def running(
    shell: Sequence[str],
    *,
    before: str = "",
    tools: str = "",
    user: str | None = None,
    largest: int = 0,
) -> Callable[[str, bytes], tuple[int, bytes, str]]:
    """Give what runs scripts on this machine.

    `before` is a script before each, `tools` replaces PATH, no file may grow beyond `largest` bytes.
    """

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    def run(script: str, data: bytes) -> tuple[int, bytes, str]:
        done = subprocess.run(
            [*shell, "-c", f"{before}\n{script}"], input=data, capture_output=True, check=False,
            env={**os.environ, **({"PATH": tools} if tools else {})}, user=user,
            preexec_fn=limit if largest else None,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr.decode()

    return run


def bare_tools(folder: Path) -> str:
    """Make a folder with the few programs that the scripts ask for, and no `flock`; gives it as a PATH."""
    folder.mkdir(exist_ok=True)
    for name in (*TOOLS, "dash", "bash", "busybox", "python3"):
        found = shutil.which(name)
        if found and not (folder / name).exists():
            (folder / name).symlink_to(found)
    return str(folder)
