"""What a run has done to the world and not yet put back: commands that change something and name the step that undoes them.

One is open from the moment in which its command began until that step was done afterwards (with the same values: what was done to one
server is not undone by putting back another), or it was undone, or somebody said with a reason that it is none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from opskit.changelog.coverage import Coverage
from opskit.runbook.parts import last_done

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opskit.runbook.model import Step
    from opskit.runbook.parts import Done

    Parts = Mapping[tuple[str, int], Done]

EVERY = -1
"""Whoever closes this part closes all of a step."""


@dataclass(frozen=True, slots=True)
class Liability:
    """What part `part` of a step did on `hosts`, and `rollback`, the id of the step that undoes it, with the `values` of that moment."""

    step: str
    part: int
    rollback: str
    hosts: tuple[str, ...]
    values: Mapping[str, str]
    actor: str
    at_ms: int
    number: int = 0
    """That of the event by which it began, from 1."""
    began: str = ""
    """The id of that event."""
    on: str = ""
    """The selector that named its hosts."""
    bound: bool = False
    """Whether it was put back on others of its hosts already."""


class Liabilities:
    """Those that are open, as the events of a run come in; `steps` are those of the file now, by their ids."""

    def __init__(self, steps: Mapping[str, Step]) -> None:
        self._steps = steps
        self._open: list[Liability] = []
        self.coverage = Coverage()

    @property
    def open(self) -> tuple[Liability, ...]:
        """The open ones, the oldest first."""
        return tuple(self._open)

    def begin(self, found: Liability, body: Mapping[str, object]) -> None:
        """Take in that a command begins, by the body that says so."""
        if body.get("mutates") is not True or not found.rollback:
            return
        used = self._used(found.rollback)
        same = [each for each in self._open if _is_same(each, found, used)]
        hosts = dict.fromkeys(host for each in (*same, found) for host in each.hosts)
        self._open = [each for each in self._open if each not in same]
        self._open.append(replace(found, hosts=tuple(hosts)))

    def close(self, step: str, part: int, began: str, *, rollback: str = "") -> None:
        """Take in that a part of a step is undone (`began` names it if that was begun more than once) where `rollback` was done, or that nothing of it is left."""
        named = [
            e
            for e in self._open
            if e.step == step and part in (EVERY, e.part) and began in ("", e.began)
        ]
        self._close(named, rollback)

    def settle(
        self, rollback: str, parts: Parts, values: Mapping[str, str], *, began: str = ""
    ) -> None:
        """Close what a step undoes once all of it was done, after what it undoes began; the one that `began` names, or those of these values."""
        step = self._steps.get(rollback)
        since = last_done(step, parts) if step else 0
        used = self._used(rollback) if since else frozenset()
        undone = [
            each
            for each in self._open
            if each.rollback == rollback
            and each.number <= since
            and (each.began == began if began else _has(each, values, used))
        ]
        self._close(undone, rollback)

    def _close(self, undone: Sequence[Liability], rollback: str) -> None:
        """Leave open of these only what is left of them on hosts on which that step was not done."""
        left = [self._left(each, rollback) if each in undone else each for each in self._open]
        self._open = [each for each in left if each is not None]

    def _left(self, owed: Liability, rollback: str) -> Liability | None:
        hosts = self.coverage.left(rollback, owed.hosts, on=owed.on, bound=owed.bound)
        if not rollback or not hosts:
            return None
        return replace(owed, hosts=hosts, bound=owed.bound or hosts != owed.hosts)

    def _used(self, rollback: str) -> frozenset[str]:
        """Give the words of what a step runs: values that it does not name make no difference to it."""
        step = self._steps.get(rollback)
        said = " ".join(f"{each.text} {each.on}" for each in step.actions) if step else ""
        return frozenset(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", said))


def _is_same(one: Liability, other: Liability, used: frozenset[str]) -> bool:
    same = (one.step, one.part, one.rollback) == (other.step, other.part, other.rollback)
    return same and _has(one, other.values, used)


def _has(liability: Liability, values: Mapping[str, str], used: frozenset[str]) -> bool:
    known = used & liability.values.keys()
    return all(liability.values[name] == values.get(name, "") for name in known)
