"""What a command says: secrets masked across chunk borders, kept within bounds, told to a watcher."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from opskit.config.secret import REDACTED, hidden

if TYPE_CHECKING:
    from collections.abc import Callable

    from opskit.config.secret import Redactor

MOST_HELD = 1024 * 1024
"""Bytes held back of secrets that overlap each other without an end; a secret itself is much shorter."""
HEAD = 64 * 1024
TAIL = 1024 * 1024
"""Bytes kept of a stream: its first HEAD and its last TAIL."""

Watch: TypeAlias = "Callable[[str, bytes], None]"


class Mask:
    """Replaces secrets in a stream of chunks, as in the whole; what may yet become one, or a longer one, waits for its rest."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """Give what can be shown after `chunk`, which may be less or more than `chunk`."""
        needles = self._redactor.byte_needles
        if not needles:
            return chunk
        data = self._held + chunk
        cut = len(data) - max(_overlap(data, needle) for needle in needles)
        spans = self._redactor.byte_spans(data)
        cut = min([cut, *(begin for begin, end in spans if begin < cut < end)])
        self._held = data[cut:]
        if len(self._held) > MOST_HELD:
            return self.flush()
        return hidden(data[:cut], [span for span in spans if span[1] <= cut], REDACTED.encode())

    def flush(self) -> bytes:
        """Give what was held back, at the stream's end."""
        rest, self._held = self._redactor.data(self._held), b""
        return rest


def _overlap(data: bytes, needle: bytes) -> int:
    """Give how many of the last bytes of `data` could be the beginning of `needle`."""
    start = max(0, len(data) - len(needle) + 1)
    while True:
        start = data.find(needle[:1], start)
        if start < 0:
            return 0
        if needle.startswith(data[start:]):
            return len(data) - start
        start += 1


@dataclass(slots=True)
class Bounded:
    """Keeps the first HEAD and the last TAIL bytes of a stream."""

    head: bytearray = field(default_factory=bytearray)
    tail: deque[bytes] = field(default_factory=deque)
    size: int = 0
    truncated: bool = False

    def add(self, chunk: bytes) -> None:
        """Take in `chunk`, and forget what no longer fits."""
        room = HEAD - len(self.head)
        if room > 0:
            self.head += chunk[:room]
            chunk = chunk[room:]
        if not chunk:
            return
        self.tail.append(chunk)
        self.size += len(chunk)
        while self.size - len(self.tail[0]) >= TAIL:
            self.size -= len(self.tail.popleft())
            self.truncated = True

    def value(self) -> bytes:
        """Give what was kept; a cut is marked by a line that says so."""
        tail = b"".join(self.tail)
        cut = self.truncated or len(tail) > TAIL
        self.truncated = cut
        return bytes(self.head) + (b"\n[opskit: output cut here]\n" if cut else b"") + tail[-TAIL:]


class Stream:
    """One output stream of a command: masked, told to `watch`, and kept within bounds."""

    def __init__(self, name: str, redactor: Redactor, watch: Watch | None) -> None:
        self.name = name
        self.kept = Bounded()
        self._mask = Mask(redactor)
        self._watch = watch

    def feed(self, chunk: bytes) -> None:
        """Take in what the command said."""
        self._take(self._mask.feed(chunk))

    def end(self) -> bytes:
        """Take in what was held back and give all that was kept."""
        self._take(self._mask.flush())
        return self.kept.value()

    def _take(self, shown: bytes) -> None:
        if shown:
            self.kept.add(shown)
            if self._watch is not None:
                self._watch(self.name, shown)
