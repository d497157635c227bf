"""Taking in events of others: every receipt and every packet is checked before it becomes a part of this database."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from opskit.changelog import placing, timing
from opskit.changelog.adding import Writer, append, named, now_ms, refuse, writer_of
from opskit.changelog.checking import altered, fault, faults_of
from opskit.changelog.doubts import Doubt
from opskit.changelog.event import Header
from opskit.changelog.healing import heal
from opskit.changelog.history import History
from opskit.changelog.logs import demand_read
from opskit.changelog.receipts import TAMPERED, Chain
from opskit.changelog.refusing import add_alarms, is_evidence, keep_fork, keep_other, misplaced
from opskit.changelog.signers import in_words
from opskit.changelog.sql import statement
from opskit.errors import UpstreamLiesError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence

    from opskit.changelog.history import Split
    from opskit.changelog.packet import Arrival, Packet

TAKEN_AT_ONCE = 500
NO_TIME = "came with a time of receipt that cannot be, and that is not believed"


@dataclass(slots=True)
class Received:
    """What a page brought: hashes of new events, places whose event differs from ours and came without its packet.

    `doubts` are events that are no true part of a chain, that are there twice, or whose body is not the signed one. `split` has,
    by writer, the newest event that saw another history; None if a later one sees the same as is here.
    """

    new: list[bytes] = field(default_factory=list)
    missing: list[Arrival] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    split: dict[bytes, Split | None] = field(default_factory=dict)


@dataclass(slots=True)
class Taken:
    """What came of taking in packets that no log vouches for."""

    new: int = 0
    known: int = 0
    refused: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def in_any_order(
    packets: Iterable[Packet], take: Callable[[Sequence[Packet], Taken], list[Packet]]
) -> Taken:
    """Have packets taken in, a number of them at once; `take` gives those that must wait for an event before them."""
    taken = Taken()
    waiting: list[Packet] = []
    for packet in packets:
        waiting.append(packet)
        if len(waiting) >= TAKEN_AT_ONCE:
            waiting = take(waiting, taken)
    while waiting:
        left = take(waiting, taken)
        if len(left) == len(waiting):
            taken.refused += [
                f"event {each.seq} of writer {each.writer.hex()[:12]}: what it follows is not here"
                for each in left
            ]
            break
        waiting = left
    return taken


class Taker:
    """Takes in one page of a log. Signatures are checked before the database is locked for it."""

    def __init__(
        self,
        log: str,
        page: Sequence[Arrival],
        *,
        gapless: bool,
        faults: Sequence[str] | None = None,
        after: int | None = None,
    ) -> None:
        self._log = log
        self._after = after
        self._page = page
        self._gapless = gapless
        self._faults = faults_of(page) if faults is None else faults
        self._received = Received()
        self._writers: dict[bytes, Writer | None] = {}
        self._roles: dict[int, str] = {}
        self._evidence = False
        self._history = History(log)

    def take(self, db: sqlite3.Connection) -> Received:
        """Take in the page within the caller's transaction; raises UpstreamLiesError."""
        self._check_receipts(db)
        if not self._page:
            return self._received
        self._evidence = bool(db.execute(statement("has_evidence")).fetchone()[0])
        for arrival, wrong in zip(self._page, self._faults, strict=True):
            self._arrive(db, arrival, wrong)
        for wid, role in self._roles.items():
            db.execute(statement("share"), {"log": self._log, "wid": wid})
            db.execute(statement("set_role"), {"role": role, "wid": wid})
        last = self._page[-1].receipt
        db.execute(statement("move_log"), (last.pos, last.hash, last.chain, self._log))
        values = (self._log, last.pos, last.hash, last.chain, now_ms())
        db.execute(statement("add_receipt"), values)
        add_alarms(db, self._received.doubts)
        return self._received

    def _check_receipts(self, db: sqlite3.Connection) -> None:
        """Follow the chain of receipts from the last one that we hold.

        Places that another process has taken in since this page was asked for are left out: they were checked there. Raises
        OvertakenError if it has begun to read the log anew since.
        """
        row = db.execute(statement("log"), (self._log,)).fetchone()
        _, _, pos, _, chain, _, received_ms = row
        demand_read(pos, self._after or 0)
        if self._after is not None and (pos or 0) > self._after:
            known = sum(arrival.receipt.pos <= pos for arrival in self._page)
            self._page, self._faults = self._page[known:], self._faults[known:]
        self._check_times(db, received_ms)
        follower = Chain(self._log, gapless=self._gapless, pos=pos or 0, chain=chain or b"")
        self._history.note(follower)
        for arrival in self._page:
            follower.follow(arrival)
            self._history.note(follower)

    def _check_times(self, db: sqlite3.Connection, before_ms: int) -> None:
        """Take for unknown what cannot be the time of a place: it stands among others, and what was signed tells another."""
        page = self._page
        received = [before_ms, *(arrival.receipt.received_ms for arrival in page)]
        found = timing.look(received, lambda number: _written(db, page, number - 1)).impossible
        if not found:
            return
        self._page = [
            replace(each, receipt=replace(each.receipt, received_ms=0)) if n in found else each
            for n, each in enumerate(page, 1)
        ]
        for n in sorted(found - {0}):
            said = f"it says {in_words(received[n] // 1000)}, after {in_words(received[n - 1] // 1000)}"
            self._doubt(
                "altered", page[n - 1], NO_TIME, f"at place {page[n - 1].receipt.pos} {said}"
            )

    def _arrive(self, db: sqlite3.Connection, arrival: Arrival, wrong: str) -> None:
        receipt = arrival.receipt
        writer = self._writer(db, arrival.writer)
        held = _event_at(db, writer, arrival.seq)
        if held is not None and held[1] == receipt.hash:
            heal(db, held[0], arrival.packet)
            if db.execute(statement("has_place"), (receipt.hash, self._log)).fetchone():
                self._replayed(db, arrival)
                return
            if arrival.packet is not None and (what := altered(arrival.packet)):
                self._doubt("altered", arrival, what)
            self._place(db, held[0], arrival)
            placing.place(db, held[0])
            return
        self._arrive_elsewhere(db, arrival, writer, held, wrong)

    def _replayed(self, db: sqlite3.Connection, arrival: Arrival) -> None:
        """Refuse an event that came before; into a file, whoever may write it may copy lines, and that changes nothing."""
        if self._gapless:
            name = f"event {arrival.seq} of writer {arrival.writer.hex()[:12]}"
            raise UpstreamLiesError("replayed", f"the upstream gave {name} a second time")
        self._place_elsewhere(db, arrival)

    def _arrive_elsewhere(
        self,
        db: sqlite3.Connection,
        arrival: Arrival,
        writer: Writer | None,
        held: tuple[int, bytes] | None,
        wrong: str,
    ) -> None:
        """Take in what is not here yet: at the end of its chain, or as evidence."""
        receipt, packet = arrival.receipt, arrival.packet
        if packet is None:
            self._lacks(db, arrival, held)
            self._place_elsewhere(db, arrival)
            return
        if held is not None:
            self._received.doubts += keep_other(db, arrival, wrong)
            self._place_elsewhere(db, arrival)
            return
        wrong = wrong or misplaced(arrival, packet)
        n = None if wrong else self._append(db, packet, writer, arrival)
        if n is not None:
            self._received.new.append(receipt.hash)
            self._place(db, n, arrival)
            self._history.look(db, arrival, self._received.split)
            return
        self._place_elsewhere(db, arrival)
        wrong = wrong or "it does not follow the events before it"
        if not (self._evidence and is_evidence(db, packet.hash)):
            self._doubt("altered", arrival, f"was not taken in: {wrong}")
        refuse(db, packet, wrong)

    def _lacks(
        self, db: sqlite3.Connection, arrival: Arrival, held: tuple[int, bytes] | None
    ) -> None:
        """Take note of an event that came without its packet: we have another one there, or should have it."""
        if db.execute(statement("is_fork"), (arrival.receipt.hash,)).fetchone():
            return
        if held is None:
            what = f"event {arrival.seq} of writer {arrival.writer.hex()[:12]}"
            raise UpstreamLiesError("dropped", f"the upstream does not give {what}", hint=TAMPERED)
        self._received.missing.append(arrival)

    def _append(
        self, db: sqlite3.Connection, packet: Packet, writer: Writer | None, arrival: Arrival
    ) -> int | None:
        receipt = arrival.receipt
        added = append(db, packet, writer, receipt.received_ms, receipt.role)
        self._writers[arrival.writer] = added.writer
        if added.damage == "altered":
            self._doubt("altered", arrival, "came without the body that was signed")
        return added.n

    def _writer(self, db: sqlite3.Connection, writer: bytes) -> Writer | None:
        """Give a writer as it stands amid this page."""
        if writer not in self._writers:
            self._writers[writer] = writer_of(db, writer)
        return self._writers[writer]

    def _place(self, db: sqlite3.Connection, n: int, arrival: Arrival) -> None:
        receipt, writer = arrival.receipt, self._writer(db, arrival.writer)
        db.execute(statement("add_place"), (n, self._log, receipt.pos, receipt.received_ms))
        if writer is not None:
            self._roles[writer.wid] = receipt.role

    def _place_elsewhere(self, db: sqlite3.Connection, arrival: Arrival) -> None:
        values = (self._log, arrival.receipt.pos, arrival.receipt.hash)
        db.execute(statement("add_other_place"), values)

    def _doubt(self, trick: str, arrival: Arrival, what: str, detail: str = "") -> None:
        self._received.doubts.append(Doubt(trick, arrival.writer, arrival.seq, what, detail))

    @staticmethod
    def take_loose(
        db: sqlite3.Connection, packets: Sequence[Packet]
    ) -> tuple[int, int, list[str], list[Packet]]:
        """Take in packets that no log vouches for; gives known, new, words about the refused, and those that come too early."""
        known, new = 0, 0
        refused: list[str] = []
        early: list[Packet] = []
        for packet in sorted(packets, key=lambda each: (each.writer, each.seq)):
            writer = writer_of(db, packet.writer)
            held = _event_at(db, writer, packet.seq)
            head = writer.head_seq if writer else 0
            if held is not None and held[1] == packet.hash:
                known += 1
                heal(db, held[0], packet)
            elif wrong := fault(packet):
                refused.append(f"{named(packet)}: {wrong}")
                refuse(db, packet, wrong)
            elif held is not None:
                keep_fork(db, packet)
                refused.append(f"{named(packet)}: another event has its place here; both are kept")
            elif packet.seq > head + 1:
                early.append(packet)
            elif append(db, packet, writer, 0, "").n is None:
                wrong = "it does not follow the events before it"
                refused.append(f"{named(packet)}: {wrong}")
                refuse(db, packet, wrong)
            else:
                new += 1
        return known, new, refused, early


def _event_at(db: sqlite3.Connection, writer: Writer | None, seq: int) -> tuple[int, bytes] | None:
    if writer is None or seq > writer.head_seq:
        return None
    row = db.execute(statement("event_at"), (writer.wid, seq)).fetchone()
    return (row[0], row[1]) if row else None


def _written(db: sqlite3.Connection, page: Sequence[Arrival], number: int) -> int:
    """Give when an event of a page was written, in milliseconds, as its writer signed; 0 if nobody knows (also before the page)."""
    if number < 0:
        return 0
    packet = page[number].packet
    row = (packet.header,) if packet else None
    if row is None:
        row = db.execute(statement("header_of"), (page[number].receipt.hash,)).fetchone()
    try:
        return Header.decode(row[0]).at_ms if row else 0
    except ValueError:
        return 0
