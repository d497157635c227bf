"""What load balancers say before anything is touched: that they can be told to drain, and whom they cannot do without."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from opskit.changelog.drains import Seats
from opskit.errors import ChangelogError, OpskitError, RefusedError
from opskit.fleet.selectors import fold
from opskit.rollout import haproxy
from opskit.rollout.balancer import balancers_of
from opskit.rollout.followers import ask_followers
from opskit.rollout.remembered import BY_HAND, UPKEEP
from opskit.rollout.seats import drains_of, taken_out
from opskit.rollout.spare import alone, bearable, once_back, server_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opskit.changelog import Changelog, RolloutRecord
    from opskit.config.balancers import Behind
    from opskit.config.service import Service
    from opskit.fleet.fanout import Fleet
    from opskit.rollout.haproxy import Backend
    from opskit.rollout.plan import Plan
    from opskit.rollout.seats import Drains, Seat
    from opskit.rollout.spare import States
    from opskit.rollout.status import Judge

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
    drains = drains_of(service, plan.ready, fleet.inventory)
    assert drains  # noqa: S101 - it stands behind a load balancer
    ours = (*ours, *(judge.left_out(service, drains.seats) if judge else ()))
    drains = replace(drains, ours=frozenset(ours), must=plan.problems_count)
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


def left_out(
    changelog: Changelog, service: Service, seats: Iterable[Seat]
) -> dict[Seat, RolloutRecord]:
    """Give those of `seats` that rollouts of a service took out and never put back, by the changelog, each with the one that did so last."""
    asked = {(seat.host, seat.at, seat.backend, seat.server): seat for seat in seats}
    wanted = Seats(service.name, service.environment, UPKEEP, asked)
    try:
        told = changelog.last_drained(wanted)
    except ChangelogError:
        return {}
    out = {
        rollout.id: taken_out(rollout.events)
        for rollout in {r.id: r for r in told.values()}.values()
    }
    return {asked[place]: r for place, r in told.items() if asked[place] in out[r.id]}


def ours_of(changelog: Changelog, service: Service, seats: Iterable[Seat]) -> tuple[Seat, ...]:
    """Give the seats that a dead or failed rollout left out, and that whoever makes the host well may put back."""
    return tuple(
        seat
        for seat, rollout in left_out(changelog, service, seats).items()
        if rollout.action not in BY_HAND and rollout.outcome != "running"
    )


class Absent(NamedTuple):
    """Where hosts of a service are out of load balancers: by which rollout, as the changelog has it; by nobody whom it knows, and
    how they are there, as load balancers say; and why some of those could not be asked.
    """

    left: Mapping[Seat, RolloutRecord] = {}
    taken: tuple[tuple[Seat, str], ...] = ()
    unasked: tuple[str, ...] = ()


def absent(
    service: Service, hosts: Sequence[str], fleet: Fleet, changelog: Changelog | None
) -> Absent:
    """Ask where hosts of a service are out of load balancers; changes nothing, and asks nothing if it stands behind none."""
    try:
        drains = drains_of(service, hosts, fleet.inventory)
    except OpskitError as error:
        return Absent(unasked=(str(error),))
    if drains is None:
        return Absent()
    left = left_out(changelog, service, drains.seats) if changelog else {}
    states, errors = ask(drains, fleet)
    drains, problems = known(drains, states)
    servers = ((seat, server_at(seat, states)) for seat in drains.seats if seat not in left)
    taken = tuple((seat, server.word) for seat, server in servers if server and server.is_out)
    return Absent(left, taken, (*map(str, errors.values()), *problems))


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
