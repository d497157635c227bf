"""What a task shows belongs to its host, also while other hosts' tasks print in other threads."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opskit.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opskit.config.secret import Secret
    from opskit.fleet.capture import Stream
    from opskit.fleet.remote import Remote
    from opskit.fleet.running import Running

_lock = threading.Lock()


class Tap:
    """A text stream that takes what a task shows into a `Stream`."""

    encoding = "utf-8"

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def write(self, text: str) -> int:
        """Take in `text`."""
        with self._lock:
            self._stream.feed(text.encode("utf-8", "surrogateescape"))
        return len(text)

    def flush(self) -> None:
        """Do nothing: a Stream tells its watcher at once."""

    def isatty(self) -> bool:
        """Give False."""
        return False


@dataclass(slots=True)
class Work:
    """What one run of a task has at hand."""

    remote: Remote
    running: Running
    env: Mapping[str, str | Secret]
    out: Tap
    err: Tap
    password: Secret | None = None

    def check(self, *, ended: bool = True) -> None:
        """Raise HostError if the fleet is cancelled; `ended` tells whether what ran is certainly gone."""
        if self.running.cancelled:
            name = self.remote.name
            if ended:
                raise HostError(name, "cancelled; its processes were ended")
            hint = f"look with: opskit exec -H {name} 'ps -ef'"
            raise HostError(name, "cancelled; its processes may still run there", hint=hint)


class PerThread(io.TextIOBase):
    """A standard output that goes where the thread that writes wants it, else where it went before."""

    def __init__(self, before: Any) -> None:
        super().__init__()
        self.before = before
        self.users = 0
        self.targets = threading.local()

    def write(self, text: str) -> int:
        """Write `text` to this thread's target."""
        return int(self._target().write(text))

    def flush(self) -> None:
        """Flush this thread's target."""
        self._target().flush()

    def isatty(self) -> bool:
        """Tell whether this thread's target is a terminal."""
        return bool(self._target().isatty())

    def fileno(self) -> int:
        """Give the number of the file beneath."""
        return int(self.before.fileno())

    @property
    def encoding(self) -> str:  # type: ignore[override]  # an attribute in typeshed
        """The encoding of the file beneath."""
        return str(getattr(self.before, "encoding", "utf-8"))

    def _target(self) -> Any:
        return getattr(self.targets, "now", None) or self.before


@contextlib.contextmanager
def printed_to(target: Any) -> Iterator[None]:
    """Send what this thread prints in the block to `target`, a text stream."""
    with _lock:
        if not isinstance(sys.stdout, PerThread):
            sys.stdout = PerThread(sys.stdout)
        dispatcher = sys.stdout
        dispatcher.users += 1
    dispatcher.targets.now = target
    try:
        yield
    finally:
        dispatcher.targets.now = None
        with _lock:
            dispatcher.users -= 1
            if dispatcher.users == 0 and sys.stdout is dispatcher:
                sys.stdout = dispatcher.before
