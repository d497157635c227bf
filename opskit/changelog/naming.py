"""What releases are called of which a record has only the folders' names, as far as other rollouts told it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from opskit.changelog.records import Release
from opskit.changelog.sql import statement

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from opskit.changelog.records import RolloutRecord


def named(connection: sqlite3.Connection, record: RolloutRecord) -> RolloutRecord:
    """Give a rollout with its releases as people call them, where it was known from receipts on hosts only."""
    if not record.recorder:
        return record
    folders = {release.release for release in (*record.before, record.to) if release}
    values = (record.service, record.environment, json.dumps(sorted(folders)))
    rows = connection.execute(statement("known_releases"), values)
    known = {row[0]: Release(*row) for row in rows}
    hosts = tuple(host._replace(before=_known(host.before, known)) for host in record.hosts)
    return record._replace(to=_known(record.to, known), hosts=hosts)


def _known(release: Release | None, known: Mapping[str, Release]) -> Release | None:
    return known.get(release.release, release) if release else None
