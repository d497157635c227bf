"""`opskit lb`: how load balancers see the hosts of a service, and hosts taken out of them or put back by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opskit.cli import complete, options, session, sharing, wiring
from opskit.cli.choice import Choice
from opskit.errors import UsageError

if TYPE_CHECKING:
    from opskit.changelog import Changelog
    from opskit.config.model import Config
    from opskit.rollout.lb import View


@click.command()
@click.argument("service", required=False, shell_complete=complete.services)
@options.environment
@options.hosts
@click.option("--drain", is_flag=True, help="Take the hosts of -H out, and leave them out.")
@click.option("--restore", is_flag=True, help="Put the hosts of -H back.")
@options.why
@options.dry_run
@options.yes
@options.offline
@options.as_json
def lb(
    service: str | None,
    *,
    environment: str | None,
    hosts: str | None,
    drain: bool,
    restore: bool,
    why: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Show how load balancers see the hosts of a service.

    State, sessions and weight of each server, who took it out, and the queue of each backend. Exit code 1 if a load balancer does not answer, a
    backend has no server that is up, or a host is down, left out by a rollout that is over, or taken out by nobody known here.

    --drain and --restore are rollouts of their own in the changelog, with a reason (-m). The last server is never drained.
    """
    from opskit.cli.render import balancers

    choice = Choice("lb", why, dry_run, yes, as_json)
    if drain or restore:
        _demand_clear(service, hosts, both=drain and restore)
        return _by_hand(choice, service or "", environment, hosts, drain=drain)
    config = wiring.read_config()
    where = config.environment(environment).name
    names = [service] if service else [n for n, at in config.services.items() if where in at]
    with sharing.open_changelog(config) as changelog:
        asked = [name for name in names if service or config.service(name, where).load_balancer]
        views = [_look(config, changelog, name, where, hosts) for name in asked]
    return balancers.show(views, as_json=as_json)


def _demand_clear(service: str | None, hosts: str | None, *, both: bool) -> None:
    if both or not service or not hosts:
        raise UsageError("say which hosts of which service: opskit lb SERVICE --drain -H HOSTS -m WHY")  # fmt: skip


def _look(
    config: Config, changelog: Changelog, name: str, environment: str, hosts: str | None
) -> View:
    from opskit.rollout.lb import look

    inventory = wiring.open_inventory(config, environment)
    chosen = wiring.select(inventory, changelog, hosts) if hosts else None
    with wiring.open_fleet(config, inventory) as fleet:
        return look(config.service(name, environment), fleet, changelog, only=chosen)


def _by_hand(
    choice: Choice, service: str, environment: str | None, hosts: str | None, *, drain: bool
) -> int:
    """Take hosts out or put them back, recorded."""
    from opskit.rollout import lb

    action = lb.DRAIN if drain else lb.RESTORE
    with session.on_service(choice, service, environment, hosts) as (opened, what):
        why = session.reason(opened, choice)
        if not why and not choice.dry_run:
            raise UsageError(f"to {action} by hand asks for a reason", hint="add -m/--why TEXT")
        rollout = opened.new_rollout(choice)
        made = lb.plan_by_hand(
            action, service=what, hosts=opened.hosts, fleet=opened.fleet, why=why, rollout=rollout
        )
        return session.carry_out(opened, choice, made.plan, lambda run: lb.by_hand(made, run))
