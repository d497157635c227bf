"""`opskit restart`: a service restarted in batches, each healthy before the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opskit.cli import options, session

if TYPE_CHECKING:
    from opskit.cli.choice import Choice


@click.command()
@options.service
@options.environment
@options.hosts
@options.change(frozen=True)
def restart(
    service: str,
    *,
    environment: str | None,
    hosts: str | None,
    choice: Choice,
) -> int:
    """Restart a service in batches, each healthy before the next."""
    with session.on_service(choice, service, environment, hosts) as (opened, what):
        from opskit.rollout.restart import plan_restart, restart

        reason = session.reason(opened, choice)
        made = plan_restart(
            service=what,
            hosts=opened.hosts,
            fleet=opened.fleet,
            why=reason,
            gates=opened.gates(what),
            **opened.recorded(choice),
        )
        return session.carry_out(opened, choice, made.plan, lambda run: restart(made, run))
