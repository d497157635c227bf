"""A network of our own, in which the way back from an address can be dropped: real packets that really do not arrive."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.support.missing import forbidden, missing

if TYPE_CHECKING:
    from collections.abc import Iterator

NEW_NETWORK = 0x40000000  # CLONE_NEWNET


@contextlib.contextmanager
def private_network() -> Iterator[None]:
    """Put this thread, and what it starts, into a network with nothing but its loopback; skips where that may not be."""
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        if libc.unshare(NEW_NETWORK):
            forbidden(
                f"the kernel gives no network of one's own: {os.strerror(ctypes.get_errno())}"
            )
        try:
            _prepare()
            yield
        finally:
            libc.setns(before, NEW_NETWORK)
    finally:
        os.close(before)


@contextlib.contextmanager
def dropped(address: str) -> Iterator[None]:
    """Let nothing that is sent from this address go anywhere, for the block."""
    rule = ["pref", "5", "from", address, "blackhole"]
    _ip("rule", "add", *rule)
    try:
        yield
    finally:
        _ip("rule", "del", *rule)


def _prepare() -> None:
    """Bring the loopback up, and let rules come before what is local; skips the test where that cannot be done."""
    if shutil.which("ip") is None:
        missing("ip, of the package iproute2")
    try:
        _ip("link", "set", "lo", "up")
        _ip("rule", "add", "pref", "10", "lookup", "local")
        _ip("rule", "del", "pref", "0")
    except subprocess.CalledProcessError as error:
        forbidden(f"the kernel has no rules for routes: {error.stderr.decode().strip()}")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
