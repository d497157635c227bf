"""Waiting for a condition, never for a time."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")


def until(condition: Callable[[], T], *, within: float = 60.0, what: str = "") -> T:
    """Give the first true value of `condition`, asked every 10 ms; fails after `within` seconds."""
    deadline = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {within:g} s: {what or condition}"
        time.sleep(0.01)
    return value


def listens(path: Path) -> bool:
    """Tell whether somebody listens at a socket; it is there a little earlier than that."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
