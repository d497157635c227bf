"""What a command opens that is about whole hosts: the hosts, and every service that lives on them."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.cli import options, retrying, sharing, waiting, wiring
from opskit.cli.session import Session, reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opskit.changelog import Changelog
    from opskit.cli.choice import Choice, Needed
    from opskit.config.model import Config
    from opskit.config.service import CommandStep
    from opskit.config.sources import SecretSource
    from opskit.fleet.inventory import Inventory
    from opskit.rollout.patience import Patience
    from opskit.rollout.tenants import Tenant
    from opskit.rollout.upkeep import UpkeepPlan, Wish


@contextlib.contextmanager
def on_hosts(choice: Choice, environment: str | None, hosts: str) -> Iterator[Session]:
    """Open what it takes to work on whole hosts; raises UsageError.

    Hosts that another run holds are waited for if the choice says so; raises LockedError when that takes too long.
    """
    from opskit.rollout.patience import Patience

    patience = Patience(options.seconds(choice.wait))
    config = wiring.read_config()
    inventory = wiring.open_inventory(config, environment)
    with sharing.open_changelog(config) as changelog:
        retried = retrying.earlier(changelog, hosts)
        retrying.demand_some(hosts, retried, inventory.hosts)
        chosen = wiring.select(inventory, changelog, hosts)
        given = (config, inventory, changelog, chosen)
        with opened(*given, patience=patience, secrets=choice.secrets) as found:
            yield replace(found, retried=retried)


@contextlib.contextmanager
def opened(
    config: Config,
    inventory: Inventory,
    changelog: Changelog,
    chosen: tuple[str, ...],
    *,
    patience: Patience,
    secrets: Needed = "now",
) -> Iterator[Session]:
    """Open the fleet for work on the `chosen` hosts, once nobody holds them; raises ConfigError, LockedError."""
    tenants = tenants_of(config, inventory, chosen, secrets=secrets)
    sources = secrets_of(tenants)
    where = config.environment(inventory.environment)
    with wiring.open_fleet(config, inventory) as fleet:
        for tenant in tenants:
            waiting.until_free(patience, fleet, changelog, tenant.service, tenant.on(chosen))
        found = (config, where, fleet, changelog, chosen)
        yield Session(*found, sources, patience=patience, tenants=tenants)


def tenants_of(
    config: Config, inventory: Inventory, chosen: Sequence[str], *, secrets: Needed
) -> tuple[Tenant, ...]:
    """Give the services of the environment that live on any of the `chosen` hosts; raises ConfigError, SelectorError."""
    from opskit.rollout.ready import demand_ready
    from opskit.rollout.secrets import demand_at_hand
    from opskit.rollout.tenants import Tenant

    found = []
    for places in config.services.values():
        if (service := places.get(inventory.environment)) is None:
            continue
        lives_on = frozenset(host.name for host in inventory.select(service.hosts))
        if here := lives_on.intersection(chosen):
            demand_ready(service, [inventory.hosts[host] for host in here], tasks=config.tasks)
            if secrets == "now":
                demand_at_hand(service.secrets, f"service {service.name}")
            found.append(Tenant(service, lives_on))
    return tuple(found)


def secrets_of(tenants: Sequence[Tenant]) -> Mapping[str, SecretSource]:
    """Give where the secrets of all of them are."""
    return {name: at for tenant in tenants for name, at in tenant.service.secrets.items()}


def reboots(session: Session) -> Mapping[str, CommandStep]:
    """Give the command by which each chosen host is rebooted: its own, that of its environment, or the usual one."""
    from opskit.rollout.labour import USUAL

    usual = session.environment.reboot or USUAL
    entries = session.config.hosts
    own = {host: entries[host].reboot for host in session.hosts if host in entries}
    return {host: own.get(host) or usual for host in session.hosts}


def wish(session: Session, choice: Choice, *, batches: str | None, within: str | None) -> Wish:
    """Give what the options ask for; raises UsageError, and RefusedError in a freeze."""
    from opskit.rollout.upkeep import BATCHES, WITHIN, Wish

    return Wish(
        hosts=session.hosts,
        environment=session.environment.name,
        why=reason(session, choice),
        batches=options.sizes(batches) or BATCHES,
        within=options.seconds(within, "--within") or WITHIN,
        rollout=session.new_rollout(choice),
        drain=not choice.no_drain,
    )


def replacement(session: Session, wish: Wish, *, command: str, task: str) -> UpkeepPlan:
    """Plan a replacement of the hosts that were chosen; raises UsageError."""
    from opskit.rollout.replace import labour_of, plan_replace

    return plan_replace(
        wish,
        labour=labour_of(command, task, within=wish.within, tasks=session.tasks),
        tenants=session.tenants,
        fleet=session.fleet,
        judge=session.judge,
    )
