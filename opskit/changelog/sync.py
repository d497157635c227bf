"""One exchange with an upstream: look whether it is still the one we know, pull, check, push; it is believed nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opskit.changelog.checking import ahead
from opskit.changelog.clock import is_believable
from opskit.errors import UpstreamError, UpstreamLiesError

if TYPE_CHECKING:
    from collections.abc import Callable

    from opskit.changelog.exchange import Exchange
    from opskit.changelog.packet import Greeting
    from opskit.changelog.upstream import Upstream

EVENT_IN_FILE = 1000  # bytes, about
YEAR_MS = 365.25 * 86_400_000
ROUNDS = 20  # pushes and forks in one sync, before it is given up


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
    all of it anew, so that what was refused gets another chance. `pulled` is
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
        _pull(exchange, upstream, done)
        done.warnings += exchange.settle()
        if pulled is not None:
            pulled()
        _push(exchange, upstream, done, everybody=everybody)
        _redact(exchange, upstream, done)
        if done.pushed:
            _pull(exchange, upstream, done)
    except UpstreamLiesError as error:
        exchange.alarm(error)
        raise
    exchange.done(done.log, time.time_ns() // 1_000_000)
    done.seconds = time.monotonic() - began
    return done


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
            upstream.greet(exchange.last(greeting.log))
    elif greeting.trouble:
        _set_back(exchange, upstream, done, greeting)
    return greeting.log


def _set_back(exchange: Exchange, upstream: Upstream, done: Synced, greeting: Greeting) -> None:
    """Read a log anew that is not what it was; what it lacks is pushed to it again."""
    words = {
        "rewound": "was set back to an earlier state; what it lacks is pushed again",
        "rewritten": "says something else than before; what is here stays, and both are kept",
    }
    what = f"{upstream.name} {words.get(greeting.trouble, greeting.trouble)}"
    exchange.alarm(UpstreamLiesError(greeting.trouble, what))
    done.warnings.append(what)
    exchange.forget(greeting.log)
    upstream.greet(None)


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


def _pull(exchange: Exchange, upstream: Upstream, done: Synced) -> None:
    last = exchange.last(done.log)
    missing: list[int] = []
    after = last.pos if last else 0
    pages = upstream.pull(after=after, vector=exchange.vector())
    expected = done.newest - after if upstream.gapless else (done.newest - after) // EVENT_IN_FILE
    for page, faults in ahead(pages, expected):
        got = exchange.receive(done.log, page, gapless=upstream.gapless, faults=faults)
        done.pulled += len(got.new)
        missing += got.missing
        _tell(exchange, done, got.refused, "refused", "altered")
        _tell(exchange, done, got.swapped, "came without the body that was signed", "altered")
        _tell(exchange, done, got.forks, "is there twice, both are kept", "forked")
    for pos in missing:
        packet = upstream.fetch(pos)
        exchange.keep_fork(packet)
        name = f"event {packet.seq} of writer {packet.writer.hex()[:12]}"
        _tell(exchange, done, [name], "is there twice, both are kept", "forked")
    if (fork := exchange.our_fork()) is not None:
        exchange.fork_me(fork)


def _tell(exchange: Exchange, done: Synced, names: list[str], what: str, trick: str) -> None:
    for name in names:
        words = f"{name} {what}" if what != "refused" else f"not taken in: {name}"
        done.warnings.append(words)
        exchange.alarm(UpstreamLiesError(trick, words))


def _push(exchange: Exchange, upstream: Upstream, done: Synced, *, everybody: bool) -> None:
    stalled = 0
    while True:
        packets, role = exchange.unsent(done.log, everybody=everybody)
        if not packets:
            return
        answer = upstream.push(packets, role=role)
        if answer.status == "ok":
            exchange.shared(done.log, packets)
            done.pushed += len(packets)
            stalled = 0
            continue
        stalled += 1
        if stalled > ROUNDS:
            raise UpstreamError(f"{upstream.name} takes nothing: {answer.status}")
        if answer.status == "gap":
            exchange.set_back(done.log, packets[0].writer, answer.head_seq)
        else:
            what = (
                f"{upstream.name} holds another event after event {answer.head_seq} of this writer"
            )
            exchange.alarm(UpstreamLiesError("forked", what))
            done.warnings.append(f"{what}; this machine goes on as a new writer")
            exchange.forked(packets[0].writer, answer.head_seq)


def _redact(exchange: Exchange, upstream: Upstream, done: Synced) -> None:
    """Have the upstream take away what was redacted here, as long as it has not said that it has."""
    for event in exchange.unredacted(done.log):
        upstream.redact(event)
        exchange.was_redacted(done.log, event)
