"""What could stand in the way of a rollout, found before it is in a hurry.

`examine` looks at configuration, keys, agent, known hosts, changelog, hosts and clocks, cheap things first, and gives frozen
findings as they come. It changes nothing, here or there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from opskit.errors import OpskitError
from opskit.rollout.doctor.access import check_agent, check_keys, check_known_hosts
from opskit.rollout.doctor.balancers import check_balancers
from opskit.rollout.doctor.configuration import (
    check_configuration,
    check_tasks,
    hosts_of,
    services_of,
)
from opskit.rollout.doctor.finding import Finding, Level, failed
from opskit.rollout.doctor.machines import check_hosts
from opskit.rollout.doctor.record import check_changelog
from opskit.rollout.doctor.signing import check_signing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opskit.changelog import Changelog
    from opskit.config.model import Config
    from opskit.config.service import Service
    from opskit.fleet.fanout import Fleet
    from opskit.fleet.inventory import Host, Inventory

__all__ = ["Finding", "Level", "examine", "failed"]


def examine(
    config: Config, inventory: Inventory, fleet: Fleet, changelog: Changelog, *, selector: str = ""
) -> Iterator[Finding]:
    """Give findings as they come, on all hosts of the inventory or those that `selector` names.

    Raises SelectorError for a selector that makes no sense; everything else is a finding.
    """
    hosts = inventory.select(selector) if selector else tuple(inventory.hosts.values())
    yield from check_configuration(config, inventory)
    yield from _tasks(config, services_of(config, inventory.environment))
    yield check_agent(os.environ)
    yield from check_keys(hosts)
    yield from check_known_hosts(hosts)
    yield from check_changelog(changelog)
    yield from check_signing(config.changelog, changelog)
    yield from check_hosts(fleet, _services_by_host(config, inventory, hosts))
    yield from check_balancers(fleet, services_of(config, inventory.environment))


def _tasks(config: Config, services: Sequence[Service]) -> Iterator[Finding]:
    if not config.tasks.exists():
        yield from check_tasks(services, ())
        return
    from opskit.fleet.tasks import list_tasks

    try:
        tasks = list_tasks(config.tasks)
    except OpskitError as error:
        yield failed("configuration", error)
        return
    yield from check_tasks(services, tasks)


def _services_by_host(
    config: Config, inventory: Inventory, hosts: Sequence[Host]
) -> dict[str, list[Service]]:
    found: dict[str, list[Service]] = {host.name: [] for host in hosts}
    for service in services_of(config, inventory.environment):
        for host in hosts_of(service, inventory):
            if host.name in found:
                found[host.name].append(service)
    return found
