"""`opskit runbook new`: a page to begin with."""

from __future__ import annotations

import click

from opskit.cli import complete, options
from opskit.cli.runbook import writing


@click.command()
@click.argument("name", metavar="ID")
@click.option("--title", metavar="TEXT", help="Its title; if left out, made from its id.")
@click.option(
    "-s",
    "--service",
    metavar="NAME",
    shell_complete=complete.services,
    help="The service that it is about.",
)
@click.option(
    "--from-run",
    "source",
    metavar="ID",
    shell_complete=complete.runs,
    help="Draft it from what was done: a run, a rollout, or an incident.",
)
@options.environment
@options.offline
@options.as_json
def new(
    name: str,
    *,
    title: str | None,
    service: str | None,
    source: str | None,
    environment: str | None,
    as_json: bool,
) -> int:
    """Write a page to begin with.

    It goes to runbooks/ID.md beside opskit.toml, and can be run as it stands. A file that exists is never overwritten.
    """
    text = writing.text_of(name, title, service, environment, source)
    return writing.write(name, text, as_json=as_json)
