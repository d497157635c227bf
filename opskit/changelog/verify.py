"""The check of everything: chains, hashes, signatures, bodies, and what is derived from them."""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.changelog import eras
from opskit.changelog.chains import Piece, faults
from opskit.changelog.checking import fault
from opskit.changelog.comparing import index_faults, search_faults
from opskit.changelog.cores import Cores
from opskit.changelog.doubts import told
from opskit.changelog.enrolments import odd_enrolments
from opskit.changelog.event import genesis
from opskit.changelog.history import contradictions
from opskit.changelog.packet import Packet
from opskit.changelog.receipts import first_chain
from opskit.changelog.sql import statement
from opskit.errors import AttestationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_NAMED = 100
PIECE = 2000  # events that a process checks at once
LONG = 20_000  # events from which on several processes are worth their start


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was written: where (a writer and its event's number), and what."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def verify(
    fill: Callable[[sqlite3.Connection], bool], remarks: list[Problem] | None = None
) -> list[Problem]:
    """Give what is wrong, the first bad event of each writer first; an empty list if all is well.

    `remarks` gets what looks strange, and is most likely not wrong: nobody can tell here, or a writer truly signed what nobody can use.

    `fill` copies the changelog, page by page, into an empty database, and tells whether there is
    one. The copy is what is checked: that takes minutes for a million events, and who reads the
    file itself keeps every rollout from writing. Raises sqlite3.Error.
    """
    with tempfile.TemporaryDirectory(prefix="opskit-") as folder:
        file = Path(folder) / "copy.db"
        copy = sqlite3.connect(file, isolation_level=None)
        try:
            if not fill(copy):
                return []
            seen = remarks if remarks is not None else []
            return list(itertools.islice(_problems(copy, file, seen), MOST_NAMED))
        finally:
            copy.close()


def _problems(
    connection: sqlite3.Connection, file: Path, remarks: list[Problem]
) -> Iterator[Problem]:
    for (found,) in connection.execute("PRAGMA integrity_check(10)"):
        if found != "ok":
            yield Problem("file", found)
    heads = list(_heads(connection))
    yield from (each for each in heads if "public key" in each.what)
    (count,) = connection.execute("SELECT count(*) FROM event").fetchone()
    with Cores() as cores:
        begun = cores.begin(index_faults, file) if count >= LONG else None
        yield from _chains(connection, cores if count >= LONG else None)
        yield from (each for each in heads if "public key" not in each.what)
        yield from _receipts(connection)
        yield from _forks(connection)
        remarks += itertools.islice(_unread(connection), MOST_NAMED)
        yield from _histories(connection, remarks)
        yield from _enrolments(connection, remarks)
        found_there = begun.result() if begun else index_faults(file)
        for table, what in (*found_there, *search_faults(connection)):
            yield Problem(f"index {table}", what)


def _chains(connection: sqlite3.Connection, cores: Cores | None) -> Iterator[Problem]:
    """Check every writer's chain; a long changelog by as many processes as there are cores."""
    pieces = (
        piece
        for row in connection.execute(statement("writers")).fetchall()
        for piece in _pieces(connection, row)
    )
    each = cores.each(faults, pieces) if cores else ((piece, faults(piece)) for piece in pieces)
    for _, found in each:
        yield from (Problem(where, what) for where, what in found)


def _pieces(
    connection: sqlite3.Connection, writer: tuple[int, bytes, bytes, int, bytes]
) -> Iterator[Piece]:
    wid, name, key, _, _ = writer
    rows = connection.execute(statement("chain"), (wid,))
    seq, head = 0, genesis(name)
    while piece := rows.fetchmany(PIECE):
        yield Piece(name, key, seq, head, piece)
        seq, head = piece[-1][1], piece[-1][3]


def _heads(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Check every writer's own row: its key, and where its chain ends."""
    for wid, name, key, head_seq, head in connection.execute(statement("writers")).fetchall():
        where = f"writer {name.hex()[:12]}"
        if hashlib.sha256(key).digest() != name:
            yield Problem(where, "its public key is not the one that it is named after")
        row = connection.execute(statement("last_of"), (wid,)).fetchone()
        seq, last = row or (0, genesis(name))
        if (seq, last) != (head_seq, head):
            yield Problem(f"{where}, event {seq + 1}", f"missing: the chain's head is {head_seq}")


def _receipts(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Follow each log from its first place on: it must end in the newest receipt that we were given."""
    for log, url, pos, digest, chain in connection.execute(statement("cursors")).fetchall():
        last_pos, last, found = 0, b"", first_chain(log)
        for row in connection.execute(statement("log_places"), {"log": log}):
            last_pos, last = row
            found = hashlib.sha256(found + last).digest()
        if (last_pos, last, found) != (pos, digest, chain):
            what = "what is here of it does not lead to the newest receipt that it gave: events were moved or removed here"
            yield Problem(f"upstream {url}", what)


def _histories(connection: sqlite3.Connection, remarks: list[Problem]) -> Iterator[Problem]:
    """Name logs that were rewritten, and writers who see another history than there is here."""
    for era in eras.rewritten(connection):
        on = time.strftime("%Y-%m-%d %H:%M", time.localtime(era.at_ms / 1000))
        yield Problem("upstream", f"since {on}, {era.words}")
    for doubt, is_old in contradictions(connection):
        ((_, words),) = told([doubt])
        problem = Problem("upstream", words)
        if is_old:
            remarks.append(problem)
        else:
            yield problem


def _forks(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Check the other sides of forks: whoever is shown as forked did sign two events for one place."""
    for writer, seq, digest, line in connection.execute(statement("kept_forks")).fetchall():
        try:
            packet = Packet.from_json(line)
            wrong = fault(packet)
            if (packet.writer, packet.seq, packet.hash) != (writer, seq, digest):
                wrong = "it was altered here"
        except ValueError:
            wrong = "it cannot be read"
        if wrong:
            where = f"writer {writer.hex()[:12]}, event {seq} ({digest.hex()[:10]})"
            yield Problem(where, f"what is kept as the other side of a fork is none: {wrong}")


def _enrolments(connection: sqlite3.Connection, remarks: list[Problem]) -> Iterator[Problem]:
    """Remark on the enrolments that vouch for nobody: their writers signed them so, which is no tampering."""
    try:
        odd = itertools.islice(odd_enrolments(connection), MOST_NAMED)
        remarks += [Problem(where, what) for where, what in odd]
    except AttestationError as error:
        yield Problem("enrolments", f"their signatures were not checked: {error.what}")


def _unread(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Name the events that this opskit cannot read."""
    for writer, seq, digest, why in connection.execute(statement("all_unread")):
        where = f"writer {writer.hex()[:12]}, event {seq} ({digest.hex()[:10]})"
        yield Problem(where, f"this opskit cannot read it, and shows it as it stands: {why}")
