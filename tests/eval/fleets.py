"""Fleets that never were: hosts, services that need each other, and three days of changes on them.

Everything here is decided by a seed, and nothing here knows how blame weighs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
WINDOW = 3 * DAY
TUNING = range(100_000)
"""Seeds that constants of the score may be tuned on."""
REPORT = range(3_000_000, 3_100_000)
"""Seeds that figures are reported of; nothing is ever tuned on these."""
FLOOR = range(2_000_000, 2_100_000)
"""Seeds of the small test that holds the floors; not tuned on either."""

KINDS = {
    "deploy": 60, "rollback": 4, "restart": 12, "task": 8, "exec": 6, "reboot": 3, "replace": 2,
    "drain": 2, "restore": 2, "runbook": 3, "note": 3, "thaw": 1, "drift": 2,
}  # fmt: skip
"""How often what happens, in relation to each other."""
ROLLING = ("deploy", "rollback", "restart", "reboot", "replace")


@dataclass(frozen=True)
class Service:
    """A service of the fleet: it is changed `daily` times a day, `batch` hosts at a time, a batch in `step` seconds."""

    name: str
    hosts: tuple[str, ...]
    needs: tuple[str, ...]
    daily: float
    batch: int
    step: float


@dataclass(frozen=True)
class Fleet:
    """Hosts, and the services on them; a service needs only earlier ones."""

    hosts: tuple[str, ...]
    services: tuple[Service, ...]

    def service(self, name: str) -> Service:
        return next(service for service in self.services if service.name == name)

    def distances(self, name: str) -> dict[str, int]:
        """Give how far below a service others are: itself 0, what it needs 1, and so on."""
        far, rim = {name: 0}, [name]
        while rim:
            for needed in self.service(rim[0]).needs:
                if needed not in far:
                    far[needed] = far[rim[0]] + 1
                    rim.append(needed)
            rim = rim[1:]
        return far

    def above(self, name: str) -> list[str]:
        """Give the services that need it, directly or not."""
        return [s.name for s in self.services if s.name != name and name in self.distances(s.name)]

    def beside(self, name: str) -> list[str]:
        """Give the other services that live on some of its hosts, and have nothing else to do with it."""
        home, related = set(self.service(name).hosts), {name, *self.above(name)}
        related |= self.distances(name).keys()
        return [
            s.name for s in self.services if s.name not in related and not home.isdisjoint(s.hosts)
        ]


@dataclass(frozen=True)
class Change:
    """Something that was done: when each host began to run it, in true seconds since the window's beginning."""

    id: str
    kind: str
    service: str
    at: float
    flips: Mapping[str, float] = field(default_factory=dict)
    retreats: Mapping[str, float] = field(default_factory=dict)
    outcome: str = "done"
    overridden: bool = False

    def running(self, moment: float) -> set[str]:
        """Give the hosts that run it at a moment."""
        gone = self.retreats
        return {h for h, at in self.flips.items() if at <= moment < gone.get(h, math.inf)}


def fleet(dice: random.Random) -> Fleet:
    """Make a fleet of 3 to 300 hosts, small ones as often as large ones."""
    count = round(math.exp(dice.uniform(math.log(3), math.log(300))))
    hosts = tuple(f"h{number:03}" for number in range(count))
    services: list[Service] = []
    for number in range(1 + dice.randrange(min(8, 1 + count // 2))):
        shared = services and dice.random() < 0.25
        home = dice.choice(services).hosts if shared else _stretch(dice, hosts)
        needs = [s.name for s in services if dice.random() < 1.2 / len(services)]
        daily = min(max(math.exp(dice.gauss(math.log(2), 1)), 0.2), 20)
        batch = max(1, round(len(home) * dice.choice([0, 0.1, 0.25, 0.5, 1])))
        service = Service(
            f"s{number}", home, tuple(needs), daily, batch, dice.uniform(20, 4 * MINUTE)
        )
        services.append(service)
    return Fleet(hosts, tuple(services))


def _stretch(dice: random.Random, hosts: Sequence[str]) -> tuple[str, ...]:
    size = max(1, round(len(hosts) * dice.uniform(0.1, 1)))
    begin = dice.randrange(len(hosts) - size + 1)
    return tuple(hosts[begin : begin + size])


def changes(dice: random.Random, there: Fleet, until: float) -> list[Change]:
    """Make what was done in the window, each service at its own pace."""
    made: list[Change] = []
    for service in there.services:
        at = dice.expovariate(service.daily / DAY)
        while at < until:
            made.append(change(dice, there, service, at, f"c{len(made)}"))
            at += dice.expovariate(service.daily / DAY)
    return made


def change(
    dice: random.Random, there: Fleet, service: Service, at: float, name: str, kind: str = ""
) -> Change:
    """Make one change of a service that begins at a moment."""
    kind = kind or dice.choices(list(KINDS), list(KINDS.values()))[0]
    made = Change(name, kind, service.name, at, overridden=dice.random() < 0.05)
    if kind in ("note", "thaw"):
        return made
    if kind in ROLLING:
        return _rolled(dice, made, service, _whereto(dice, service, whole=0.8))
    if kind == "drift":
        few = dice.sample(service.hosts, min(len(service.hosts), dice.choice([1, 1, 2, 3])))
        return replace(made, flips=dict.fromkeys(few, at))
    told = _whereto(dice, service, whole=0.4)
    return replace(made, flips={host: at + dice.uniform(1, 20) for host in told})


def _whereto(dice: random.Random, service: Service, whole: float) -> list[str]:
    if dice.random() < whole:
        return list(service.hosts)
    return dice.sample(service.hosts, dice.randint(1, len(service.hosts)))


def _rolled(dice: random.Random, made: Change, service: Service, hosts: Sequence[str]) -> Change:
    """Go from batch to batch, one host first; one in eight does not come to its end, and may be put back."""
    ends = 1 + dice.randrange(len(hosts)) if dice.random() < 0.12 else 0
    flips: dict[str, float] = {}
    now = made.at + dice.uniform(10, 90)
    position, size = 0, 1
    while position < (ends or len(hosts)):
        for host in hosts[position : position + size]:
            flips[host] = now + dice.uniform(0, 0.5) * service.step
        now += service.step * dice.uniform(0.8, 1.5)
        position, size = position + size, service.batch
    if not ends:
        return replace(made, flips=flips)
    if dice.random() < 0.25:
        return replace(made, outcome="refused")
    back = {h: now + dice.uniform(5, 60) for h in flips} if dice.random() < 0.5 else {}
    return replace(
        made, flips=flips, retreats=back, outcome=dice.choice(["failed", "partial", "interrupted"])
    )
