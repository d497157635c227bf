"""Watching the changelog: what is new, and what became of what was running.

What was told is known by the newest event of every writer: a rebuild numbers the events anew.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from opskit.changelog import query
from opskit.changelog.records import RUNNING, RolloutRecord
from opskit.changelog.runrecords import RunRecord

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from opskit.changelog.filtering import Filter
    from opskit.changelog.reader import Reader
    from opskit.changelog.records import Entry

LOOKS_AT_RUNNING = 10  # every so many pauses: a killed process writes no event


class Follower:
    """Looks at a changelog again and again, and remembers what was told already."""

    def __init__(self, reader: Reader, wanted: Filter) -> None:
        self._reader = reader
        self._wanted = wanted
        self._any = wanted._replace(limit=0, outcome="")
        self._told: dict[str, str] = {}
        self._vector: dict[bytes, int] = {}

    def follow(self, pause: Callable[[], None]) -> Iterator[list[Entry]]:
        """Give entries as they come or change; see `Changelog.follow`."""
        try:
            version = self._reader.version()
            yield self._reader.ask(self._present) or []
            for look in itertools.count(1):
                pause()
                before, version = version, self._reader.version()
                if version != before or (look % LOOKS_AT_RUNNING == 0 and self._running()):
                    yield self._reader.ask(self._news) or []
        finally:
            self._reader.close()

    def _running(self) -> list[str]:
        return [name for name, outcome in self._told.items() if outcome == RUNNING]

    def _present(self, connection: sqlite3.Connection) -> list[Entry]:
        self._vector = query.vector(connection)
        running = self._any._replace(outcome=RUNNING)
        self._told = {entry.id: RUNNING for entry in query.entries(connection, running)}
        return list(query.entries(connection, self._wanted))[::-1]

    def _news(self, connection: sqlite3.Connection) -> list[Entry]:
        """Give what was not told yet, the oldest first."""
        changed = set(query.changed_since(connection, self._vector))
        ids = sorted(changed | set(query.entries_of(connection, self._running())))
        self._vector = query.vector(connection)
        found = list(query.entries(connection, self._any, ids=ids))
        return [entry for entry in reversed(found) if self._is_news(entry)]

    def _is_news(self, entry: Entry) -> bool:
        outcome = entry.outcome if isinstance(entry, RolloutRecord | RunRecord) else ""
        if self._told.get(entry.id) == outcome:
            return False
        self._told[entry.id] = outcome
        return self._wanted.outcome in ("", outcome)
