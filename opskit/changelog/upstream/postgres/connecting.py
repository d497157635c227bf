"""A connection that ends: every wait for the server has a limit, on this side too, and every error is a sentence.

It works behind a transaction pooler (PgBouncer and the like): nothing is prepared, and nothing is set for longer than one
message. The server waits for nobody either: what locks anything is one message of the simple protocol and with that one
transaction; a laptop that falls asleep at any moment leaves no lock behind.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import shlex
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

from opskit.changelog.upstream.postgres import words
from opskit.errors import UpstreamError, UpstreamRefusesError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from opskit.changelog.upstream.postgres.address import Address

DEFAULTS: dict[str, Any] = {
    "application_name": "opskit",
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


class Connection:
    """One connection to a database; `timeout` seconds for connecting. Raises UpstreamError."""

    def __init__(self, address: Address, *, timeout: float) -> None:
        self._address = address
        self._late = False
        with self._in_words():
            self.raw = _connect(address, timeout)
        # A descriptor of our own: it can be shut from another thread while the library waits on its own.
        self._socket = socket.socket(fileno=os.dup(self.raw.fileno()))

    @contextlib.contextmanager
    def asking(self, seconds: float) -> Iterator[psycopg.Connection[Any]]:
        """Give the connection for one question, which must be answered within so many seconds. Raises UpstreamError."""
        timer = threading.Timer(seconds, self._give_up)
        timer.daemon = True
        with self._in_words():
            timer.start()
            try:
                yield self.raw
            finally:
                timer.cancel()

    def close(self) -> None:
        """Let go of it."""
        self.raw.close()
        self._socket.close()

    def _give_up(self) -> None:
        self._late = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            if self._late:
                what, hint = "does not answer", "is the server overloaded, or stopped?"
            else:
                what, hint = words.of(error, self._address)
            kind = (
                UpstreamRefusesError if error.sqlstate in words.ABOUT_A_WRITER else UpstreamError
            )
            raise kind(f"{self._address.name} {what}", hint=hint) from None


def _connect(address: Address, timeout: float) -> psycopg.Connection[Any]:
    import psycopg

    # What it has to say is said by its errors; a command's output is not its place.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    given = {**DEFAULTS, **address.parameters}
    given.setdefault("connect_timeout", max(2, math.ceil(timeout)))
    return psycopg.connect(**given, autocommit=True, prepare_threshold=None)


def demand_driver() -> None:
    """Raise UpstreamError if psycopg is not installed, which is an extra of opskit."""
    try:
        import psycopg  # noqa: F401 - only whether it is there
    except ImportError as error:
        why = "" if isinstance(error, ModuleNotFoundError) else f": {error}".splitlines()[0]
        raise UpstreamError(
            f"psycopg, which talks to PostgreSQL, is not installed{why}",
            hint=f"{shlex.quote(sys.executable)} -m pip install 'psycopg[binary]'",
        ) from None
