"""`opskit deploy`: a revision of a service, batch by batch behind its health check."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opskit.cli import complete, options, session

if TYPE_CHECKING:
    from opskit.cli.choice import Choice
    from opskit.config.service import Service
    from opskit.rollout.source import Version


@click.command()
@options.service
@click.argument("revision", required=False, shell_complete=complete.revisions)
@options.environment
@options.hosts
@click.option(
    "--auto-rollback/--no-auto-rollback",
    default=None,
    help="Whether hosts that have the change go back when the run is stopped, whatever opskit.toml says.",
)
@click.option(
    "--irreversible",
    metavar="REASON",
    callback=options.reasoned,
    help="This cannot simply be taken back: a rollback over it will ask for a reason.",
)
@options.change(frozen=True)
def deploy(
    service: str,
    revision: str | None,
    *,
    environment: str | None,
    hosts: str | None,
    auto_rollback: bool | None,
    irreversible: str | None,
    choice: Choice,
) -> int:
    """Deploy a revision of a service, in health-checked batches.

    REVISION is a commit, tag or branch of the service's git repository, or the {revision} of its
    artifact; if left out, what opskit.toml says.

    A commit whose message has a line `Irreversible: REASON` at its end says the same as --irreversible.

    Exit code 0: every host runs it. 3: some do and some do not. 5: none does, because every host
    that tried it was put back, or because somebody or a rule said no before.
    """
    with session.on_service(choice, service, environment, hosts) as (opened, what):
        from opskit.rollout.deploy import deploy, plan_deploy

        made = plan_deploy(
            service=what,
            hosts=opened.hosts,
            find=lambda: _version(what, revision),
            fleet=opened.fleet,
            why=session.reason(opened, choice),
            irreversible=irreversible or "",
            gates=opened.gates(what, auto_rollback=auto_rollback),
            **opened.recorded(choice),
        )
        return session.carry_out(opened, choice, made.plan, lambda run: deploy(made, run))


def _version(service: Service, revision: str | None) -> Version:
    """Find what is to be deployed; raises SourceError."""
    from opskit.config.places import cache_folder
    from opskit.rollout.source import find_version

    return find_version(service.source, revision, cache=cache_folder())
