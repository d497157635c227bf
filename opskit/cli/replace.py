"""`opskit replace`: hosts replaced or worked on in batches, each well again with all that lives there before the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opskit.cli import complete, maintaining, options, session

if TYPE_CHECKING:
    from opskit.cli.choice import Choice


@click.command()
@click.option(
    "--command",
    metavar="COMMAND",
    help="Run this on this machine for each host: it puts another in its place.",
)
@click.option(
    "--task",
    metavar="TASK",
    shell_complete=lambda _, __, typed: complete.tasks(typed),
    help="Run this task of tasks.py on each host.",
)
@options.environment
@options.required_hosts
@options.batches
@options.within
@options.change(frozen=True)
def replace(
    *,
    command: str | None,
    task: str | None,
    environment: str | None,
    hosts: str,
    batches: str | None,
    within: str | None,
    choice: Choice,
) -> int:
    """Replace hosts, or work on them, in batches.

    Each host is taken out of its load balancers, the work is done, and the host must be back: over a new connection, after
    --command also as another boot. COMMAND knows OPSKIT_HOST, and appends the host keys of the new machine, as in its
    ssh_host_*_key.pub, to the file $OPSKIT_HOST_KEYS; a key that nobody vouches for is not accepted. What the host ran and has no more
    is deployed to it again, in the same version. Then every service there must be healthy.
    """
    from opskit.rollout.upkeep import upkeep

    with maintaining.on_hosts(choice, environment, hosts) as opened:
        wish = maintaining.wish(opened, choice, batches=batches, within=within)
        made = maintaining.replacement(opened, wish, command=command or "", task=task or "")
        return session.carry_out(opened, choice, made.plan, lambda run: upkeep(made, run))
