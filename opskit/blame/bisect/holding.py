"""Which hosts bisections have just now: those on which commits are tried, and those that one left without putting them back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.blame.bisect.record import recorded
from opskit.blame.bisect.turn import Turns
from opskit.changelog import Filter, OtherEntry
from opskit.changelog.event import BISECT_STARTED
from opskit.errors import LockedError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from opskit.blame.bisect.record import Bisection
    from opskit.changelog import Changelog
    from opskit.config.model import ChangelogSettings

OPEN = ("running", "unfinished", "interrupted")
MOST = 20
"""Bisections of an environment that are looked at: the newest."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A host that a bisection has: by whom, on which machine, and whether that goes on there, as far as that is known."""

    bisection: str
    service: str
    environment: str
    host: str
    actor: str
    machine: str
    goes_on: bool

    @property
    def told(self) -> str:
        """Say who has it, and how that is ended."""
        who = f"bisection {self.bisection} of {self.service} ({self.actor} on {self.machine})"
        if self.goes_on:
            return f"{self.host} is with {who}, which tries commits there: Ctrl-C there ends it; if nobody is at it any more: {self.stop}"
        return f"{self.host} was left by {who}, which tried commits there: to put it back: {self.stop}"

    @property
    def stop(self) -> str:
        """The command that ends it from anywhere, and puts the host back."""
        take_over = " --take-over" if self.goes_on else ""
        return f"opskit bisect --resume {self.bisection} --stop{take_over}"


def held(
    changelog: Changelog, environment: str, settings: ChangelogSettings, service: str = ""
) -> tuple[Holding, ...]:
    """Give the hosts of an environment (of one service, if it is named) that bisections have, the newest first. Raises ChangelogError."""
    wanted = Filter(environment=environment, service=service, action=BISECT_STARTED, limit=MOST)
    begun = changelog.judged(changelog.entries(wanted), settings)
    found: list[Holding] = []
    for each in begun:
        if isinstance(each, OtherEntry) and each.standing != "revoked":
            found += _held(changelog, recorded(changelog, each.event.hash.hex(), settings), settings)  # fmt: skip
    return tuple(found)


def of_hosts(holdings: Iterable[Holding], hosts: Iterable[str]) -> Sequence[Holding]:
    """Give those of some hosts."""
    wanted = {*hosts}
    return [each for each in holdings if each.host in wanted]


def demand_not_held(
    changelog: Changelog, environment: str, settings: ChangelogSettings, host: str, service: str
) -> None:
    """Raise LockedError if another bisection has the host of a service already."""
    for each in of_hosts(held(changelog, environment, settings, service), [host]):
        raise LockedError(each.told)


def _held(
    changelog: Changelog, one: Bisection, settings: ChangelogSettings
) -> tuple[Holding, ...]:
    if not one.host:
        return ()
    turns = Turns(changelog, settings, one.hash)
    goes_on = one.outcome == "" and not _is_free(turns)
    if not goes_on and not is_changed(changelog, one):
        return ()
    last = turns.last()
    actor, machine = (last.actor, last.machine) if last else (one.actor, "?")
    return (Holding(one.id, one.service, one.environment, one.host, actor, machine, goes_on),)


def _is_free(turns: Turns) -> bool:
    try:
        turns.demand_free()
    except LockedError:
        return False
    return True


def is_changed(changelog: Changelog, one: Bisection) -> bool:
    """Tell whether, as far as the changelog knows, a bisection's host runs what that brought there, may do so, or is out of load balancers because of it."""
    live = changelog.live(one.service, one.environment).get(one.host)
    if live and live.rollout in one.brings:
        return True
    if one.brings and _outcome(changelog, one.brings[-1]) in OPEN:
        return True
    last = one.seated[-1:]
    return any(each in one.drains or _outcome(changelog, each) != "done" for each in last)


def _outcome(changelog: Changelog, rollout: str) -> str:
    try:
        return changelog.rollout(rollout).outcome
    except UnknownNameError:
        return ""  # it was announced, and never began
