"""One exchange with an upstream: look whether it is still the one we know, pull, check, push; it is believed nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from opskit.changelog.checking import ahead
from opskit.changelog.clock import is_believable
from opskit.changelog.doubts import told
from opskit.changelog.packet import MOST_EVENTS
from opskit.changelog.receipts import TAMPERED
from opskit.errors import ChangelogError, UpstreamError, UpstreamLiesError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opskit.changelog.doubts import Doubt
    from opskit.changelog.exchange import Exchange
    from opskit.changelog.history import Split
    from opskit.changelog.packet import Arrival, Greeting, Packet, Pushed
    from opskit.changelog.upstream import Upstream

MEND = "save what can be saved: opskit changelog rebuild --from upstream (or itself, or an export)"
EVENT_IN_FILE = 1000  # bytes, about
YEAR_MS = 365.25 * 86_400_000
PROOFS = 2  # that a writer is ours, before that is given up
ROUNDS = 20  # pushes that are not taken in one sync, before it is given up


@dataclass(slots=True)
class Synced:
    """What a sync did: events that came and went, in words what was wrong, seconds it took, the clock's offset."""

    pulled: int = 0
    pushed: int = 0
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0
    log: str = ""
    newest: int = 0
    """The newest place of the upstream, when it was asked first."""
    left: int = 0
    """Events of others that are here and, in the end, not upstream."""
    new_writer: bool = False
    """Whether this machine goes on as a new writer: another copy of its changelog signed with its key."""


