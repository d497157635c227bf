"""What was redacted here and is upstream all the same, as far as that is known; reading only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from opskit.changelog.reader import Reader
from opskit.changelog.signing import held_writers
from opskit.changelog.sql import statement

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

WHO = "opskit changelog sync says who takes it away there"


def kept_upstream(file: Path) -> list[str]:
    """Give the hashes (in hex) of events that were redacted here, and whose body the log of today has not said to be gone.

    At the end of a sync, those are the bodies that it keeps. Raises ChangelogError.
    """
    reader = Reader(file)
    try:
        return reader.ask(lambda db: _kept(db, held_writers(file.parent))) or []
    finally:
        reader.close()


def _kept(connection: sqlite3.Connection, keys: list[str]) -> list[str]:
    row = connection.execute(statement("current_log")).fetchone()
    values = {"log": row[0] if row else "", "keys": json.dumps(keys)}
    return [digest.hex() for (digest,) in connection.execute(statement("unredacted"), values)]


def in_words(kept: list[str]) -> str:
    """Say which events those are, the first few by name."""
    names = ", ".join(each[:10] for each in kept[:3])
    more = f" and {len(kept) - 3} more" if len(kept) > 3 else ""
    return f"the body of {names}{more} was redacted here, and is still upstream"
