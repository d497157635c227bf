"""`opskit rollback`: every host back to the release that was last good on it."""

from __future__ import annotations

import click

from opskit.cli import options, session
from opskit.cli.session import Choice


@click.command()
@options.service
@options.environment
@options.hosts
@options.why
@options.dry_run
@options.yes
@options.offline
@options.as_json
def rollback(
    service: str,
    *,
    environment: str | None,
    hosts: str | None,
    why: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Put hosts back to the release that was last good on each.

    Without -H, hosts that do not run the newest release that is live anywhere stay as they are. The release that is left is marked bad and kept. A changelog that cannot be written stops nothing here.
    """
    from opskit.rollout.rollback import plan_rollback, rollback

    choice = Choice("rollback", why, dry_run, yes, as_json)
    with session.on_service(service, environment=environment, hosts=hosts) as (opened, what):
        reason = session.reason(opened, choice)
        made = plan_rollback(
            service=what,
            hosts=opened.hosts,
            fleet=opened.fleet,
            why=reason,
            each=hosts is not None,
            rollout=opened.new_rollout(choice),
            gates=opened.gates(what),
        )
        return session.carry_out(opened, choice, made.plan, lambda run: rollback(made, run))
