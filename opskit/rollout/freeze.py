"""Freezes: when nothing may be changed but by a rollback, by windows of opskit.toml or because somebody said so.

Somebody says so by an event `freeze`, which everybody's opskit obeys once it is there; its header names the service and the
environment that are meant, "" for all of them. Its body is

    {"why": text, "until": ms since 1970, 0 for no end}

An event `thaw` ends freezes before their time, by their hashes, so that it ends none that it has not seen:

    {"why": text, "freezes": [hash in hex, ...]}

What a revoked writer says counts for nothing. A thaw that nobody vouches for, where somebody should, ends only freezes of
its own writer.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from opskit.changelog import Filter, OtherEntry
from opskit.changelog.body import number, text, texts
from opskit.changelog.event import FREEZE, THAW
from opskit.errors import ChangelogError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opskit.changelog import Changelog
    from opskit.config.model import ChangelogSettings, Environment
    from opskit.config.service import Service
    from opskit.config.windows import Window

MOST = 1000  # freezes, and thaws, of which the newest count
VOUCHED = ("", "attested")  # "": nobody's signature is asked for
MENTIONED_CLOCK_MS = 60_000


@dataclass(frozen=True, slots=True)
class Freeze:
    """One reason why nothing may be changed: a `window` of opskit.toml, or what `actor` said in the event `id`.

    `service` and `environment` are "" for all of them; `until` is None if it has no end.
    """

    service: str
    environment: str
    until: datetime | None
    window: str = ""
    id: str = ""
    hash: str = ""
    actor: str = ""
    why: str = ""

    @property
    def scope(self) -> str:
        """What is frozen: `shop in production`, `production`, `everything`."""
        if self.service:
            return f"{self.service} in {self.environment or 'every environment'}"
        return self.environment or "everything"

    @property
    def line(self) -> str:
        """All that is to be said of it, in one line."""
        end = f" until {told(self.until)}" if self.until else ""
        if self.window:
            return f'{self.scope} is frozen{end}, by its window "{self.window}" of opskit.toml'
        return f"{self.scope} is frozen{end} by {self.actor} ({self.id}): {self.why}"


@dataclass(frozen=True, slots=True)
class Frozen:
    """The freezes in force at a moment, the one that lasts longest first, and what is to be said of the clock here."""

    freezes: tuple[Freeze, ...] = ()
    clock: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """All of them, a line for each."""
        said = tuple(freeze.line for freeze in self.freezes)
        return (*said, self.clock) if self.freezes and self.clock else said


NOT_FROZEN = Frozen()


def in_force(
    changelog: Changelog,
    settings: ChangelogSettings,
    environment: Environment,
    service: Service | None = None,
) -> Frozen:
    """Give the freezes that hold now for a service, or for what is done on hosts of an environment.

    The clock is that of this machine, set right as far as the changelog knows how. A changelog that cannot be read freezes nothing:
    whoever must record something is told of it then.
    """
    off = _clock_off(changelog)
    now = datetime.fromtimestamp(time.time() + off / 1000, UTC)
    name = service.name if service else ""
    found = [
        *_windows(environment.freeze, now, Freeze("", environment.name, None)),
        *_windows(service.freeze if service else (), now, Freeze(name, environment.name, None)),
        *(
            freeze
            for freeze in said(changelog, settings, now)
            if freeze.environment in ("", environment.name) and freeze.service in ("", name)
        ),
    ]
    return Frozen(tuple(sorted(found, key=_lasts, reverse=True)), _said_of_clock(off))


def said(
    changelog: Changelog, settings: ChangelogSettings, now: datetime | None = None
) -> tuple[Freeze, ...]:
    """Give the freezes that people said and that hold, wherever, the newest first; none if the changelog cannot be read."""
    now = now or datetime.fromtimestamp(time.time() + _clock_off(changelog) / 1000, UTC)
    try:
        events = _events(changelog, settings, FREEZE)
        thaws = _events(changelog, settings, THAW)
    except ChangelogError:
        return ()
    return tuple(
        freeze
        for entry in events
        if ((freeze := _read(entry)).until is None or freeze.until > now)
        and not any(_ends(thaw, entry) for thaw in thaws)
    )


def told(at: datetime) -> str:
    """Give a time to come, in the zone of this machine: `Mon 2026-11-30 08:00 CET`."""
    return f"{at.astimezone():%a %Y-%m-%d %H:%M %Z}"


def _windows(windows: Sequence[Window], now: datetime, of: Freeze) -> Iterator[Freeze]:
    for window in windows:
        if until := window.end_of(now):
            yield Freeze(of.service, of.environment, until, window=window.text)


def _events(
    changelog: Changelog, settings: ChangelogSettings, kind: str
) -> tuple[OtherEntry, ...]:
    found = changelog.entries(Filter(action=kind, limit=MOST))
    if not found:
        return ()
    judged = changelog.judged(found, settings)
    return tuple(e for e in judged if isinstance(e, OtherEntry) and e.standing != "revoked")


def _read(entry: OtherEntry) -> Freeze:
    """Read a freeze; one of which the body is gone has no end but a thaw."""
    header, body = entry.event.header, entry.event.body
    until = number(body, "until")
    from opskit.changelog.clock import moment

    return Freeze(
        service=header.service,
        environment=header.environment,
        until=moment(until) if until > 0 else None,
        id=entry.id,
        hash=entry.hash,
        actor=entry.actor,
        why=text(body, "why") or f"[{entry.event.damage or 'no reason'}]",
    )


def _ends(thaw: OtherEntry, freeze: OtherEntry) -> bool:
    vouched = thaw.standing in VOUCHED
    own = thaw.event.header.writer == freeze.event.header.writer
    return (vouched or own) and freeze.hash in texts(thaw.event.body, "freezes")


def _lasts(freeze: Freeze) -> float:
    return freeze.until.timestamp() if freeze.until else float("inf")


def _clock_off(changelog: Changelog) -> int:
    try:
        return changelog.clock_off()
    except ChangelogError:
        return 0


def _said_of_clock(off: int) -> str:
    if abs(off) < MENTIONED_CLOCK_MS:
        return ""
    how = "slow" if off > 0 else "fast"
    minutes = abs(off) // 60_000
    return f"the clock of this machine is {minutes} min {how}; freezes go by the time set right"
