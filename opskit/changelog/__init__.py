"""What happened: signed, chained events in a local database, and the questions that people ask of them.

The only home of SQL. An event is durable on this machine when `Changelog.append` returns, and is
never altered or dropped. Reading needs neither a key nor cryptography, and creates nothing.
"""

from opskit.changelog.changelog import Changelog, open_changelog
from opskit.changelog.claims import is_beside
from opskit.changelog.event import Event
from opskit.changelog.filtering import Filter
from opskit.changelog.ids import new_rollout_id
from opskit.changelog.machine import during_here, this_machine
from opskit.changelog.records import (
    Commit,
    Entry,
    HostRecord,
    LiveRecord,
    NoteEntry,
    OtherEntry,
    Release,
    RolloutRecord,
)
from opskit.changelog.ruling import Asked, VerdictEntry
from opskit.changelog.runrecords import RunRecord

__all__ = [
    "Asked",
    "Changelog",
    "Commit",
    "Entry",
    "Event",
    "Filter",
    "HostRecord",
    "LiveRecord",
    "NoteEntry",
    "OtherEntry",
    "Release",
    "RolloutRecord",
    "RunRecord",
    "VerdictEntry",
    "during_here",
    "is_beside",
    "new_rollout_id",
    "open_changelog",
    "this_machine",
]
