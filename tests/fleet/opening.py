"""Fleets over the test hosts, without going through an opskit.toml."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from opskit.config.model import Ssh
from opskit.fleet import open_fleet
from opskit.fleet.inventory import Host, Inventory

if TYPE_CHECKING:
    from opskit.config.secret import Redactor
    from opskit.fleet.fanout import Fleet
    from tests.support.hosts import Hosts


def host_of(hosts: Hosts, name: str, **changes: Any) -> Host:
    """Give the inventory's view of a test host."""
    machine = hosts.host(name)
    host = Host(
        name,
        machine.address,
        machine.port,
        machine.user,
        keys=(machine.key,),
        identities_only=True,
        agent="none",
        known_hosts=(machine.known_hosts,),
    )
    return replace(host, **changes)


def fleet_of(*hosts: Host, redactor: Redactor | None = None, **ssh: Any) -> Fleet:
    """Give a fleet of `hosts`; `ssh` are fields of `config.model.Ssh`."""
    inventory = Inventory("test", {host.name: host for host in hosts})
    return open_fleet(inventory, Ssh(**ssh), redactor=redactor)


def all_of(hosts: Hosts, **ssh: Any) -> Fleet:
    """Give a fleet of all test hosts."""
    return fleet_of(*(host_of(hosts, name) for name in hosts.names), **ssh)
