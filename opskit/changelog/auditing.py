"""The check of an upstream: all of it is read anew, and every place compared with what is here."""

from __future__ import annotations

import time
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opskit.changelog.checking import altered, fault
from opskit.changelog.doubts import event_named
from opskit.changelog.exchange import Exchange
from opskit.changelog.reader import Reader
from opskit.changelog.receipts import Chain, where_of
from opskit.changelog.schedule import Schedule
from opskit.changelog.sql import statement
from opskit.changelog.verify import MOST_NAMED, Problem
from opskit.errors import UpstreamLiesError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from opskit.changelog.logs import LogState
    from opskit.changelog.packet import Arrival, Packet
    from opskit.changelog.upstream import Upstream


@dataclass(slots=True)
class Audited:
    """What an upstream is like: how many places it has, what is wrong (the first bad place first), how long it took.

    `remarks` are what looks strange, and is most likely not wrong.
    """

    name: str
    places: int = 0
    problems: list[Problem] = field(default_factory=list)
    remarks: list[Problem] = field(default_factory=list)
    seconds: float = 0.0


def audit(file: Path, upstream: Upstream) -> Audited:
    """Read the whole upstream, with all bodies, and compare: chain, hashes, signatures, bodies, places, times.

    `file` is the changelog here; nothing is taken in, and only what was found is kept for the doctor. Raises UpstreamError, ChangelogError.
    """
    exchange, reader = Exchange(file), Reader(file)
    try:
        known = exchange.current()
        audited = _audit(reader, known, upstream)
        if known is not None:
            exchange.was_audited(known.log, [str(each) for each in audited.problems])
        return audited
    finally:
        reader.close()
        exchange.close()


def _audit(reader: Reader, known: LogState | None, upstream: Upstream) -> Audited:
    began = time.monotonic()
    audited = Audited(upstream.name)
    greeting = upstream.greet(None)
    if known is None or known.log != greeting.log:
        what = f"it is another log ({greeting.log[:8]}) than the one known here"
        audited.problems.append(Problem(f"upstream {upstream.name}", what))
        return audited
    auditor = _Auditor(reader, known, gapless=upstream.gapless)
    for page in upstream.pull(after=0, vector={}):
        auditor.compare(page)
        audited.places += len(page)
        if len(auditor.found) > MOST_NAMED:
            break
    else:
        auditor.look_for_missing()
        auditor.look_at_times()
    audited.problems += auditor.problems()
    audited.remarks += [Problem("upstream", what) for what in auditor.schedule.remarks()]
    audited.seconds = time.monotonic() - began
    return audited


