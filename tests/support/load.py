"""Load through a load balancer while a test does something: wrk, and what it says came of its requests."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.haproxy import HAProxy

LONGEST = 600  # seconds


@dataclass
class Load:
    """What came of the requests: `failed` are those that got no answer in 10 s, a broken one, or another status than 2xx or 3xx."""

    is_enough: Callable[[], bool]
    requests: int = 0
    failed: int = 0
    said: str = ""


@contextlib.contextmanager
def load(edge: HAProxy, *, least: int, connections: int = 32) -> Iterator[Load]:
    """Send requests while the block runs, which ends when there were at least so many; the figures stand when it has ended."""
    before = asked(edge)
    found = Load(lambda: asked(edge) - before >= least)
    url = f"http://127.0.0.1:{edge.port}/"
    argv = [
        shutil.which("wrk") or "wrk", "--threads", "1", "--connections", str(connections), "--timeout", "10s",
        "--duration", f"{LONGEST}s", "--latency", url,
    ]  # fmt: skip
    wrk = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        until(lambda: asked(edge) > before + connections, what="load")
        yield found
        until(found.is_enough, within=LONGEST, what=f"{least} requests")
        wrk.send_signal(signal.SIGINT)
        found.said = wrk.communicate(timeout=60)[0]
    finally:
        wrk.kill()
        wrk.wait()
    found.requests, found.failed = read(found.said)


def asked(edge: HAProxy) -> int:
    """Give how many requests HAProxy has had."""
    head, row = edge.say("show stat front 1 -1").splitlines()[:2]
    return int(dict(zip(head[2:].split(","), row.split(","), strict=True))["req_tot"])


def read(said: str) -> tuple[int, int]:
    """Read requests and failures from what wrk says; it leaves out what did not happen."""
    requests = re.search(r"(\d+) requests in ", said)
    assert requests, said
    errors = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said
    )
    others = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    failed = [*(errors.groups() if errors else ()), *(others.groups() if others else ())]
    return int(requests[1]), sum(map(int, failed))
