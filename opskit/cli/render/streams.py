"""What hosts say while a command of a runbook runs: one as it speaks, several under their names, and folded in the end.

What many hosts say within the first seconds is held back: a command that is over by then is shown once, equal output under all its hosts.
"""

from __future__ import annotations

import codecs
import contextlib
import threading
from typing import TYPE_CHECKING

from opskit.cli.render import terminal, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from opskit.runbook.ends import HostEnd

    Say = Callable[..., None]

HELD = 3.0
"""Seconds for which the output of several hosts is held back."""
MOST_HELD = 256 * 1024
LONGEST = 64 * 1024
"""Characters of a line: what has no end by then is shown."""


class Streams:
    """Takes what hosts say, from any thread, line by line."""

    def __init__(self, say: Say, hosts: Sequence[str]) -> None:
        self._say = say
        self._alone = len(hosts) == 1
        self._width = max((len(host) for host in hosts), default=0)
        self._rest: dict[tuple[str, str], str] = {}
        self._decoders: dict[tuple[str, str], codecs.IncrementalDecoder] = {}
        self._held: list[str] | None = None if self._alone else []
        self._size = 0
        self._lock = threading.Lock()

    @property
    def is_held(self) -> bool:
        """Whether nothing of it has been shown yet."""
        return self._held is not None

    def take(self, host: str, stream: str, data: bytes) -> None:
        """Take in what a host said."""
        with self._lock:
            key = (host, stream)
            if key not in self._decoders:
                self._decoders[key] = codecs.getincrementaldecoder("utf-8")("replace")
            said = self._rest.get(key, "") + self._decoders[key].decode(data)
            *lines, rest = said.split("\n")
            if len(rest) > LONGEST:
                lines, rest = [*lines, rest], ""
            self._rest[key] = rest
            for each in lines:
                self._line(host, each)

    def let_go(self) -> None:
        """Show what was held back, and from now on whatever comes."""
        with self._lock:
            held, self._held = self._held, None
            for each in held or ():
                self._say(each)

    def end(self) -> None:
        """Show lines that have no end, too."""
        with self._lock:
            for (host, _), rest in self._rest.items():
                if rest:
                    self._line(host, rest)
            self._rest.clear()

    def _line(self, host: str, said: str) -> None:
        shown = said.rstrip("\r")
        shown = f"  {shown}" if self._alone else f"  {host.ljust(self._width)} | {shown}"
        if self._held is None:
            self._say(shown)
            return
        self._held.append(shown)
        self._size += len(shown)
        if self._size > MOST_HELD:
            held, self._held = self._held, None
            for each in held:
                self._say(each)


@contextlib.contextmanager
def watching(say: Say, hosts: Sequence[str]) -> Iterator[Streams]:
    """Give what takes the output of a command for the block."""
    streams = Streams(say, hosts)
    timer = threading.Timer(HELD, streams.let_go)
    timer.daemon = True
    timer.start()
    try:
        yield streams
    finally:
        timer.cancel()
        streams.end()


def folded(say: Say, results: Sequence[HostEnd]) -> None:
    """Show each distinct output once, under its hosts."""
    from opskit.fleet.selectors import fold

    groups: dict[tuple[str, str], list[str]] = {}
    for each in results:
        if each.output:
            groups.setdefault((each.stdout, each.stderr), []).append(each.name)
    for (out, err), hosts in sorted(groups.items(), key=lambda item: -len(item[1])):
        say(f"  {fold(hosts)} ({text.plural(len(hosts), 'host')})", bold=True)
        for stream in (out, err):
            for line in stream.splitlines():
                say(f"    {terminal.visible(line)}")
