"""One exchange with an upstream: look whether it is still the one we know, pull, check, push; it is believed nothing."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from opskit.changelog.checking import ahead
from opskit.changelog.clock import is_believable
from opskit.changelog.doubts import told
from opskit.changelog.pushing import Pusher, demand_receipts
from opskit.errors import OvertakenError, UpstreamLiesError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from opskit.changelog.doubts import Doubt
    from opskit.changelog.exchange import Exchange
    from opskit.changelog.history import Split
    from opskit.changelog.packet import Arrival, Greeting
    from opskit.changelog.upstream import Upstream
    from opskit.errors import ChangelogError

TRIES = 5  # when another opskit here begins to read the upstream anew, or rebuilds the changelog
EVENT_IN_FILE = 1000  # bytes, about
YEAR_MS = 365.25 * 86_400_000


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
    upto: int = 0
    """Up to which place of it all is here."""
    left: int = 0
    """Events of others that are here and, in the end, not upstream."""
    waiting: int = 0
    """Events of this machine that are here and, in the end, not upstream."""
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
    which is kept as an alarm, when it says what cannot be true; nothing is pushed to such a one. A single writer that it does not
    take is put aside, with a warning; if that is the one that signs here now, its error is raised when all else is done.
    """
    began = time.monotonic()
    done = Synced()
    aside: ChangelogError | None = None
    for left in range(TRIES - 1, -1, -1):
        try:
            # who overtook a sync that pulls all anew has begun to do that, too
            anew = again and left == TRIES - 1
            done.log = _met(exchange, upstream, done, accept=accept, anew=anew)
            aside = _shared(
                exchange, upstream, done, everybody=everybody, again=again, pulled=pulled
            )
            break
        except OvertakenError:
            if not left:
                raise
    done.warnings = list(dict.fromkeys(done.warnings))
    done.seconds = time.monotonic() - began
    if aside is not None:
        raise aside
    return done


def _met(exchange: Exchange, upstream: Upstream, done: Synced, *, accept: bool, anew: bool) -> str:
    """Say hello; with `anew`, forget what the log said until now."""
    exchange.begin()
    with _alarming(exchange):
        log = _meet(exchange, upstream, done, accept=accept)
    if anew:
        exchange.forget(log)
        upstream.greet(None)
    return log


def _shared(
    exchange: Exchange,
    upstream: Upstream,
    done: Synced,
    *,
    everybody: bool,
    again: bool,
    pulled: Callable[[], None] | None,
) -> ChangelogError | None:
    """Pull, check, push, as `sync` says; gives what is wrong with the writer that signs here now, if anything is."""
    with _alarming(exchange):
        _pull(exchange, upstream, done, again=again)
        done.warnings += exchange.settle()
        if pulled is not None:
            pulled()
        exchange.tell_set_back(done.log)
        aside = _give(exchange, upstream, done, everybody=everybody)
        _redact(exchange, upstream, done)
        if exchange.tell_set_back(done.log):  # into a log that was empty before
            aside = _give(exchange, upstream, done, everybody=everybody)
    done.left = exchange.waiting_of_others(done.log)
    done.waiting = exchange.waiting(done.log)
    exchange.done(done.log, time.time_ns() // 1_000_000, upto=done.upto)
    return aside


@contextlib.contextmanager
def _alarming(exchange: Exchange) -> Iterator[None]:
    """Keep as an alarm what an upstream says in the block and that cannot be true."""
    try:
        yield
    except UpstreamLiesError as error:
        exchange.alarm(error)
        raise


def _meet(exchange: Exchange, upstream: Upstream, done: Synced, *, accept: bool) -> str:
    """Say hello, and find out whether this is the log that we know, and whether it still says what it said."""
    known = exchange.current()
    sent = time.monotonic()
    last = known.last if known else None
    greeting = upstream.greet(last)
    done.newest = greeting.pos
    _measure(exchange, upstream, done, greeting, time.monotonic() - sent)
    if known is not None and known.log != greeting.log and not accept:
        exchange.demand_still(known.log)
        raise UpstreamLiesError(
            "other log",
            f"{upstream.name} is another log ({greeting.log[:8]}) than the one known here ({known.log[:8]})",
            hint="if it was replaced on purpose: opskit changelog sync --accept-new-log",
        )
    if known is None or (known.log, known.url) != (greeting.log, upstream.name):
        exchange.pin(greeting.log, upstream.name)
        if known is not None and known.log != greeting.log:
            last = exchange.last(greeting.log)
            greeting = upstream.greet(last)
    if greeting.trouble:  # it is read anew; what it lacks is pushed to it again
        exchange.forget(greeting.log, greeting.trouble, last=last)
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
    done.upto = after
    exchange.mend_index()
    done.warnings += exchange.split(done.log, [each for each in split.values() if each])
    done.warnings += [words for _, words in told(doubts)]
    done.warnings[:0] = exchange.settle_eras(done.log, gapless=upstream.gapless, upto=after)
    if exchange.is_our_fork():
        _go_on_anew(exchange, upstream, done)


def _fetched(upstream: Upstream, arrivals: Sequence[Arrival]) -> list[Arrival]:
    return [replace(each, packet=upstream.fetch(each.receipt.pos)) for each in arrivals]


def _go_on_anew(exchange: Exchange, upstream: Upstream, done: Synced) -> None:
    """Go on as a new writer: our key has signed another event. Nobody can sign so a second time at once."""
    what = f"another copy of this changelog wrote to {upstream.name}"
    if done.new_writer:
        raise UpstreamLiesError("forked", f"{what}, for the second time in one sync")
    after = exchange.fork_me()
    if after is None:
        return  # another command here has found it, too
    done.warnings.append(f"{what} after event {after}; this machine goes on as a new writer")
    done.new_writer = True


def _give(
    exchange: Exchange, upstream: Upstream, done: Synced, *, everybody: bool
) -> ChangelogError | None:
    """Push what the upstream lacks, and see that it has it; gives what is wrong with the writer that signs here now, if anything is."""
    pusher = Pusher(
        exchange,
        upstream,
        done.log,
        everybody=everybody,
        pull=lambda: _pull(exchange, upstream, done),
    )
    pusher.push()
    done.pushed += pusher.pushed
    if pusher.taken:
        _pull(exchange, upstream, done)
        demand_receipts(exchange, upstream, done.log, pusher.taken, upto=done.upto)
    here = exchange.signs_here()
    for writer, error in pusher.aside.items():
        if writer != here:
            done.warnings.append(f"{error.what}; {error.hint}" if error.hint else error.what)
    return pusher.aside.get(here)


def _redact(exchange: Exchange, upstream: Upstream, done: Synced) -> None:
    """Have the upstream take away what was redacted here, as long as it has not said that it has."""
    for event in exchange.unredacted(done.log):
        if kept := upstream.redact(event):
            done.warnings.append(kept)
            continue
        exchange.was_redacted(done.log, event)
