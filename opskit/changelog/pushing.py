"""Pushing to an upstream, writer by writer: one that it does not take is put aside, and keeps no other one waiting."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from opskit.changelog.packet import MOST_EVENTS
from opskit.changelog.receipts import TAMPERED
from opskit.errors import ChangelogError, UpstreamError, UpstreamLiesError, UpstreamRefusesError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opskit.changelog.exchange import Exchange
    from opskit.changelog.packet import Packet, Pushed
    from opskit.changelog.upstream import Upstream

MEND = "save what can be saved: opskit changelog rebuild --from upstream (or itself, or an export)"
PROOFS = 2  # that a writer is ours, before that is given up
ROUNDS = 20  # pushes of a writer that are not taken in one sync, before it is given up
UNSIGNED = "find out where: opskit changelog verify; then see runbooks/changelog-disaster.md, 'The upstream holds another event than ours'"


class Pusher:
    """Pushes what an upstream's log has not; `everybody` also what others wrote, `pull` takes in what is new there.

    `taken` are the first and the last event of each writer of which the upstream said that it has them. `aside` says of a writer
    why it cannot be pushed now: what the upstream says of it cannot be true (which is kept as an alarm), or it asks for a proof that
    we have not. What makes the upstream itself incredible, or keeps it from answering, is raised: UpstreamLiesError, UpstreamError.
    """

    def __init__(
        self,
        exchange: Exchange,
        upstream: Upstream,
        log: str,
        *,
        everybody: bool,
        pull: Callable[[], None],
    ) -> None:
        self.taken: dict[bytes, tuple[int, int]] = {}
        self.aside: dict[bytes, ChangelogError] = {}
        self.pushed = 0
        self._exchange = exchange
        self._upstream = upstream
        self._log = log
        self._everybody = everybody
        self._pull = pull
        self._proofs = Counter[bytes]()
        self._stalled = Counter[bytes]()
        self._relayed: set[bytes] = set()

    def push(self) -> None:
        """Push until there is nothing left but what is put aside."""
        while True:
            said = {writer: last for writer, (_, last) in self.taken.items()}
            packets, ours = self._exchange.unsent(
                self._log, everybody=self._everybody, said=said, aside=self.aside
            )
            if not packets:
                return
            if wrong := self._push(packets, ours=ours):
                self.aside[packets[0].writer] = wrong
                if isinstance(wrong, UpstreamLiesError):
                    self._exchange.alarm(wrong)

    def _push(self, packets: Sequence[Packet], *, ours: bool) -> ChangelogError | None:
        """Push some events of one writer, and do what the answer asks for; gives why they cannot be pushed."""
        first, last = packets[0], packets[-1]
        try:
            relay = not ours or first.writer in self._relayed
            answer = self._upstream.push(packets, relay=relay)
        except UpstreamRefusesError as error:
            return error
        if answer.status == "ok":
            begin = min(first.seq, self.taken.get(first.writer, (first.seq, 0))[0])
            self.taken[first.writer] = (begin, last.seq)
            self.pushed += len(packets)
            self._proofs[first.writer] = self._stalled[first.writer] = 0
            return None
        if answer.status == "unproven":
            return self._prove(first, answer)
        self._stalled[first.writer] += 1
        if self._stalled[first.writer] > ROUNDS:
            return UpstreamError(f"{self._upstream.name} takes nothing: {answer.status}")
        if answer.status == "gap":
            return self._step_back(first, answer)
        return self._demand_proof(packets, answer)

    def _prove(self, first: Packet, answer: Pushed) -> ChangelogError | None:
        """Show the upstream that a writer is ours, by its key: once, and once more if somebody else's proof came between."""
        name = self._upstream.name
        if not 0 <= answer.head_seq < MOST_EVENTS:
            what = f"{name} says that there were {answer.head_seq} proofs of {_writer(first)}"
            return UpstreamError(what)
        self._proofs[first.writer] += 1
        if self._proofs[first.writer] > PROOFS:
            return UpstreamError(
                f"{name} does not give {_writer(first)} to this machine, which proved twice to have its key",
                hint="does another machine use a copy of it just now? Try again: opskit changelog sync",
            )
        return self._show(first, answer.head_seq + 1)

    def _show(self, first: Packet, number: int) -> ChangelogError | None:
        """Show one proof; a writer whose key is not here is pushed as another's by whoever may do so and wants it."""
        try:
            key = self._exchange.key(first.writer)
        except ChangelogError as error:
            return error
        if key is not None:
            try:
                self._upstream.claim(key, log=self._log, number=number)
            except UpstreamRefusesError as error:
                return error
            return None
        if self._everybody and first.writer not in self._relayed:
            self._relayed.add(first.writer)
            return None
        return UpstreamError(
            f"{self._upstream.name} wants a proof that {_writer(first)} is this machine's, and its key is not here",
            hint="put its key back, or push its events as somebody in opskit_relay: opskit changelog sync --relay",
        )

    def _step_back(self, first: Packet, answer: Pushed) -> ChangelogError | None:
        """Go on with what comes before `first`: the upstream says that it lacks that."""
        if not 0 <= answer.head_seq < first.seq - 1:
            what = (
                f"{self._upstream.name} says that it has {answer.head_seq} events of {_writer(first)}, and does not take "
                f"event {first.seq}"
            )
            return UpstreamLiesError("dropped", what, hint=TAMPERED)
        self._exchange.set_back(self._log, first.writer, answer.head_seq)
        return None

    def _demand_proof(self, packets: Sequence[Packet], answer: Pushed) -> ChangelogError | None:
        """Look for the other event that the upstream says to hold: only one that the same key signed is a fork."""
        first = packets[0]
        if answer.status == "fork" and 0 <= answer.head_seq < packets[-1].seq:
            self._pull()
            if self._exchange.is_forked(first.writer):
                return None
        what = (
            f"{self._upstream.name} says that it holds another event than ours after event {answer.head_seq} of {_writer(first)}, "
            "and shows none that its key signed; what comes then is not pushed"
        )
        return UpstreamLiesError("forked", what, hint=UNSIGNED)


def demand_receipts(
    exchange: Exchange,
    upstream: Upstream,
    log: str,
    pushed: dict[bytes, tuple[int, int]],
    *,
    upto: int,
) -> None:
    """Make sure that all that an upstream said to have taken has come back with a receipt, as it was read up to a place; raises UpstreamLiesError.

    Raises ChangelogError if it is the file here that has lost it.
    """
    for writer, (first, last) in pushed.items():
        lost = exchange.unplaced(log, writer, first, last, upto=upto)
        if lost is not None:
            if hurt := exchange.damage():
                raise ChangelogError(f"the changelog here is damaged: {hurt}", hint=MEND)
            exchange.set_back(log, writer, lost - 1)
            what = f"{upstream.name} said that it took event {lost} of writer {writer.hex()[:12]}, and does not give it"
            raise UpstreamLiesError("dropped", what, hint=TAMPERED)


def _writer(packet: Packet) -> str:
    return f"writer {packet.writer.hex()[:12]}"
