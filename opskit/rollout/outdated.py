"""A plan held against what its hosts say once they are locked: what somebody did to them since they were asked makes it another one."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from opskit.errors import ChangelogError, RefusedError, UnknownNameError
from opskit.rollout.memory import last_change

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opskit.changelog import Changelog
    from opskit.rollout.plan import Plan
    from opskit.rollout.probe import HostState

ANEW = "see `opskit log`, then start again with a new plan"


def demand_latest(plan: Plan, changelog: Changelog) -> None:
    """Raise RefusedError, for a plan to go on with a rollout, if somebody has gone on with it since, as far as the changelog can be read."""
    if not plan.run:
        return
    with contextlib.suppress(
        ChangelogError, UnknownNameError
    ):  # who must record it is told of that, too
        if len(changelog.rollout(plan.rollout).resumed) != plan.gone_on:
            what = f"somebody has gone on with {plan.action} {plan.rollout} since this was planned"
            raise RefusedError(what, hint=f"see: opskit log {plan.rollout}")


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
