"""The hosts of a plan: asked what they run, with what stands in the way of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.fleet.selectors import fold
from opskit.rollout.locks import describe
from opskit.rollout.owners import is_dead
from opskit.rollout.plan import Target
from opskit.rollout.probe import HostState, probe
from opskit.rollout.remembered import ACTIONS
from opskit.rollout.report import word_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from opskit.changelog import Changelog
    from opskit.errors import OpskitError
    from opskit.fleet.command import Outcome
    from opskit.fleet.fanout import Fleet, Outcomes
    from opskit.rollout.probe import HeldLock


@dataclass(frozen=True, slots=True)
class Survey:
    """What the hosts said: a target for every host, the state of each that answered, the errors of the rest."""

    targets: tuple[Target, ...]
    states: Mapping[str, HostState]
    errors: Mapping[str, OpskitError]


def ask_all(
    fleet: Fleet, hosts: Sequence[str], *, path: str, ask: Callable[..., HostState] = probe
) -> Outcomes[HostState]:
    """Begin to ask every host about the service at `path`, with a `probe` of your own if it is to ask more; reads only."""
    return fleet.each(lambda remote: ask(remote, path=path), hosts)


def survey(
    fleet: Fleet,
    hosts: Sequence[str],
    *,
    path: str,
    asked: Iterable[Outcome[HostState]] | None = None,
) -> Survey:
    """Hear what every host says about the service at `path`; those that have been `asked` before are not asked again."""
    states: dict[str, HostState] = {}
    errors: dict[str, OpskitError] = {}
    for outcome in ask_all(fleet, hosts, path=path) if asked is None else asked:
        if outcome.value:
            states[outcome.host] = outcome.value
        elif outcome.error:
            errors[outcome.host] = outcome.error
    targets = (
        target_of(states[host]) if host in states else out_of_reach(host, errors[host]) for host in hosts
    )  # fmt: skip
    return Survey(tuple(targets), states, errors)


def held_notes(
    states: Mapping[str, HostState], changelog: Changelog | None = None
) -> tuple[str, ...]:
    """Say which hosts other runs hold at this moment, and of a run that the changelog knows to be dead what becomes of it."""
    held: dict[tuple[str, str], list[tuple[str, HeldLock, int]]] = {}
    for host in sorted(states):
        for lock in states[host].locks:
            held.setdefault((lock.owner, lock.actor), []).append((host, lock, states[host].now))
    return tuple(_held_note(each, changelog) for each in held.values())


def _held_note(held: Sequence[tuple[str, HeldLock, int]], changelog: Changelog | None) -> str:
    hosts, (_, lock, now) = [host for host, _, _ in held], held[0]
    verb = "is" if len(hosts) == 1 else "are"
    said = f"{fold(hosts)} {verb} held by {describe(lock, now)}"
    if changelog is None or not is_dead(changelog, lock):
        return said
    said = f"{said}; that run died, so this takes its locks over and it counts as abandoned"
    return (
        f"{said}; to finish it instead: opskit resume {lock.rollout}"
        if lock.action in ACTIONS
        else said
    )


def target_of(state: HostState) -> Target:
    """Give a target for a host that answered."""
    return Target(state.host, before=state.current)


def out_of_reach(host: str, error: OpskitError) -> Target:
    """Give a target for a host that did not answer."""
    return Target(host, problem=error.what, hint=error.hint, outcome=word_for(error))
