"""`opskit reboot`: hosts rebooted in batches, each back with all that lives there before the next."""

from __future__ import annotations

import click

from opskit.cli import maintaining, options, session
from opskit.cli.session import Choice


@click.command()
@options.environment
@options.required_hosts
@options.why
@options.batches
@options.within
@options.wait
@options.dry_run
@options.yes
@options.override_freeze
@options.no_drain
@options.offline
@options.as_json
def reboot(
    *,
    environment: str | None,
    hosts: str,
    why: str | None,
    batches: str | None,
    within: str | None,
    wait: str | None,
    dry_run: bool,
    yes: bool,
    override_freeze: str | None,
    no_drain: bool,
    as_json: bool,
) -> int:
    """Reboot hosts in batches, each healthy before the next.

    A host is back when it answers over a new connection and has another boot id. Then every service that lives there must
    be healthy; they start by themselves. The locks, freezes, gates and `min_healthy` of all of them hold.
    """
    from opskit.rollout.reboot import plan_reboot
    from opskit.rollout.upkeep import upkeep

    choice = Choice("reboot", why, dry_run, yes, as_json, override_freeze, no_drain)
    with maintaining.on_hosts(choice, environment, hosts, wait=wait) as opened:
        made = plan_reboot(
            maintaining.wish(opened, choice, batches=batches, within=within),
            commands=maintaining.reboots(opened),
            tenants=opened.tenants,
            fleet=opened.fleet,
            judge=opened.judge,
        )
        return session.carry_out(opened, choice, made.plan, lambda run: upkeep(made, run))
