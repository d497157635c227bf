"""What load balancers say before anything is touched: that they can be told to drain, and whom they cannot do without."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.changelog import Filter
from opskit.errors import ChangelogError, OpskitError, RefusedError
from opskit.fleet.selectors import fold
from opskit.rollout import haproxy
from opskit.rollout.balancer import balancers_of
from opskit.rollout.followers import ask_followers
from opskit.rollout.remembered import BY_HAND, UPKEEP
from opskit.rollout.seats import drains_of, spoken_of, taken_out
from opskit.rollout.spare import alone, bearable, once_back, server_at

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from opskit.changelog import Changelog, RolloutRecord
    from opskit.config.balancers import Behind
    from opskit.config.service import Service
    from opskit.fleet.fanout import Fleet
    from opskit.rollout.haproxy import Backend
    from opskit.rollout.plan import Plan
    from opskit.rollout.seats import Drains, Seat
    from opskit.rollout.spare import States
    from opskit.rollout.status import Judge

MOST_ROLLOUTS = 50  # of a service, in which is looked for who took a server out
NO_DRAIN = "to change hosts without taking them out of it: --no-drain"


def drained(
    plan: Plan,
    service: Service,
    fleet: Fleet,
    judge: Judge | None,
    *,
    ours: Iterable[Seat] = (),
    drain: bool = True,
) -> Plan:
    """Give a plan with how its hosts are taken out of load balancers; asks those, changes nothing.

    `ours` were taken out before by the rollout that this goes on with, and `judge` knows which others were; they are put back. `drain` says whether hosts are taken out at all. Raises RefusedError if a load
    balancer does not answer, knows a server not, or cannot do without it; a plan that must go on then is told so in its notes.
    """
    behind = service.load_balancer
    if behind is None:
        return plan
    if not drain:
        said = f"hosts stay behind {behind.balancer.name} while they are changed"
        return replace(plan, notes=(*plan.notes, said))
    ours = (*ours, *(judge.left_out(service) if judge else ()))
    drains = drains_of(service, plan.ready, fleet.inventory, ours=ours, must=plan.problems_count)
    if drains is None:
        return plan
    states, errors = ask(drains, fleet)
    drains, problems = known(drains, states)
    problems = [*(f"{error}" for error in errors.values()), *problems]
    if problems and plan.problems_count:
        first = next(iter(errors.values()), None)
        hint = f"{first.hint}; {NO_DRAIN}" if first and first.hint else NO_DRAIN
        raise RefusedError(f"the load balancer: {problems[0]}", hint=hint)
    then = once_back([seat for seat in drains.seats if seat in drains.ours], states)
    lonely = [t.host for t in plan.targets if not bearable([t.host], drains.seats, then)]
    if lonely and plan.problems_count and plan.batches:
        raise RefusedError(alone(lonely[:1], drains.of(lonely[:1]), then), hint=NO_DRAIN)
    before, after = commands(behind)
    plan = replace(plan, commands=(before, *plan.commands, after))
    notes = (
        *plan.notes,
        *(f"not drained: {said}" for said in problems),
        *_out(drains, states),
        *ask_followers(drains, fleet).values(),
        *(_uncounted(drains, states) if plan.gates.floor or plan.gates.floors else ()),
    )
    return replace(plan, drains=drains, notes=notes)


def ask(
    drains: Drains, fleet: Fleet
) -> tuple[dict[str, Mapping[str, Backend]], dict[str, OpskitError]]:
    """Ask all load balancers at once what they say of their backends; gives that, and the errors, by their hosts."""
    balancers = balancers_of(drains, fleet)
    states: dict[str, Mapping[str, Backend]] = {}
    errors: dict[str, OpskitError] = {}
    for outcome in fleet.each(lambda remote: balancers[remote.name].look(), balancers):
        if outcome.value is not None:
            states[outcome.host] = outcome.value
        elif outcome.error:
            errors[outcome.host] = outcome.error
    return states, errors


def left_out(changelog: Changelog, service: Service) -> dict[Seat, RolloutRecord]:
    """Give the seats that rollouts of a service took out and never put back, by the changelog, each with the one that did so last."""
    wanted = Filter(service=service.name, environment=service.environment, limit=MOST_ROLLOUTS)
    whole = [wanted._replace(service="", action=action) for action in UPKEEP]
    seen: set[Seat] = set()
    found: dict[Seat, RolloutRecord] = {}
    try:
        rollouts = [each for one in (wanted, *whole) for each in changelog.rollouts(one)]
    except ChangelogError:
        return {}
    for rollout in sorted(rollouts, key=lambda each: each.at, reverse=True):
        for seat in taken_out(rollout.events):
            if seat not in seen:
                found[seat] = rollout
        seen |= spoken_of(rollout.events)
    return found


def ours_of(changelog: Changelog, service: Service) -> tuple[Seat, ...]:
    """Give the seats that a dead or failed rollout left out, and that whoever makes the host well may put back."""
    if service.load_balancer is None:
        return ()
    return tuple(
        seat
        for seat, rollout in left_out(changelog, service).items()
        if rollout.action not in BY_HAND and rollout.outcome != "running"
    )


def taken_by_others(
    service: Service, hosts: Sequence[str], fleet: Fleet, ours: Collection[Seat]
) -> tuple[tuple[tuple[Seat, str], ...], tuple[str, ...]]:
    """Ask where hosts are out of load balancers and not by `ours`, with how they are there; gives that, and what could not be found out."""
    try:
        drains = drains_of(service, hosts, fleet.inventory)
    except OpskitError as error:
        return (), (str(error),)
    if drains is None:
        return (), ()
    states, errors = ask(drains, fleet)
    drains, problems = known(drains, states)
    servers = ((seat, server_at(seat, states)) for seat in drains.seats if seat not in ours)
    out = tuple((seat, server.word) for seat, server in servers if server and server.is_out)
    return out, (*map(str, errors.values()), *problems)


def known(drains: Drains, states: States) -> tuple[Drains, list[str]]:
    """Give the seats that load balancers know, and what is wrong with the others."""
    known, problems = [], []
    for seat in drains.seats:
        if seat.at not in states:
            continue
        if server_at(seat, states):
            known.append(seat)
        else:
            there = ", ".join(list(states[seat.at][seat.backend].servers)[:5])
            problems.append(f"{seat.backend} on {seat.at} has no server {seat.server}: {there}")
    return replace(drains, seats=tuple(known)), problems


def commands(behind: Behind) -> tuple[tuple[str, str], tuple[str, str]]:
    """Give what load balancers are told before and after, as a plan shows it."""

    def told(step: str, state: str) -> tuple[str, str]:
        lines = (f"set server {name}/{behind.server} {state}" for name in behind.backends)
        return f"{step}, to HAProxy on {behind.balancer.hosts}", "\n".join(lines)

    return told("drain", haproxy.DRAIN), told("restore", haproxy.READY)


def _uncounted(drains: Drains, states: States) -> list[str]:
    """Say which hosts serve nobody, since they are left out, and count as healthy all the same."""
    servers = {seat: server_at(seat, states) for seat in drains.seats if seat not in drains.ours}
    out = {seat.host for seat, server in servers.items() if server and server.is_out}
    return [f"min_healthy counts {fold(sorted(out))} as healthy, though left out"] if out else []


def _out(drains: Drains, states: States) -> list[str]:
    """Say which servers somebody took out before."""
    said = []
    for seat in drains.seats:
        server = server_at(seat, states)
        if server and server.is_out:
            ours = seat in drains.ours and not server.in_maintenance
            then = "put back" if ours else "left so"
            said.append(f"{seat} is in {server.word} already: it is {then}")
    return said
