"""What goes into a command: its script and its input, no faster than the command takes it."""

from __future__ import annotations

import contextlib
import itertools
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opskit.fleet.session import Bell


class Feeder:
    """Gives a command its script and its input, in a thread of its own only if that could block."""

    def __init__(
        self, channel: Any, line: bytes, source: bytes | Callable[[], Iterable[bytes]], bell: Bell
    ) -> None:
        self._channel = channel
        self._line = line
        self._source = source
        self._bell = bell
        self._stopped = False
        self.error: BaseException | None = None

    def start(self) -> None:
        """Send what fits at once, the rest from a thread."""
        source = self._source
        if (
            isinstance(source, bytes)
            and len(self._line) + len(source) < self._channel.out_window_size
        ):
            self._send([self._line + source])
            return
        threading.Thread(target=self._run, daemon=True, name="feeder").start()

    def stop(self) -> None:
        """Send no more."""
        self._stopped = True

    def _run(self) -> None:
        try:
            source = self._source
            rest = [source] if isinstance(source, bytes) else source()
            self._send(itertools.chain([self._line], rest))
        except BaseException as error:  # noqa: BLE001 - told by the thread that waits for the command
            self.error = error
            self._bell.set()

    def _send(self, blocks: Iterable[bytes]) -> None:
        for block in blocks:
            if self._stopped or not self._sent(block):
                return
        with contextlib.suppress(OSError, EOFError):
            self._channel.shutdown_write()

    def _sent(self, block: bytes) -> bool:
        """Send `block`; False if the command has ended and wants no more."""
        try:
            self._channel.sendall(block)
        except (OSError, EOFError):
            return False
        return True
