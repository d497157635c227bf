"""The hosts of a plan: asked what they run, with what stands in the way of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.rollout.locks import describe
from opskit.rollout.plan import Target
from opskit.rollout.probe import HostState, probe
from opskit.rollout.report import word_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opskit.errors import OpskitError
    from opskit.fleet.fanout import Fleet


@dataclass(frozen=True, slots=True)
class Survey:
    """What the hosts said: a target for every host, the state of each that answered, the errors of the rest."""

    targets: tuple[Target, ...]
    states: Mapping[str, HostState]
    errors: Mapping[str, OpskitError]


def survey(
    fleet: Fleet, hosts: Sequence[str], *, path: str, ask: Callable[..., HostState] = probe
) -> Survey:
    """Ask every host about the service at `path`, with a `probe` of your own if it is to ask more; reads only."""
    states: dict[str, HostState] = {}
    errors: dict[str, OpskitError] = {}
    for outcome in fleet.each(lambda remote: ask(remote, path=path), hosts):
        if outcome.value:
            states[outcome.host] = outcome.value
        elif outcome.error:
            errors[outcome.host] = outcome.error
    targets = (
        target_of(states[host]) if host in states else out_of_reach(host, errors[host]) for host in hosts
    )  # fmt: skip
    return Survey(tuple(targets), states, errors)


def held_notes(states: Mapping[str, HostState]) -> tuple[str, ...]:
    """Say which hosts another run holds at this moment."""
    return tuple(
        f"{host} is held by {describe(lock, state.now)}"
        for host, state in states.items()
        for lock in state.locks
    )


def target_of(state: HostState) -> Target:
    """Give a target for a host that answered."""
    return Target(state.host, before=state.current)


def out_of_reach(host: str, error: OpskitError) -> Target:
    """Give a target for a host that did not answer."""
    return Target(host, problem=error.what, hint=error.hint, outcome=word_for(error))
