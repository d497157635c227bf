"""How fast hosts are reached, and so whether what they get is packed: measured before much is sent.

Packing makes a tree smaller by a third to a half, and costs time: here once, and on every host, which has its own work
to do. On a link that takes everything faster than it can be packed, all travels as it is.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from opskit.errors import HostError
from opskit.fleet.command import Command

if TYPE_CHECKING:
    from opskit.fleet.remote import Remote

MUCH = 32 * 1024 * 1024
"""Bytes to all hosts from which on it is worth the question."""
FAST = 100_000_000
"""Bytes a second: what gzip packs at its quickest, and more than a gigabit carries beside SSH."""
FEW, MANY = 128 * 1024, 4 * 1024 * 1024
"""Bytes that are sent to see: the few first, so that nobody waits for the many on a slow link."""
TRIES = 3  # with the many: a machine that is busy for a moment makes no link slow


def is_fast(remote: Remote) -> bool:
    """Tell whether a host takes in bytes faster than they could be packed; changes nothing there. One that fails is not fast."""
    try:
        return _rate(remote, FEW) > FAST * FEW / MANY and any(
            _rate(remote, MANY) > FAST for _ in range(TRIES)
        )
    except HostError:
        return False  # it is asked again when it is staged, and that is where its error belongs


def _rate(remote: Remote, size: int) -> float:
    data = secrets.token_bytes(size)
    began = time.monotonic()
    remote.execute(Command("cat >/dev/null", input=data, timeout=60)).require("taking in bytes")
    return size / (time.monotonic() - began)
