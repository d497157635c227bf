"""Processes that write to one changelog and say what is durable.

`python -m tests.changelog.worker FILE COUNT [NAME]` appends notes; `... FILE receive EXPORT` takes in the events
of an exported changelog, page by page, as a pull does.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.changelog import Changelog
from opskit.changelog.exchange import Exchange
from opskit.changelog.export import read
from opskit.errors import ChangelogError, UpstreamLiesError
from tests.changelog.memory import LOG, Memory

if TYPE_CHECKING:
    from collections.abc import Iterable

PAGE = 3
TRIES = 20


def append(file: Path, count: int, name: str) -> None:
    """Append COUNT notes; print `ACK hash` for each that is said to be durable, else `ERR message`."""
    with Changelog(file, actor=f"{name}@test") as changelog:
        for number in range(count):
            try:
                event = changelog.append("note", {"text": f"{name} {number}", "hosts": ["web01"]})
            except ChangelogError as error:
                print(f"ERR {error}", flush=True)
            else:
                print(f"ACK {event.hash.hex()}", flush=True)


def receive(file: Path, lines: Iterable[str]) -> None:
    """Pull all events of `lines`; print `ACK hash` for each that is said to be taken in, else `ERR message`."""
    upstream = Memory()
    upstream.packets = list(read(lines, []))
    exchange = Exchange(file)
    for _ in range(TRIES + len(upstream.packets)):
        try:
            hashes = _one_page(exchange, upstream)
        except UpstreamLiesError:
            raise
        except ChangelogError as error:
            print(f"ERR {error}", flush=True)
            continue
        if not hashes:
            break
        print("\n".join(f"ACK {each.hex()}" for each in hashes), flush=True)
    exchange.close()


def _one_page(exchange: Exchange, upstream: Memory) -> list[bytes]:
    if exchange.current() is None:
        exchange.pin(LOG, "memory:")
    last = exchange.last(LOG)
    found = upstream.pull(after=last.pos if last else 0, vector=exchange.vector())
    page = [*next(iter(found), [])][:PAGE]
    came = exchange.receive(LOG, page, gapless=True) if page else None
    assert came is None or not (came.doubts or came.missing), came
    return [arrival.receipt.hash for arrival in page]


if __name__ == "__main__":
    where, what = Path(sys.argv[1]), sys.argv[2]
    if what == "receive":
        receive(where, Path(sys.argv[3]).read_text().splitlines())
    else:
        append(where, int(what), (sys.argv[3:] or ["one"])[0])
