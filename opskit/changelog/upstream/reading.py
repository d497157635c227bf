"""Reading a shared file, whoever wrote into it: what is no event comes to an end, and its time does not run backwards."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opskit.changelog.upstream import frames
from opskit.errors import UpstreamError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.changelog.upstream.frames import Placed
    from opskit.changelog.upstream.place import Place

SMALL = 64 * 1024  # bytes that are read first; more and more if there is more
JUNK = 256 * 2**20  # bytes that are no event's: pushes that were cut off are far less
AHEAD_MS = 600_000  # clocks of pushers differ; what is further ahead of now is not believed


def events(
    place: Place, start: int, *, stop: int | None = None, writer: bytes | None = None
) -> Iterator[Placed]:
    """Give the events behind `start`, as far as the file goes or those that begin before `stop`; with `writer`, only its.

    Raises UpstreamError, also when there is too much of what is no event.
    """
    reader, offset, piece = frames.Reader(start, writer), start, SMALL
    read = 0
    while True:
        look = place.look((offset, offset + piece))
        data = look.parts[0]
        offset, piece = offset + len(data), min(8 * piece, place.chunk)
        for placed in reader.feed(data):
            if stop is not None and placed.start >= stop:
                return
            read += placed.end - placed.start
            yield placed
        if offset - start - read - reader.others > JUNK:
            hint = "look into it; opskit changelog export saves what is here"
            raise UpstreamError(
                f"{place.name} has {JUNK >> 20} MiB of what is no event", hint=hint
            )
        if offset >= min(look.size, look.size if stop is None else stop) or not data:
            return


class Clock:
    """When events came into a file, by stamps that a pusher can write as it likes.

    None came before the one before it in the file, and none later than now. `after` is the time of the event before the first.
    """

    def __init__(self, after: int) -> None:
        self._latest = max(after, 1)  # 0 would say that nobody knows

    def of(self, stamp: int) -> int:
        """Give the time of the next event, in milliseconds since 1970, of its stamp."""
        now = time.time_ns() // 1_000_000
        if stamp <= now + AHEAD_MS:
            self._latest = max(self._latest, min(stamp, now))
        return self._latest
