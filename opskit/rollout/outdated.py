"""A plan held against what its hosts say once they are locked: what somebody did to them since they were asked makes it another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.errors import RefusedError
from opskit.rollout.memory import last_change

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opskit.rollout.plan import Plan
    from opskit.rollout.probe import HostState

ANEW = "see `opskit log`, then start again with a new plan"


def demand_as_planned(plan: Plan, hosts: Iterable[str], states: Mapping[str, HostState]) -> None:
    """Raise RefusedError if one of `hosts` runs something else than what it is to go back to; `states` is what they say under the lock."""
    for host in hosts:
        state = states[host]
        if state.live != plan.live_before(host):
            runs = state.current.title if state.current else "nothing"
            raise RefusedError(
                f"{host} was changed since this was planned: it runs {runs} now", hint=ANEW
            )


def demand_as_asked(asked: Mapping[str, HostState], states: Mapping[str, HostState]) -> None:
    """Raise RefusedError if a rollout has come to a host since it was `asked`, whatever it left live: who goes on with another must know of it."""
    for host, state in states.items():
        if _deeds(asked.get(host, state)) != _deeds(state):
            by = f": {last_change(state.receipt)}" if state.receipt else ""
            raise RefusedError(f"{host} was changed since this was planned{by}", hint=ANEW)


def _deeds(state: HostState) -> object:
    return state.live, state.marks, dict(state.receipt)
