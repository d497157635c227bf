"""What breaks in a simulated fleet: a change, or something that no change did; and what hosts then show, truly."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.eval import fleets
from tests.eval.fleets import DAY, HOUR, MINUTE, WINDOW, Change, Fleet

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Mapping

OUTSIDE = 0.3
"""Three troubles of ten are no change's doing (Site Reliability Engineering, chapter 1: roughly 70 % are)."""
GUILT = {
    "deploy": 1.0, "rollback": 0.3, "restart": 0.3, "task": 0.5, "exec": 0.5, "reboot": 0.4,
    "replace": 0.6, "drain": 0.2, "restore": 0.2, "runbook": 0.5, "note": 0.2, "thaw": 0.0,
    "drift": 1.0,
}  # fmt: skip
"""How readily each kind breaks something; in every case each is off by a factor of its own that nobody knows."""


@dataclass(frozen=True)
class Trouble:
    """What truly happened: the guilty change (None: something else), the ill service, when each host fell ill, and when somebody asks."""

    culprit: Change | None
    how: str
    service: str
    onsets: Mapping[str, float]
    asked: float

    @property
    def begin(self) -> float:
        return min(self.onsets.values())


def trouble(
    dice: random.Random, there: Fleet, done: list[Change], *, outside: bool
) -> Trouble | None:
    """Let one change break something, or something else happen; None if the fleet gives no occasion."""
    if outside:
        found: Trouble | None = _outside(dice, there)
    else:
        found = _broken_by(dice, there, done)
    return found if found and found.onsets else None


def around(dice: random.Random, there: Fleet, found: Trouble) -> list[Change]:
    """Make what muddies it: unrelated changes just before, and what people try while it burns."""
    made: list[Change] = []
    if dice.random() < 0.5:
        for _ in range(dice.randint(1, 2)):
            at = dice.uniform(found.begin - 1.5 * HOUR, found.asked)
            made.append(_more(dice, there, dice.choice(there.services).name, at, len(made)))
    if dice.random() < 0.3:
        kind = dice.choice(["restart", "exec", "task", "drain", "rollback"])
        at = dice.uniform(found.begin, found.asked)
        tried = _more(dice, there, found.service, at, len(made), kind)
        made.append(_aimed(dice, tried, found) if dice.random() < 0.5 else tried)
    return made


def _aimed(dice: random.Random, tried: Change, found: Trouble) -> Change:
    """Let what is tried be tried on just the hosts that are ill by then, or on some of them."""
    ill = [host for host, at in found.onsets.items() if at <= tried.at]
    few = ill if dice.random() < 0.5 else dice.sample(ill, math.ceil(len(ill) / 3))
    flips = {host: tried.at + dice.uniform(1, 20) for host in few}
    return replace(tried, flips=flips, retreats={}, outcome="done")


def _more(
    dice: random.Random, there: Fleet, service: str, at: float, number: int, kind: str = ""
) -> Change:
    return fleets.change(dice, there, there.service(service), max(at, 0), f"x{number}", kind)


def _broken_by(dice: random.Random, there: Fleet, done: list[Change]) -> Trouble | None:
    moods = {kind: guilt * math.exp(dice.gauss(0, 0.7)) for kind, guilt in GUILT.items()}
    able = [c for c in done if c.at > DAY / 2 and (c.flips or c.kind == "note")]
    weights = [moods[c.kind] * _prone(c) for c in able]
    if not sum(weights):
        return None
    culprit = dice.choices(able, weights)[0]
    above = there.above(culprit.service)
    if above and dice.random() < 0.35:
        return _shared(dice, there, culprit, dice.choice(above), "below")
    if culprit.kind == "note" or dice.random() < 0.05:
        return _shared(dice, there, culprit, culprit.service, "shared")
    beside = there.beside(culprit.service)
    if beside and dice.random() < 0.1:
        return _local(dice, there, culprit, dice.choice(beside), "neighbour")
    return _local(dice, there, culprit, culprit.service, "local")


