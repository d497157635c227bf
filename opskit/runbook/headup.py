"""What is to be known before the first step of a runbook: what was done to its services lately, what is open there, how old the page is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from opskit.changelog import Filter
from opskit.errors import ChangelogError, OpskitError, UnreachableError
from opskit.rollout.freeze import in_force
from opskit.rollout.openruns import open_runs
from opskit.runbook.freshness import Freshness, freshness, proof_of, written

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from opskit.changelog import Changelog, RolloutRecord, RunRecord
    from opskit.config.model import Config
    from opskit.config.service import Service
    from opskit.fleet.command import Outcome
    from opskit.fleet.fanout import Fleet
    from opskit.fleet.inventory import Inventory
    from opskit.fleet.remote import Remote
    from opskit.rollout.probe import HostState
    from opskit.rollout.status import ServiceStatus
    from opskit.runbook.model import Runbook

ROLLOUTS, RUNS = 3, 3
"""How many of the last ones are shown, of each service and of this runbook."""


@dataclass(frozen=True, slots=True)
class HeadUp:
    """What is to be known before a runbook is followed in an environment.

    `rollouts` are the last ones on its services, or in the environment if it names none, the newest first; `runs` the last ones of this runbook; `open_runs` those
    of any runbook on its services that are not over, or left something. `frozen` says what must not be changed now, `unknown` which services are not
    there, `unread` why the changelog tells nothing. `hosts` is what the hosts of the services say: locks, drains, rollouts without an end; `unasked`
    why some could not be asked.
    """

    runbook: str
    title: str
    environment: str
    rollouts: tuple[RolloutRecord, ...] = ()
    runs: tuple[RunRecord, ...] = ()
    open_runs: tuple[RunRecord, ...] = ()
    frozen: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    unread: str = ""
    freshness: Freshness | None = None
    hosts: tuple[ServiceStatus, ...] = ()
    unasked: tuple[str, ...] = ()


def head_up(
    book: Runbook,
    changelog: Changelog,
    config: Config,
    environment: str,
    now: datetime,
    *,
    run: str = "",
) -> HeadUp:
    """Give what the changelog and opskit.toml tell, at once: no host is asked. `run` is the one that is gone on with, which is left out.

    A changelog that cannot be read stops nobody: it is said in `unread`.
    """
    here = tuple(_services(book, config, environment))
    found = HeadUp(
        book.id, book.title, environment, unknown=tuple(n for n in book.services if n not in {s.name for s in here})
    )  # fmt: skip
    try:
        return replace(
            found,
            rollouts=_rollouts(book, changelog, config, environment),
            runs=tuple(each for each in _runs(book, changelog, config) if each.id != run)[:RUNS],
            open_runs=_open(book, changelog, config, environment, run),
            frozen=_frozen(changelog, config, environment, here),
            freshness=_freshness(book, changelog, config, now),
        )
    except ChangelogError as error:
        return replace(found, unread=str(error))


def with_hosts(
    found: HeadUp,
    book: Runbook,
    *,
    changelog: Changelog,
    config: Config,
    inventory: Inventory,
    fleet: Fleet,
) -> HeadUp:
    """Give the same with what the hosts of its services say, asked all at once: one that does not answer keeps nobody longer than its time limit."""
    from opskit.rollout.status import status

    places: dict[str, tuple[Service, tuple[str, ...]]] = {}
    told, unasked = [], []
    for service in _services(book, config, found.environment):
        try:
            hosts = tuple(host.name for host in inventory.select(service.hosts))
            places[service.name] = service, hosts
        except OpskitError as error:
            unasked.append(f"{service.name}: {error}")
    heard = _asked(places, fleet)
    ask = partial(status, fleet=fleet, changelog=changelog, settings=config.changelog)
    for name, (service, hosts) in places.items():
        try:
            told.append(ask(service=service, hosts=hosts, asked=heard[name]))
        except OpskitError as error:
            unasked.append(f"{name}: {error}")
    return replace(found, hosts=tuple(told), unasked=tuple(unasked))


def _asked(
    places: Mapping[str, tuple[Service, tuple[str, ...]]], fleet: Fleet
) -> Mapping[str, list[Outcome[HostState]]]:
    """Ask all hosts at once, each about its services one after the other; gives what came of it by service."""
    from opskit.rollout import edits

    def work(remote: Remote) -> dict[str, HostState | OpskitError]:
        said: dict[str, HostState | OpskitError] = {}
        gone: OpskitError | None = None
        for name, (service, hosts) in places.items():
            if remote.name in hosts:
                try:
                    said[name] = gone or edits.probe(remote, path=service.path)
                except OpskitError as error:
                    said[name] = error
                    gone = error if isinstance(error, UnreachableError) else None
        return said

    heard: dict[str, list[Outcome[HostState]]] = {name: [] for name in places}
    for outcome in fleet.each(work, (host for _, hosts in places.values() for host in hosts)):
        for name, (_, hosts) in places.items():
            if outcome.host in hosts:
                heard[name].append(_of_one(outcome, name))
    return heard


def _of_one(outcome: Outcome[dict[str, HostState | OpskitError]], name: str) -> Outcome[HostState]:
    """Give what came of asking a host about one of its services."""
    said = outcome.value.get(name) if outcome.value else outcome.error
    error = said if isinstance(said, OpskitError) else None
    return replace(outcome, value=None if error else said, error=error)  # type: ignore[arg-type, return-value]


def _services(book: Runbook, config: Config, environment: str) -> Iterator[Service]:
    for name in book.services:
        if environment in (where := config.services.get(name, {})):
            yield where[environment]


def _rollouts(
    book: Runbook, changelog: Changelog, config: Config, environment: str
) -> tuple[RolloutRecord, ...]:
    wanted = Filter(environment=environment, limit=ROLLOUTS)
    every = [wanted._replace(service=name) for name in book.services] or [wanted]
    found = {rollout.id: rollout for each in every for rollout in changelog.rollouts(each)}
    judged = changelog.judged(found.values(), config.changelog)
    return tuple(sorted(judged, key=lambda rollout: rollout.at, reverse=True))


def _runs(book: Runbook, changelog: Changelog, config: Config) -> tuple[RunRecord, ...]:
    return changelog.judged(
        changelog.runs(Filter(runbook=book.id, limit=RUNS + 1)), config.changelog
    )


def _open(
    book: Runbook, changelog: Changelog, config: Config, environment: str, run: str
) -> tuple[RunRecord, ...]:
    settings = config.changelog
    found = {
        each.id: each
        for service in book.services or ("",)
        for each in open_runs(changelog, environment, service, settings=settings)
        if each.id != run
    }
    return tuple(found.values())


def _frozen(
    changelog: Changelog, config: Config, environment: str, services: tuple[Service, ...]
) -> tuple[str, ...]:
    where = config.environment(environment)
    lines = [
        line
        for service in services or (None,)
        for line in in_force(changelog, config.changelog, where, service).lines
    ]
    return tuple(dict.fromkeys(lines))


def _freshness(
    book: Runbook, changelog: Changelog, config: Config, now: datetime
) -> Freshness | None:
    times = written([book.file]).get(book.file)
    if times is None:
        return None
    return freshness(book, times, proof_of(changelog, config.changelog, book.id), now)
