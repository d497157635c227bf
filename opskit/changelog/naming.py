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
    """Give a rollout with its releases as people call them, where it told only their folders.

    That is so where it was known from receipts on hosts only, and where an older opskit sent hosts to releases of their own.
    """
    apart = record.to is None and record.action != "restart"
    if not (record.recorder or (apart and any(h.to and not h.goal for h in record.hosts))):
        return record
    if apart:
        hosts = tuple(h._replace(goal=h.goal or _folder(h.to)) for h in record.hosts)
        record = record._replace(hosts=hosts)
    folders = {release.release for release in (*record.before, *record.after)}
    values = (record.service, record.environment, json.dumps(sorted(folders)))
    rows = connection.execute(statement("known_releases"), values)
    known = {row[0]: Release(*row) for row in rows}
    hosts = tuple(
        host._replace(before=_known(host.before, known), goal=_known(host.goal, known))
        for host in record.hosts
    )
    return record._replace(to=_known(record.to, known), hosts=hosts)


def _folder(name: str) -> Release | None:
    return Release(name) if name else None


def _known(release: Release | None, known: Mapping[str, Release]) -> Release | None:
    return known.get(release.release, release) if release else None
