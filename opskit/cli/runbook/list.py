"""`opskit runbook list`: the fleet's runbooks, what they are about, and how old they are."""

from __future__ import annotations

import click

from opskit.cli import complete, options
from opskit.cli.runbook import reading


@click.command("list")
@click.option(
    "-s",
    "--service",
    metavar="NAME",
    shell_complete=complete.services,
    help="Only those about this service.",
)
@click.option("--alert", metavar="NAME", help="Only those for this alert.")
@click.option("--stale", is_flag=True, help="Only those that are too old, or cannot be run.")
@options.offline
@options.as_json
def list_(service: str | None, *, alert: str | None, stale: bool, as_json: bool) -> int:
    """List the runbooks, and how old they are.

    A page is fresh if it was followed or rehearsed to its end within its `review_in` (180 days if it says nothing), and a review of which it
    tells is no older; new if it is younger than that, and nobody has followed it yet; else expired.
    """
    from opskit.cli.render import books

    found = [
        each
        for each in reading.all_books(service)
        if service in (None, *each.services)
        and alert in (None, *each.alerts)
        and (each.is_stale or not stale)
    ]
    return books.show_list(found, as_json=as_json)