def _prone(change: Change) -> float:
    return (2.0 if change.outcome != "done" else 1.0) * (1.5 if change.overridden else 1.0)


def _local(
    dice: random.Random, there: Fleet, culprit: Change, service: str, how: str
) -> Trouble | None:
    """Let hosts fall ill one after the other, each so long after its own change."""
    lag, wobble = _lag(dice)
    reach = dice.choices([1.0, dice.uniform(0.3, 1), dice.uniform(0.1, 0.5)], [0.7, 0.2, 0.1])[0]
    home = sorted(culprit.flips.keys() & set(there.service(service).hosts))
    struck = dice.sample(home, math.ceil(reach * len(home)))
    onsets = {host: culprit.flips[host] + lag * wobble(dice) for host in struck}
    stayed = _while_running(culprit, onsets)
    return _asked(dice, culprit, how, service, stayed) if stayed else None


def _shared(
    dice: random.Random, there: Fleet, culprit: Change, service: str, how: str
) -> Trouble | None:
    """Let a whole service fall ill at once, some time after the first host was changed."""
    lag, _ = _lag(dice)
    begin = min(culprit.flips.values(), default=culprit.at) + lag
    if culprit.flips and not culprit.running(begin):
        return None
    hosts = there.service(service).hosts
    reach = 1.0 if dice.random() < 0.7 else dice.uniform(0.3, 1)
    struck = dice.sample(hosts, math.ceil(reach * len(hosts)))
    onsets = {host: begin + dice.expovariate(1 / MINUTE) for host in struck}
    return _asked(dice, culprit, how, service, onsets)


def _lag(dice: random.Random) -> tuple[float, _Wobble]:
    """Give how long after its change a host falls ill, and by what factor that differs between hosts."""
    kind = dice.choices(["crash", "warm", "leak"], [0.55, 0.3, 0.15])[0]
    if kind == "crash":
        return dice.expovariate(1 / MINUTE), lambda d: d.expovariate(1)
    middle = 10 * MINUTE if kind == "warm" else 3 * HOUR
    return middle * math.exp(dice.gauss(0, 1)), lambda d: math.exp(d.gauss(0, 0.2))


def _while_running(culprit: Change, onsets: Mapping[str, float]) -> dict[str, float]:
    """Give the onsets of hosts that had not gone back before."""
    return {h: at for h, at in onsets.items() if at < culprit.retreats.get(h, math.inf)}


def _outside(dice: random.Random, there: Fleet) -> Trouble:
    begin = dice.uniform(DAY, WINDOW)
    service = dice.choice(there.services)
    how = dice.choices(["everywhere", "one host", "some hosts"], [0.4, 0.35, 0.25])[0]
    hosts: Iterable[str] = service.hosts
    spread = MINUTE
    if how == "one host":
        hosts = [dice.choice(service.hosts)]
    elif how == "some hosts":
        size = dice.randint(1, len(service.hosts))
        first = dice.randrange(len(service.hosts) - size + 1)
        hosts = service.hosts[first : first + size]
        spread = dice.choice([MINUTE, 20 * MINUTE])
    onsets = {host: begin + dice.expovariate(1 / spread) for host in hosts}
    return _asked(dice, None, how, service.name, onsets)


def _asked(
    dice: random.Random,
    culprit: Change | None,
    how: str,
    service: str,
    onsets: Mapping[str, float],
) -> Trouble:
    """Let somebody notice: mostly within minutes, one time of twenty only in the morning; who is not ill then is not in it."""
    notice = max(MINUTE, 8 * MINUTE * math.exp(dice.gauss(0, 1)))
    if dice.random() < 0.05:
        notice += dice.uniform(3, 8) * HOUR
    asked = min(onsets.values()) + notice
    back = culprit.retreats if culprit and how in ("local", "neighbour") else {}
    ill = {h: at for h, at in onsets.items() if at <= asked < back.get(h, math.inf)}
    return Trouble(culprit, how, service, ill, asked)


if TYPE_CHECKING:
    from collections.abc import Callable

    _Wobble = Callable[[random.Random], float]