def sync(
    exchange: Exchange,
    upstream: Upstream,
    *,
    everybody: bool = False,
    accept: bool = False,
    again: bool = False,
    pulled: Callable[[], None] | None = None,
) -> Synced:
    """Exchange all that one side has and the other lacks; safe to repeat, at any time, whatever became of the last one.

    `everybody` also pushes others' events, `accept` takes another log than the one known for ours from now on; `again` pulls
    all of it anew, so that what was refused gets another chance and what is here is compared. `pulled` is
    called when all of the upstream is here and before anything is pushed. Raises UpstreamError, and UpstreamLiesError,
    which is kept as an alarm, when it says what cannot be true; nothing is pushed to such a one.
    """
    began = time.monotonic()
    done = Synced()
    try:
        done.log = _meet(exchange, upstream, done, accept=accept)
        if again:
            exchange.forget(done.log)
            upstream.greet(None)
        _pull(exchange, upstream, done, again=again)
        done.warnings += exchange.settle()
        if pulled is not None:
            pulled()
        exchange.tell_set_back(done.log)
        _give(exchange, upstream, done, everybody=everybody)
        _redact(exchange, upstream, done)
        if exchange.tell_set_back(done.log):  # into a log that was empty before
            _give(exchange, upstream, done, everybody=everybody)
    except UpstreamLiesError as error:
        exchange.alarm(error)
        raise
    exchange.done(done.log, time.time_ns() // 1_000_000)
    done.left = exchange.waiting_of_others(done.log)
    done.seconds = time.monotonic() - began
    return done


def _give(exchange: Exchange, upstream: Upstream, done: Synced, *, everybody: bool) -> None:
    """Push what the upstream lacks, and see that it has it."""
    if pushed := _push(exchange, upstream, done, everybody=everybody):
        _pull(exchange, upstream, done)
        _demand_receipts(exchange, upstream, done, pushed)


def _meet(exchange: Exchange, upstream: Upstream, done: Synced, *, accept: bool) -> str:
    """Say hello, and find out whether this is the log that we know, and whether it still says what it said."""
    known = exchange.current()
    sent = time.monotonic()
    greeting = upstream.greet(known.last if known else None)
    done.newest = greeting.pos
    _measure(exchange, upstream, done, greeting, time.monotonic() - sent)
    if known is not None and known.log != greeting.log and not accept:
        raise UpstreamLiesError(
            "other log",
            f"{upstream.name} is another log ({greeting.log[:8]}) than the one known here ({known.log[:8]})",
            hint="if it was replaced on purpose: opskit changelog sync --accept-new-log",
        )
    if known is None or (known.log, known.url) != (greeting.log, upstream.name):
        exchange.pin(greeting.log, upstream.name)
        if known is not None and known.log != greeting.log:
            greeting = upstream.greet(exchange.last(greeting.log))
    if greeting.trouble:  # it is read anew; what it lacks is pushed to it again
        exchange.forget(greeting.log, greeting.trouble)
        upstream.greet(None)
    return greeting.log


def _measure(
    exchange: Exchange, upstream: Upstream, done: Synced, greeting: Greeting, seconds: float
) -> None:
    """Compare clocks: the upstream's was read somewhere between asking and hearing the answer."""
    if not greeting.now_ms:
        return
    here = time.time_ns() // 1_000_000 - round(seconds * 500)
    if not is_believable(here, greeting.now_ms):
        years = (greeting.now_ms - here) / YEAR_MS
        what = f"the clock of {upstream.name} says that this machine's is {abs(years):,.0f} years {'slow' if years > 0 else 'fast'}"
        done.warnings.append(f"{what}: it is not believed")
        return
    coarse = 1000 if greeting.now_ms % 1000 == 0 else 0
    exchange.measured(greeting.now_ms + coarse // 2 - here, round(seconds * 500) + coarse // 2)


def _pull(exchange: Exchange, upstream: Upstream, done: Synced, *, again: bool = False) -> None:
    """Take in what is new; `again` has events that are here come whole, too, so that they are compared."""
    last = exchange.last(done.log)
    doubts: list[Doubt] = []
    split: dict[bytes, Split | None] = {}
    after = last.pos if last else 0
    pages = upstream.pull(after=after, vector={} if again else exchange.vector())
    expected = done.newest - after if upstream.gapless else (done.newest - after) // EVENT_IN_FILE
    for page, faults in ahead(pages, expected):
        got = exchange.receive(
            done.log, page, gapless=upstream.gapless, faults=faults, after=after
        )
        after = page[-1].receipt.pos if page else after
        done.pulled += len(got.new)
        doubts += got.doubts
        split |= got.split
        if got.missing:
            doubts += exchange.receive_others(_fetched(upstream, got.missing))
    exchange.mend_index()
    done.warnings += exchange.split(done.log, [each for each in split.values() if each])
    done.warnings += [words for _, words in told(doubts)]
    done.warnings[:0] = exchange.settle_eras(done.log, gapless=upstream.gapless)
    if (fork := exchange.our_fork()) is not None:
        _go_on_anew(exchange, upstream, done, fork)


def _fetched(upstream: Upstream, arrivals: Sequence[Arrival]) -> list[Arrival]:
    return [replace(each, packet=upstream.fetch(each.receipt.pos)) for each in arrivals]


def _go_on_anew(exchange: Exchange, upstream: Upstream, done: Synced, after: int) -> None:
    """Go on as a new writer: our key has signed another event after `after`. Nobody can sign so a second time at once."""
    what = f"another copy of this changelog wrote to {upstream.name} after event {after}"
    if done.new_writer:
        raise UpstreamLiesError("forked", f"{what}, for the second time in one sync")
    done.warnings.append(f"{what}; this machine goes on as a new writer")
    exchange.fork_me(after)
    done.new_writer = True


def _push(
    exchange: Exchange, upstream: Upstream, done: Synced, *, everybody: bool
) -> dict[bytes, tuple[int, int]]:
    """Push what the upstream has not; gives the first and the last event of each writer of which it said that it has them."""
    stalled = proofs = 0
    taken: dict[bytes, tuple[int, int]] = {}
    while True:
        said = {writer: last for writer, (_, last) in taken.items()}
        packets, role = exchange.unsent(done.log, everybody=everybody, said=said)
        if not packets:
            return taken
        first, last = packets[0], packets[-1]
        answer = upstream.push(packets, role=role)
        if answer.status == "ok":
            begin = min(first.seq, taken.get(first.writer, (first.seq, 0))[0])
            taken[first.writer] = (begin, last.seq)
            done.pushed += len(packets)
            stalled = proofs = 0
            continue
        if answer.status == "unproven":
            proofs += 1
            _prove(exchange, upstream, done, first, answer, proofs=proofs)
            continue
        stalled += 1
        if stalled > ROUNDS:
            raise UpstreamError(f"{upstream.name} takes nothing: {answer.status}")
        if answer.status == "gap":
            _step_back(exchange, upstream, done, first, answer)
        else:
            _demand_proof(exchange, upstream, done, packets, answer)


def _prove(
    exchange: Exchange,
    upstream: Upstream,
    done: Synced,
    first: Packet,
    answer: Pushed,
    *,
    proofs: int,
) -> None:
    """Show an upstream that a writer is ours, by its key: once, and once more if somebody else's proof came between."""
    if not 0 <= answer.head_seq < MOST_EVENTS:
        raise UpstreamError(
            f"{upstream.name} says that there were {answer.head_seq} proofs of {_writer(first)}"
        )
    if proofs > PROOFS:
        raise UpstreamError(
            f"{upstream.name} does not give {_writer(first)} to this machine, which proved twice to have its key",
            hint="does another machine use a copy of it just now? Try again: opskit changelog sync",
        )
    key = exchange.key(first.writer)
    if key is None:
        raise UpstreamError(
            f"{upstream.name} wants a proof that {_writer(first)} is this machine's, and its key is not here",
            hint="put its key back, or let somebody in opskit_relay push its events: opskit changelog sync --relay",
        )
    upstream.claim(key, log=done.log, number=answer.head_seq + 1)


def _step_back(
    exchange: Exchange, upstream: Upstream, done: Synced, first: Packet, answer: Pushed
) -> None:
    """Push what comes before `first`: the upstream says that it lacks that."""
    if not 0 <= answer.head_seq < first.seq - 1:
        what = (
            f"{upstream.name} says that it has {answer.head_seq} events of {_writer(first)}, and does not take "
            f"event {first.seq}"
        )
        raise UpstreamLiesError("dropped", what, hint=TAMPERED)
    exchange.set_back(done.log, first.writer, answer.head_seq)


def _demand_proof(
    exchange: Exchange,
    upstream: Upstream,
    done: Synced,
    packets: Sequence[Packet],
    answer: Pushed,
) -> None:
    """Look for the other event that an upstream says to hold: only one that the same key signed is a fork."""
    first = packets[0]
    if answer.status == "fork" and 0 <= answer.head_seq < packets[-1].seq:
        _pull(exchange, upstream, done)
        if exchange.is_forked(first.writer):
            return
    what = (
        f"{upstream.name} says that it holds another event than ours after event {answer.head_seq} of {_writer(first)}, "
        "and shows none that its key signed; nothing was pushed"
    )
    raise UpstreamLiesError("forked", what, hint=TAMPERED)


def _demand_receipts(
    exchange: Exchange, upstream: Upstream, done: Synced, pushed: dict[bytes, tuple[int, int]]
) -> None:
    """Make sure that all that the upstream said to have taken has come back with a receipt."""
    for writer, (first, last) in pushed.items():
        lost = exchange.unplaced(done.log, writer, first, last)
        if lost is not None:
            if hurt := exchange.damage():
                raise ChangelogError(f"the changelog here is damaged: {hurt}", hint=MEND)
            exchange.set_back(done.log, writer, lost - 1)
            what = f"{upstream.name} said that it took event {lost} of writer {writer.hex()[:12]}, and does not give it"
            raise UpstreamLiesError("dropped", what, hint=TAMPERED)


def _writer(packet: Packet) -> str:
    return f"writer {packet.writer.hex()[:12]}"


def _redact(exchange: Exchange, upstream: Upstream, done: Synced) -> None:
    """Have the upstream take away what was redacted here, as long as it has not said that it has."""
    for event in exchange.unredacted(done.log):
        if kept := upstream.redact(event):
            done.warnings.append(kept)
            continue
        exchange.was_redacted(done.log, event)
