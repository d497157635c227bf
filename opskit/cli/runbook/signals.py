"""Signals while a runbook is followed: heard where somebody waits, and kept for that moment where something is being written."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

from opskit.runbook.talk import EndedBySignal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AT_ONCE = 3
"""So many signals that nobody hears are obeyed wherever they come."""


class Signals:
    """Ctrl-C raises KeyboardInterrupt, SIGTERM and SIGHUP EndedBySignal: within `listening`, or when it comes to that."""

    def __init__(self) -> None:
        self._depth = self._unheard = 0
        self._pending = 0
        self._deaf = False

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Hear signals for the block; those that whoever started us has had ignored stay so."""
        heard = [n for n in NUMBERS if signal.getsignal(n) is not signal.SIG_IGN]
        before = {number: signal.signal(number, self._heard) for number in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Let a signal, also one that came before, raise for the block."""
        self._depth += 1
        try:
            if self._pending:
                self._raise(self._pending)
            yield
        finally:
            self._depth -= 1

    @contextlib.contextmanager
    def left_to_others(self) -> Iterator[None]:
        """Leave Ctrl-C to a program that has the terminal for the block."""
        self._deaf = True
        try:
            yield
        finally:
            self._deaf = False

    def _heard(self, number: int, _frame: FrameType | None) -> None:
        if self._deaf and number == signal.SIGINT:
            return
        self._unheard += 1
        if self._depth or self._unheard >= AT_ONCE:
            self._raise(number)
        self._pending = number

    def _raise(self, number: int) -> None:
        self._pending = self._unheard = 0
        raise KeyboardInterrupt if number == signal.SIGINT else EndedBySignal
