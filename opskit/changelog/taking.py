"""Taking in events of others: every receipt and every packet is checked before it becomes a part of this database."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opskit.changelog import index
from opskit.changelog.adding import Writer, append, named, now_ms, refuse, writer_of
from opskit.changelog.checking import fault, faults_of
from opskit.changelog.sql import statement
from opskit.errors import UpstreamLiesError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from opskit.changelog.packet import Arrival, Packet


@dataclass(slots=True)
class Received:
    """What a page brought: hashes of new events, places whose event differs from ours and came without its packet.

    `refused`, `forks` and `swapped` are words about what is no true part of a chain, what is there twice, and bodies that are not the signed ones.
    """

    new: list[bytes] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    forks: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    swapped: list[str] = field(default_factory=list)


class Taker:
    """Takes in one page of a log. Signatures are checked before the database is locked for it."""

    def __init__(
        self,
        log: str,
        page: Sequence[Arrival],
        *,
        gapless: bool,
        faults: Sequence[str] | None = None,
    ) -> None:
        self._log = log
        self._page = page
        self._gapless = gapless
        self._faults = faults_of(page) if faults is None else faults
        self._received = Received()
        self._writers: dict[bytes, Writer | None] = {}
        self._shared: dict[int, tuple[int, str]] = {}
        self._evidence = False

    def take(self, db: sqlite3.Connection) -> Received:
        """Take in the page within the caller's transaction; raises UpstreamLiesError."""
        if not self._page:
            return self._received
        self._check_receipts(db)
        self._evidence = bool(db.execute(statement("has_evidence")).fetchone()[0])
        for arrival, wrong in zip(self._page, self._faults, strict=True):
            self._arrive(db, arrival, wrong)
        for wid, (seq, role) in self._shared.items():
            db.execute(statement("add_shared"), (self._log, wid, seq))
            db.execute(statement("add_role"), (role, wid))
        last = self._page[-1].receipt
        db.execute(statement("move_log"), (last.pos, last.hash, last.chain, self._log))
        values = (self._log, last.pos, last.hash, last.chain, now_ms())
        db.execute(statement("add_receipt"), values)
        return self._received

    def _check_receipts(self, db: sqlite3.Connection) -> None:
        """Follow the chain of receipts from the last one that we hold."""
        _, _, pos, _, chain, *_ = db.execute(statement("log"), (self._log,)).fetchone()
        if pos is None:
            pos, chain = 0, hashlib.sha256(b"opskit.log.v1" + self._log.encode()).digest()
        for arrival in self._page:
            receipt = arrival.receipt
            where = (
                f"place {receipt.pos}, event {arrival.seq} of writer {arrival.writer.hex()[:12]}"
            )
            if receipt.pos <= pos:
                raise UpstreamLiesError(
                    "reordered", f"the upstream gave {where} after place {pos}"
                )
            if self._gapless and receipt.pos != pos + 1:
                raise UpstreamLiesError("dropped", f"the upstream left out place {pos + 1}")
            if arrival.packet is not None and arrival.packet.hash != receipt.hash:
                raise UpstreamLiesError("altered", f"the upstream altered {where}")
            chain = hashlib.sha256(chain + receipt.hash).digest()
            if chain != receipt.chain:
                what = (
                    f"what the upstream says of {where} does not follow from what it said before"
                )
                raise UpstreamLiesError("altered", what)
            pos = receipt.pos

    def _arrive(self, db: sqlite3.Connection, arrival: Arrival, wrong: str) -> None:
        receipt = arrival.receipt
        writer = self._writer(db, arrival.writer)
        held = _event_at(db, writer, arrival.seq)
        if held is not None and held[1] == receipt.hash:
            if db.execute(statement("has_place"), (receipt.hash, self._log)).fetchone():
                self._replayed(db, arrival)
                return
            self._place(db, held[0], arrival)
            index.place(db, held[0])
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
        told = self._evidence and bool(
            db.execute(statement("is_evidence"), {"hash": receipt.hash}).fetchone()
        )
        if packet is None:
            self._lacks(arrival, held, told=told)
            self._place_elsewhere(db, arrival)
            return
        if (packet.writer, packet.seq) != (arrival.writer, arrival.seq):
            wrong = wrong or "it stands at another's place"
        if held is not None and not wrong:
            self.keep_fork(db, packet)
            self._place_elsewhere(db, arrival)
            self._received.forks += [] if told else [named(packet)]
            return
        n = None if wrong else self._append(db, packet, writer, arrival)
        if n is not None:
            self._received.new.append(receipt.hash)
            self._place(db, n, arrival)
            return
        self._place_elsewhere(db, arrival)
        if not told:
            self._refuse(db, packet, wrong or "it does not follow the events before it")

    def _lacks(self, arrival: Arrival, held: tuple[int, bytes] | None, *, told: bool) -> None:
        """Take note of an event that came without its packet: we have another one there, or should have it."""
        if told:
            return
        if held is None:
            what = f"event {arrival.seq} of writer {arrival.writer.hex()[:12]}"
            raise UpstreamLiesError("dropped", f"the upstream does not give {what}")
        self._received.missing.append(arrival.receipt.pos)

    def _append(
        self, db: sqlite3.Connection, packet: Packet, writer: Writer | None, arrival: Arrival
    ) -> int | None:
        receipt = arrival.receipt
        added = append(db, packet, writer, receipt.received_ms, receipt.role)
        self._writers[arrival.writer] = added.writer
        if added.damage == "altered":
            self._received.swapped.append(named(packet))
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
            seq, _ = self._shared.get(writer.wid, (0, ""))
            self._shared[writer.wid] = max(seq, arrival.seq), receipt.role

    def _place_elsewhere(self, db: sqlite3.Connection, arrival: Arrival) -> None:
        values = (self._log, arrival.receipt.pos, arrival.receipt.hash)
        db.execute(statement("add_other_place"), values)

    def _refuse(self, db: sqlite3.Connection, packet: Packet, why: str) -> None:
        refuse(db, packet, why)
        self._received.refused.append(f"{named(packet)}: {why}")

    @staticmethod
    def keep_fork(db: sqlite3.Connection, packet: Packet) -> None:
        """Keep the other event of a place that is taken, and remember that its writer has two chains."""
        values = (packet.hash, packet.writer, packet.seq, packet.to_json(), now_ms())
        db.execute(statement("add_fork"), values)
        db.execute(statement("mark_forked"), (packet.writer,))

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
            elif wrong := fault(packet):
                refused.append(f"{named(packet)}: {wrong}")
                refuse(db, packet, wrong)
            elif held is not None:
                Taker.keep_fork(db, packet)
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
