"""The standing of events and writers of one changelog, by the files that opskit.toml names.

What is read from the database is read first: while ssh-keygen thinks, nobody is kept from writing. Its verdicts are
remembered beside the database, so that it runs only for what is new.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar, cast

from opskit.changelog import database
from opskit.changelog.event import RECOVERED, RUN_STARTED, STARTED
from opskit.changelog.evidence import Evidence, Place, gather
from opskit.changelog.records import RolloutRecord
from opskit.changelog.runrecords import RunRecord
from opskit.changelog.signers import read_signers
from opskit.changelog.sql import statement
from opskit.changelog.sshkeys import fingerprint, material
from opskit.changelog.standing import ATTESTED, FORKED, REVOKED, Judge, Standing
from opskit.changelog.verdicts import Verdicts
from opskit.changelog.weighing import weighed
from opskit.errors import AttestationError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from opskit.changelog.records import Entry
    from opskit.changelog.signers import Signers
    from opskit.changelog.store import Store
    from opskit.config.model import ChangelogSettings

    Ask = Callable[[Callable[[sqlite3.Connection], Evidence]], Evidence | None]

E = TypeVar("E", bound="Entry")

REMEMBERED = "verdicts.json"


@dataclass(frozen=True, slots=True)
class Me:
    """The writer that signs on this machine: id, raw public key, the log it is shared with ("" for none).

    `now` is the time by a clock that is set right as far as that is known, in seconds since 1970.
    """

    writer: bytes
    key: bytes
    log: str
    now: int


@dataclass(frozen=True, slots=True)
class WriterRecord:
    """A writer, and the standing of what it writes now.

    `writer` is its id in hex, `here` tells whether it signs on this machine, `role` the upstream's name for who pushes it. `machine`, `issued` and `expires` (seconds
    since 1970, 0 for never) are of the enrolment by which `standing.principal` vouches, `key` is the fingerprint of its SSH key.
    `barred` tells whether that key vouches for nobody new, since a writer of it was revoked: it may be in other hands.
    `revoked_after` is its last event that counts, None if it is not revoked.
    """

    writer: str
    here: bool
    role: str
    events: int
    standing: Standing
    machine: str = ""
    issued: int = 0
    expires: int = 0
    key: str = ""
    barred: bool = False
    revoked_after: int | None = None

    def left(self, now: int) -> float:
        """Give how much of its time is left, from 1 to 0; 0 if nobody vouches for it."""
        if self.standing.state != ATTESTED:
            return 0.0
        return max(0.0, (self.expires - now) / max(self.expires - self.issued, 1))


def me(store: Store) -> Me:
    """Give the writer that signs on this machine; raises ChangelogError."""
    with database.in_words(store.file):
        connection = store.open()
        writer, key, log = connection.execute(statement("who_signs_here")).fetchone()
        return Me(writer, key, log, _now(connection))


def standings(
    file: Path, ask: Ask, hashes: Iterable[str], settings: ChangelogSettings
) -> Mapping[str, Standing]:
    """Give the standing of events by their hashes (in hex), which are left out if they are not here."""
    evidence = ask(lambda db: gather(db, hashes)) or Evidence()
    verdicts, trouble = _verdicts(file, settings)
    try:
        return Judge(evidence, verdicts, trouble).standings()
    finally:
        _save(verdicts)


def judged(
    entries: Iterable[E],
    look: Callable[[Iterable[str]], Mapping[str, Standing]],
    *,
    is_asked: bool,
    whole: bool,
) -> tuple[E, ...]:
    """Give entries with their standing; `look` gives that of events by their hashes.

    Without `is_asked` (no allowed_signers) only what is revoked or forked is told. `whole` looks at all events of a rollout or a run: of the
    latter, what was revoked does not count, see `weighing`.
    """
    found = tuple(entries)
    hashes = [event for entry in found for event in _hashes(entry, whole=whole)]
    hashes += [each.hash for entry in found for each in getattr(entry, "verdicts", ())]
    told = {
        event: standing
        for event, standing in look(hashes).items()
        if is_asked or standing.state in (REVOKED, FORKED)
    }
    return tuple(_with_standing(entry, told, whole=whole) for entry in found)


def _with_standing(entry: E, told: Mapping[str, Standing], *, whole: bool) -> E:
    first, *others = _hashes(entry, whole=whole)
    standing = told.get(first, Standing(""))
    found = entry._replace(
        standing=standing.state,
        principal=standing.principal,
        doubt=standing.reason,
    )
    if not isinstance(found, RolloutRecord | RunRecord):
        return cast("E", found)
    names = {event.hash.hex(): f"{event.header.kind} {event.id}" for event in found.events}
    found = _with_verdicts(found, told)
    if isinstance(found, RunRecord) and whole:
        found = weighed(found, told)
    doubts = [
        f"{names[event]} is {told[event].state}: {told[event].reason}"
        for event in others
        if event in told and told[event].state != ATTESTED
    ]
    return cast("E", found._replace(doubts=(*found.doubts, *doubts)))


def _with_verdicts(
    record: RolloutRecord | RunRecord, told: Mapping[str, Standing]
) -> RolloutRecord | RunRecord:
    """Give a record whose verdicts have their standing: what was revoked does not hold."""
    given = [
        each._replace(standing=s.state, principal=s.principal, doubt=s.reason)
        for each in record.verdicts
        for s in (told.get(each.hash, Standing("")),)
    ]
    return record._replace(verdicts=tuple(given))


def _hashes(entry: Entry, *, whole: bool) -> list[str]:
    """Give the hashes of the events to look at, the one that began the entry first."""
    if not isinstance(entry, RolloutRecord | RunRecord):
        return [entry.hash]
    events = entry.events or getattr(entry, "strange", ())
    tells = (
        each
        for kind in (STARTED, RECOVERED, RUN_STARTED)
        for each in events
        if each.header.kind == kind
    )
    first = next(tells, events[0])
    others = [e for e in events if whole and e is not first]
    return [event.hash.hex() for event in (first, *others)]


def writers(file: Path, ask: Ask, settings: ChangelogSettings) -> tuple[WriterRecord, ...]:
    """Give all writers, the one that signs here first; each judged as if it wrote an event now."""
    heads: list[tuple[bytes, int, int, str]] = []
    places: list[Place] = []

    def read(db: sqlite3.Connection) -> Evidence:
        heads[:] = db.execute(statement("writer_heads")).fetchall()
        now = _now(db)
        places[:] = [Place(writer.hex(), seq + 1, now) for writer, seq, _, _ in heads]
        return gather(db, (), places)

    evidence = ask(read) or Evidence()
    verdicts, trouble = _verdicts(file, settings)
    judge = Judge(evidence, verdicts, trouble)
    try:
        return tuple(
            _record(judge, place, WriterRecord(writer.hex(), bool(here), role, seq, standing))
            for (writer, seq, here, role), place in zip(heads, places, strict=True)
            for standing in [judge.standing(place)]
        )
    finally:
        _save(verdicts)


def signers_of(settings: ChangelogSettings) -> Signers | None:
    """Read the files of allowed signers and revoked keys, None if none is configured; raises AttestationError."""
    if settings.allowed_signers is None:
        return None
    return read_signers(settings.allowed_signers, settings.revoked_keys)


def _record(judge: Judge, place: Place, record: WriterRecord) -> WriterRecord:
    if revoked := judge.revoked(place):
        record = replace(record, revoked_after=revoked.last_seq)
    voucher = judge.voucher(place)
    if voucher.enrolment is None:
        return record
    said = voucher.enrolment.statement
    return replace(
        record,
        machine=said.machine,
        issued=said.issued,
        expires=said.expires,
        key=fingerprint(voucher.enrolment.key),
        barred=voucher.bar is not None,
    )


def barred(
    file: Path, ask: Ask, keys: Iterable[str], writer: str, settings: ChangelogSettings
) -> dict[str, str]:
    """Give, of public key lines, those that cannot vouch for a writer (in hex) since one of theirs was revoked, and why."""
    if settings.allowed_signers is None:
        return {}
    known = {line: material(line) for line in keys}
    if not known:
        return {}
    evidence = ask(lambda db: gather(db, (), (), known.values())) or Evidence()
    verdicts, trouble = _verdicts(file, settings)
    judge = Judge(evidence, verdicts, trouble)
    try:
        found = {line: judge.bar(key, writer) for line, key in known.items()}
        return {line: judge.barred(line, bar) for line, bar in found.items() if bar}
    finally:
        _save(verdicts)


def _verdicts(file: Path, settings: ChangelogSettings) -> tuple[Verdicts | None, str]:
    """Give what judges signatures, or why there is nothing."""
    try:
        signers = signers_of(settings)
    except AttestationError as error:
        return None, error.what
    return (Verdicts(file.with_name(REMEMBERED), signers) if signers else None), ""


def _save(verdicts: Verdicts | None) -> None:
    if verdicts is not None:
        verdicts.save()


def _now(connection: sqlite3.Connection) -> int:
    from opskit.changelog.store import clock_field

    return (time.time_ns() // 1_000_000 + int(clock_field(connection).get("off", 0))) // 1000
