"""Whose redaction is obeyed here: the event's own writer's, and that of whoever an SSH key vouches for.

Everybody can append an event `body.redacted`, and what is taken away is gone for ever. So none is obeyed as it comes: those
that wait are judged when all that came with them is here, at each sync anew, as an enrolment may come later. Where no
allowed_signers are configured nobody can be told from anybody, and all are obeyed. That a writer says whose successor it
is proves nothing, and does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opskit.changelog import forgetting, redaction
from opskit.changelog.event import REDACTED, read_body
from opskit.changelog.sql import statement
from opskit.changelog.standing import ATTESTED, FORKED, REVOKED, Standing

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from opskit.config.model import ChangelogSettings

TRICK = "redaction"


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event `body.redacted` that is not obeyed yet: its hash, its writer, and the event that it names.

    `owner` is that event's writer, None as long as it is not here.
    """

    hash: bytes
    writer: bytes
    event: bytes
    owner: bytes | None


def settle(
    ask: Callable[[Callable[[sqlite3.Connection], Any]], Any],
    change: Callable[[Callable[[sqlite3.Connection], list[str]]], list[str]],
    file: Path,
    settings: ChangelogSettings,
) -> list[str]:
    """Obey the redactions that count; gives words about those that do not, which are told once and kept as alarms.

    `ask` and `change` look at and change the database `file`; nobody waits for it while signatures are judged.
    """
    from opskit.changelog.judging import standings

    found: list[Waiting] = []
    ask(lambda db: found.extend(_waiting(db)))
    if not found:
        return []
    if settings.allowed_signers is None:
        return change(lambda db: _obey(db, found))
    judged = standings(file, ask, [each.hash.hex() for each in found], settings)
    told = {each: judged.get(each.hash.hex(), Standing("")) for each in found}
    heeded = [each for each, standing in told.items() if counts(each, standing)]
    doubts = {
        f"writer {each.writer.hex()[:12]} wants events of others redacted, and is not obeyed: {standing.reason}"
        for each, standing in told.items()
        if each not in heeded and each.owner is not None
    }
    return change(lambda db: [*_obey(db, heeded), *_alarmed(db, doubts)])


def counts(request: Waiting, standing: Standing) -> bool:
    """Tell whether a redaction with that standing is obeyed, where allowed_signers are configured."""
    if standing.state in (REVOKED, FORKED):
        return False
    return standing.state == ATTESTED or request.writer == request.owner


def _waiting(db: sqlite3.Connection) -> Iterable[Waiting]:
    for digest, writer, stored in db.execute(statement("redactions")).fetchall():
        body, _ = read_body(stored)
        event = redaction.target(REDACTED, body)
        if event is None or db.execute(statement("is_redacted"), (event,)).fetchone():
            continue
        owner, kind = db.execute(statement("owner_of"), (event,)).fetchone() or (None, "")
        if kind not in redaction.KEPT:
            yield Waiting(digest, writer, event, owner)


def _obey(db: sqlite3.Connection, requests: Iterable[Waiting]) -> list[str]:
    gone = [each for each in requests if redaction.obey(db, each.event, each.hash)]
    if gone:
        forgetting.tidy(db)
    return []


def _alarmed(db: sqlite3.Connection, words: Iterable[str]) -> list[str]:
    """Keep words as alarms; gives those that are new."""
    from opskit.changelog.adding import now_ms

    values = [(now_ms(), TRICK, each) for each in sorted(words)]
    return [each[2] for each in values if db.execute(statement("add_alarm"), each).rowcount > 0]
