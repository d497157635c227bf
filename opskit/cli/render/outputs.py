"""What many hosts said to one command: equal output shown once, under the names of its hosts."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from opskit.cli.render import terminal, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from opskit.fleet.command import Result

Watch = Callable[[str, str, bytes], None]


def folded(results: Iterable[Result]) -> list[tuple[tuple[str, ...], Result]]:
    """Give groups of hosts with the same output and exit status, the largest first."""
    groups: dict[tuple[bytes, bytes, int], list[Result]] = {}
    for result in results:
        groups.setdefault((result.stdout, result.stderr, result.exit), []).append(result)
    rows = [(tuple(r.host for r in group), group[0]) for group in groups.values()]
    return sorted(rows, key=lambda row: -len(row[0]))


def show(results: Sequence[Result]) -> None:
    """Print each distinct output once, under its hosts."""
    from opskit.fleet.selectors import fold

    for hosts, result in folded(results):
        ended = "" if result.ok else f", status {result.exit}"
        text.say(f"{fold(hosts)} ({text.plural(len(hosts), 'host')}{ended})", bold=True)
        for stream in (result.stdout, result.stderr):
            for line in stream.decode("utf-8", "replace").splitlines():
                text.say(f"  {line}")
        if result.truncated:
            text.say("  [output was cut: it is longer than opskit keeps]", colour="yellow")


def live() -> Watch:
    """Give a watcher that prints what one host says while it says it, each stream to its own.

    Made before the host's work begins: a Fabric task that prints has `sys.stdout` as its own meanwhile.
    """
    targets = {"stdout": sys.stdout, "stderr": sys.stderr}
    decoders = {
        name: codecs.getincrementaldecoder("utf-8")("replace") for name in ("stdout", "stderr")
    }

    def watch(_host: str, stream: str, data: bytes) -> None:
        said = terminal.visible(decoders[stream].decode(data))
        try:
            targets[stream].write(said)
            targets[stream].flush()
        except OSError:
            terminal.silence()

    return watch
