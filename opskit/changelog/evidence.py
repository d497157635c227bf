"""What the standing of events depends on, read from the database at one moment: enrolments, revocations, forks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opskit.changelog.body import number, text, texts
from opskit.changelog.event import Header, read_body
from opskit.changelog.sql import statement
from opskit.changelog.sshkeys import material

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping

MOST_ENROLMENTS = 8  # of one writer that are looked at for one event, the newest before it


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event stands: its writer (in hex) and number there, and when that was, in seconds since 1970.

    `received` tells whether that is the time of an upstream's receipt, and not only what the writer says; `written` is then what the
    writer says if it wrote that for another log than those whose receipts are here, else 0.
    """

    writer: str
    seq: int
    at: int
    received: bool = False
    written: int = 0


@dataclass(frozen=True, slots=True)
class Enrolled:
    """An event `writer.enrolled`: its number in the chain, and its body."""

    seq: int
    body: Mapping[str, object]
    key: str = ""
    """What its SSH key is known by, see `sshkeys.material`; "" for none."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """An event `writer.revoked`: the writer whose events after `last_seq` count no more, why, and who says so where.

    Its body is `{"writer": <hex>, "last_seq": N, "why": TEXT, "keys": [LINE...], "kept": [<hex>...]}`. `keys` are the SSH keys that had
    signed for the writer: from now on they vouch for nobody but the writers in `kept`, those for which they had signed, too, as
    far as the one who revokes knew. So no order in a log, and no clock, can make a new writer pass for an old one. Without
    `keys` it says nothing about them; an empty list says that they are in good hands, whatever was said before. Here,
    `keys` are as `Enrolled.key`, None where the body has none.
    """

    writer: str
    last_seq: int
    why: str
    by: Place
    keys: frozenset[str] | None = None
    kept: frozenset[str] = frozenset()


@dataclass(slots=True)
class Evidence:
    """All that a `standing.Judge` needs: places by the hashes of events; enrolments by writer, the newest first; the
    revocations on which those places depend, in their order; forks: the first place with two events.
    """

    places: dict[str, Place] = field(default_factory=dict)
    enrolments: dict[str, list[Enrolled]] = field(default_factory=dict)
    revocations: list[Revoked] = field(default_factory=list)
    forks: dict[str, int] = field(default_factory=dict)


def gather(
    connection: sqlite3.Connection,
    hashes: Iterable[str],
    more: Iterable[Place] = (),
    keys: Iterable[str] = (),
) -> Evidence:
    """Read what is needed to judge the events of these hashes (in hex), and events that could stand at `more` places.

    Also what is said of the SSH keys that `keys` name, as `Enrolled.key` does.
    """
    found = Evidence()
    for event in dict.fromkeys(hashes):
        _find(connection, event, found)
    for writer, seq in connection.execute(statement("first_forks")):
        found.forks[writer.hex()] = seq
    search = _Search(connection, _revocations(connection))
    search.follow((*found.places.values(), *more), keys)
    found.enrolments = search.enrolments
    found.revocations = search.relevant()
    return found


def _revocations(connection: sqlite3.Connection) -> list[Revoked]:
    """Read all revocations in their order: as a log received them, the one that was known here first; then, by their
    clocks, what none has received. So a clock that lies brings nobody before what stands in a log.
    """
    found = []
    for signed, writer, seq, received, stored in connection.execute(statement("revocations")):
        body, _ = read_body(stored)
        if whom := text(body, "writer"):
            found.append(_revoked(whom, body, _place(signed, writer, seq, received)))
    return found


def _revoked(writer: str, body: Mapping[str, object], by: Place) -> Revoked:
    says = isinstance(body.get("keys"), list)
    return Revoked(
        writer,
        number(body, "last_seq"),
        text(body, "why"),
        by,
        frozenset(map(_key, texts(body, "keys"))) - {""} if says else None,
        frozenset(texts(body, "kept")),
    )


class _Search:
    """Finds the revocations on which places depend: those about their writers or their SSH keys, about whoever wrote
    those, and so on; and the enrolments of all of them, by writer, the newest first.
    """

    def __init__(self, connection: sqlite3.Connection, every: list[Revoked]) -> None:
        self._connection = connection
        self._every = every
        self._about: dict[str, list[Revoked]] = {}
        self._naming: dict[str, set[str]] = {}
        for each in every:
            self._about.setdefault(each.writer, []).append(each)
            for key in each.keys or ():
                self._naming.setdefault(key, set()).add(each.writer)
        self._writers: set[str] = set()
        self._waiting: list[Place] = []
        self.enrolments: dict[str, list[Enrolled]] = {}

    def follow(self, places: Iterable[Place], keys: Iterable[str]) -> None:
        """Find all that these places and keys depend on."""
        self._waiting += places
        self._add_keys(keys)
        rows: dict[str, dict[int, Enrolled]] = {}
        looked: set[Place] = set()
        while self._waiting:
            place = self._waiting.pop()
            if place in looked:
                continue
            looked.add(place)
            self._add_writer(place.writer)
            known = rows.setdefault(place.writer, {})
            new = dict(self._enrolled(place, known))
            known.update(new)
            self._add_keys(each.key for each in new.values())
        for writer, found in rows.items():
            self.enrolments[writer] = [found[seq] for seq in sorted(found, reverse=True)]

    def relevant(self) -> list[Revoked]:
        """Give the revocations that were found, in their order."""
        return [each for each in self._every if each.writer in self._writers]

    def _add_writer(self, writer: str) -> None:
        if writer not in self._writers:
            self._writers.add(writer)
            self._waiting += [each.by for each in self._about.get(writer, ())]

    def _add_keys(self, keys: Iterable[str]) -> None:
        for key in keys:
            for writer in self._naming.get(key, ()):
                self._add_writer(writer)

    def _enrolled(
        self, place: Place, known: Mapping[int, Enrolled]
    ) -> Iterator[tuple[int, Enrolled]]:
        values = (bytes.fromhex(place.writer), place.seq, MOST_ENROLMENTS)
        for seq, stored in self._connection.execute(statement("enrolments"), values):
            if seq not in known:
                body, _ = read_body(stored)
                yield seq, Enrolled(seq, body, _key(text(body, "key")))


def _key(line: str) -> str:
    """Give what a public key line is known by, "" if it is none."""
    try:
        return material(line)
    except (ValueError, IndexError):
        return ""


def _find(connection: sqlite3.Connection, event: str, found: Evidence) -> None:
    """Read the place of the event of that hash."""
    try:
        digest = bytes.fromhex(event)
    except ValueError:
        return
    if row := connection.execute(statement("judged"), (digest,)).fetchone():
        found.places[event] = _place(*row)


def _place(
    signed: bytes, writer: bytes, seq: int, received_ms: int | None, logs: str | None = None
) -> Place:
    try:
        header = Header.decode(signed)
    except ValueError:
        return Place(writer.hex(), seq, (received_ms or 0) // 1000, received=bool(received_ms))
    at = header.at_ms // 1000
    if not received_ms:
        return Place(writer.hex(), seq, at)
    log = text(header.seen, "log")
    moved = bool(log and logs and log not in logs.split(","))
    return Place(writer.hex(), seq, received_ms // 1000, received=True, written=at if moved else 0)