class _Auditor:
    """Compares page after page; `found` has, by place, what came there (None: nothing), and what is wrong."""

    def __init__(self, reader: Reader, known: LogState, *, gapless: bool) -> None:
        self.found: dict[int, tuple[Arrival | None, str]] = {}
        self.schedule = Schedule(gapless=gapless)
        self._ask = reader.ask  # a page at a time: a long look keeps others from writing
        self._log = known.log
        self._last = known.last
        self._gapless = gapless
        self._chain = Chain(known.log, gapless=gapless)
        self._there = array("q")

    def compare(self, page: Sequence[Arrival]) -> None:
        """Compare a page with what is here."""
        for arrival in page:
            self._there.append(arrival.receipt.pos)
            try:
                self._chain.follow(arrival)
            except UpstreamLiesError as error:
                if error.trick != "dropped":  # what is missing is looked for in the end
                    self._tell(
                        arrival, f"{error.trick}: {error.what.replace(where_of(arrival), 'it')}"
                    )
        self._ask(lambda db: self._compare_all(db, page))

    def look_for_missing(self) -> None:
        """Find the places that are known here, or between others, and that did not come."""
        known = {"log": self._log, "last": self._last.pos if self._last else 0}
        ours = self._ask(lambda db: db.execute(statement("places_known"), known).fetchall())
        expected = {row[0] for row in ours or ()}
        if self._gapless and self._there:
            expected.update(range(1, max(self._there)))
        for pos in sorted(expected.difference(self._there))[:MOST_NAMED]:
            self.found[pos] = (None, "dropped: it is not there any more")

    def look_at_times(self) -> None:
        """Find the places whose time is another than before, or cannot be."""
        for pos, what in (*self.schedule.altered(), *self.schedule.impossible()):
            self.found.setdefault(pos, (None, what))

    def problems(self) -> list[Problem]:
        """Give all that was found, by its places; what stood there is named as it is known here."""
        first = sorted(self.found.items())[:MOST_NAMED]
        return self._ask(lambda db: [self._problem(db, *each) for each in first]) or []

    def _problem(
        self, db: sqlite3.Connection, pos: int, found: tuple[Arrival | None, str]
    ) -> Problem:
        arrival, what = found
        values = {"log": self._log, "pos": pos}
        row = db.execute(statement("stood_at"), values).fetchone()
        place = f"place {pos}" if self._gapless else f"place at byte {pos}"
        if arrival is not None and (row is None or what.startswith("reordered")):
            packet = arrival.packet
            named = event_named(packet.hash, packet.header) if packet else ""
            whose = f"event {arrival.seq} of writer {arrival.writer.hex()[:12]}"
            return Problem(f"upstream, {place}, {whose}{named}", what)
        if row is None:
            return Problem(f"upstream, {place}", what)
        writer, seq, digest, header = row
        where = f"{place}, event {seq} of writer {writer.hex()[:12]}"
        return Problem(f"upstream, {where}{event_named(digest, header)}", what)

    def _compare_all(self, db: sqlite3.Connection, page: Sequence[Arrival]) -> None:
        for arrival in page:
            self._compare(db, arrival)

    def _compare(self, db: sqlite3.Connection, arrival: Arrival) -> None:
        packet, receipt = arrival.packet, arrival.receipt
        if packet is None:
            self._tell(arrival, "dropped: the upstream does not give it")
            return
        row = db.execute(statement("held"), {"log": self._log, "hash": receipt.hash}).fetchone()
        place, received_ms, signature, nonce, body, is_redacted = row or (*[None] * 5, 0)
        if not (place == receipt.pos or self._is_known_elsewhere(db, arrival)):
            self._tell(arrival, self._strange(arrival, place))
        elif place == receipt.pos:
            self.schedule.note(arrival, received_ms or 0)
        if row is None or (packet.signature, packet.nonce, packet.body) == (
            signature,
            nonce,
            body,
        ):
            return
        if what := _difference(packet, has_body=body is not None, is_redacted=bool(is_redacted)):
            self._tell(arrival, what)

    def _is_known_elsewhere(self, db: sqlite3.Connection, arrival: Arrival) -> bool:
        """Tell whether an event that is no part of a chain here, or a copy, stood at this place when it came."""
        receipt = arrival.receipt
        values = (self._log, receipt.pos, receipt.hash)
        return bool(db.execute(statement("stood_elsewhere"), values).fetchone())

    def _strange(self, arrival: Arrival, place: int | None) -> str:
        """Give what is wrong with an event that was not at its place when this upstream was read before."""
        if place is not None:
            return f"reordered: it stood at place {place} before"
        if self._last is not None and arrival.receipt.pos <= self._last.pos:
            return "altered: something else stood there before"
        wrong = fault(arrival.packet) if arrival.packet else ""
        return f"altered: {wrong}" if wrong else ""

    def _tell(self, arrival: Arrival, what: str) -> None:
        if what:
            self.found.setdefault(arrival.receipt.pos, (arrival, what))


def _difference(packet: Packet, *, has_body: bool, is_redacted: bool) -> str:
    """Give how an event differs from the one here, "" if only by what a redaction takes away."""
    if packet.body is None and has_body and not is_redacted:
        return "dropped: its body is gone, and no event redacted it"
    what = altered(packet)
    return f"altered: it {what}" if what else ""
