"""How far this machine's copy is behind its upstream, and the upstream behind it; reading only."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.changelog.reader import Reader
from opskit.changelog.signing import held_writers
from opskit.changelog.sql import statement

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Lag:
    """`seconds` since both were last in step, None if they never were; `waiting` are events of ours that wait for it."""

    seconds: float | None = None
    waiting: int = 0


def lag(file: Path) -> Lag:
    """Look how far a changelog and the log of today are apart; creates nothing. Raises ChangelogError."""
    reader = Reader(file)
    try:
        return reader.ask(lambda db: _lag(db, held_writers(file.parent))) or Lag()
    finally:
        reader.close()


def _lag(connection: sqlite3.Connection, keys: list[str]) -> Lag:
    row = connection.execute(statement("current_log")).fetchone()
    log, synced_ms = (row[0], row[5]) if row else ("", 0)
    values = {"log": log, "keys": json.dumps(keys), "ours": 1}
    (waiting,) = connection.execute(statement("unsent_count"), values).fetchone()
    return Lag(time.time() - synced_ms / 1000 if synced_ms else None, waiting)
