"""Whether the upstream of the changelog answers, is the one that we know, and has what was written here."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opskit.changelog.kept import WHO, in_words, kept_upstream
from opskit.errors import ChangelogError, UpstreamError
from opskit.rollout.doctor.finding import Finding, failed
from opskit.rollout.doctor.words import counted, span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from opskit.changelog import Changelog
    from opskit.changelog.exchange import Exchange
    from opskit.changelog.packet import Greeting
    from opskit.changelog.upstream import Upstream

AREA = "upstream"
MOST_ALARMS = 3
CLOCK_MS = 2000  # that a clock may be off before it is told


def check_upstream(
    connect: Callable[[], AbstractContextManager[Upstream]], changelog: Changelog
) -> Iterator[Finding]:
    """Say hello to the upstream, without pulling or pushing; changes nothing, here or there."""
    if not changelog.file.exists():
        yield from _ask(connect, None)
        return
    exchange = changelog.exchange()
    try:
        yield from _ask(connect, exchange)
        alarms = exchange.alarms(unsettled=True)
    except ChangelogError as error:
        yield failed(AREA, error)
        return
    finally:
        exchange.close()
    for alarm in alarms[-MOST_ALARMS:]:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(alarm.at_ms / 1000))
        yield Finding(AREA, "warn", f"on {when}: {alarm.what}", "see: opskit changelog verify")


def _ask(
    connect: Callable[[], AbstractContextManager[Upstream]], exchange: Exchange | None
) -> Iterator[Finding]:
    known = exchange.current() if exchange else None
    try:
        with connect() as upstream:
            greeting, name = upstream.greet(known.last if known else None), upstream.name
    except UpstreamError as error:
        yield failed(AREA, error)
        return
    if known and known.log != greeting.log:
        what = f"{name} is another log than the one that is known here"
        hint = "if it was replaced on purpose: opskit changelog sync --accept-new-log"
        yield Finding(AREA, "bad", what, hint)
        return
    if greeting.trouble:
        what = f"{name} was {greeting.trouble} since the last sync"
        yield Finding(AREA, "warn", what, "heal it: opskit changelog sync")
    waiting = exchange.waiting(greeting.log) if exchange else 0
    if waiting:
        hint = "push them: opskit changelog sync"
        what = f"{counted(waiting, 'event')} of this machine {'waits' if waiting == 1 else 'wait'}"
        yield Finding(AREA, "warn", f"{name}: {what} for it", hint)
    has_news = known is not None and known.last is not None and known.last.pos != greeting.pos
    left = exchange.waiting_of_others(greeting.log) if exchange and not has_news else 0
    if left:
        are = "is" if left == 1 else "are"
        what = f"{name}: {counted(left, 'event')} that others wrote {are} here, and not there"
        hint = "if their laptops do not come back: opskit changelog sync --relay"
        yield Finding(AREA, "warn", what, hint)
    kept = kept_upstream(exchange.file) if exchange else []
    if kept:
        yield Finding(AREA, "warn", f"{name}: {in_words(kept)}", WHO)
    altered = list(_last_audit(exchange, greeting.log)) if exchange else []
    yield from altered
    if not waiting and not left and not altered and not kept:
        yield Finding(AREA, "ok", f"{name} answers, and has all that was written here")
    yield from _clock(greeting)


def _last_audit(exchange: Exchange, log: str) -> Iterator[Finding]:
    """Say what the last `opskit changelog verify` found of it, as long as no later one found it well."""
    at_ms, problems, first = exchange.last_audit(log)
    if problems:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(at_ms / 1000))
        more = f", and {problems - 1} more" if problems > 1 else ""
        hint = "look again: opskit changelog verify; then runbooks/changelog-disaster.md, 'The upstream was tampered with'"
        yield Finding(AREA, "bad", f"on {when} it was not as it should be: {first}{more}", hint)


def _clock(greeting: Greeting) -> Iterator[Finding]:
    if not greeting.now_ms:
        return
    off = greeting.now_ms - time.time_ns() // 1_000_000
    if abs(off) > CLOCK_MS:
        how = f"{span(abs(off) / 1000)} {'slow' if off > 0 else 'fast'}"
        what = f"this machine's clock is {how} by the upstream's"
        hint = (
            "set it, or turn NTP on; the changelog's times are set right by the upstream's clock"
        )
        yield Finding("clock", "warn", what, hint)
