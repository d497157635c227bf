"""`opskit restart`: a service restarted in batches, each healthy before the next."""

from __future__ import annotations

import click

from opskit.cli import options, session
from opskit.cli.session import Choice


@click.command()
@options.service
@options.environment
@options.hosts
@options.why
@options.wait
@options.dry_run
@options.yes
@options.override_freeze
@options.no_drain
@options.offline
@options.as_json
def restart(
    service: str,
    *,
    environment: str | None,
    hosts: str | None,
    why: str | None,
    wait: str | None,
    dry_run: bool,
    yes: bool,
    override_freeze: str | None,
    no_drain: bool,
    as_json: bool,
) -> int:
    """Restart a service in batches, each healthy before the next."""
    from opskit.rollout.restart import plan_restart, restart

    choice = Choice("restart", why, dry_run, yes, as_json, override_freeze, no_drain)
    with session.on_service(choice, service, environment, hosts, wait=wait) as (opened, what):
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
