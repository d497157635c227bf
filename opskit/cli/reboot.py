"""`opskit reboot`: hosts rebooted in batches, each back with all that lives there before the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opskit.cli import maintaining, options, session

if TYPE_CHECKING:
    from opskit.cli.choice import Choice


@click.command()
@options.environment
@options.required_hosts
@options.batches
@options.within
@options.change(frozen=True)
def reboot(
    *,
    environment: str | None,
    hosts: str,
    batches: str | None,
    within: str | None,
    choice: Choice,
) -> int:
    """Reboot hosts in batches, each healthy before the next.

    A host is back when it answers over a new connection and has another boot id. Then every service that lives there must
    be healthy; they start by themselves. The locks, freezes, gates and `min_healthy` of all of them hold.
    """
    from opskit.rollout.reboot import plan_reboot
    from opskit.rollout.upkeep import upkeep

    with maintaining.on_hosts(choice, environment, hosts) as opened:
        made = plan_reboot(
            maintaining.wish(opened, choice, batches=batches, within=within),
            commands=maintaining.reboots(opened),
            tenants=opened.tenants,
            fleet=opened.fleet,
            judge=opened.judge,
        )
        return session.carry_out(opened, choice, made.plan, lambda run: upkeep(made, run))
