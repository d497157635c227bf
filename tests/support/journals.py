"""Real journal files, as journald writes them: made of the export format by systemd-journal-remote, read by a real journalctl."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from tests.support.missing import missing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

PLACES = "/usr/lib/systemd:/lib/systemd"
BOOT = "0123456789abcdef0123456789abcdef"


class Line(NamedTuple):
    """A line that a unit of the system logged, or (`uid` is not -1) one of that user's own."""

    at: datetime
    text: str
    unit: str = "shop.service"
    uid: int = -1


def write(file: Path, lines: Iterable[Line]) -> None:
    """Make a journal of lines, the oldest first."""
    import os

    found = shutil.which("systemd-journal-remote", path=f"{PLACES}:{os.environ['PATH']}")
    if not found or not shutil.which("journalctl"):
        missing("systemd-journal-remote and journalctl")
    entries = b"".join(_entry(number, line) for number, line in enumerate(lines, 1))
    argv = [found, f"--output={file}", "-"]
    subprocess.run(argv, input=entries, check=True, capture_output=True)
    file.chmod(0o644)


def reader(file: Path) -> str:
    """Give the script of a journalctl that reads that file, and says who asked in `file.asked`."""
    real = shutil.which("journalctl")
    return f'#!/bin/sh\nid -un >>"{file}.asked"\nexec {real} --file="{file}" "$@"\n'


def _entry(number: int, line: Line) -> bytes:
    us = round(line.at.timestamp() * 1e6)
    own = (
        {"_SYSTEMD_UNIT": line.unit}
        if line.uid < 0
        else {"_SYSTEMD_USER_UNIT": line.unit, "_UID": f"{line.uid}"}
    )
    fields = {
        "__CURSOR": f"s={BOOT};i={number:x};b={BOOT};m={number:x};t={us:x};x={number:x}",
        "__REALTIME_TIMESTAMP": f"{us}",
        "__MONOTONIC_TIMESTAMP": f"{number}",
        "_BOOT_ID": BOOT,
        "_HOSTNAME": "web01",
        "SYSLOG_IDENTIFIER": "shop",
        "PRIORITY": "6",
        **own,
    }
    head = "".join(f"{name}={value}\n" for name, value in fields.items())
    size = len(line.text.encode()).to_bytes(8, "little")
    return head.encode() + b"MESSAGE\n" + size + line.text.encode() + b"\n\n"
