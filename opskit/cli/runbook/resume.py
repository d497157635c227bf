"""`opskit runbook resume`: a run that was left, finished by whoever is there."""

from __future__ import annotations

import click

from opskit.cli import complete, options
from opskit.cli.runbook.run import auto

take_over = click.option(
    "--take-over", is_flag=True, help="Go on though whoever ran it last may still be at it."
)


@click.command()
@click.argument("run", metavar="RUN", shell_complete=complete.runs)
@take_over
@auto
@options.offline
@options.as_json
def resume(run: str, *, take_over: bool, auto: bool, as_json: bool) -> int:
    """Go on with a run of a runbook, from any laptop.

    It stands where its events say: a command that began and of which nobody knows how it ended is asked about (run it again, mark it
    as done with a reason, undo it). Secrets are asked for again. Finished steps that have changed in the file since are named.
    """
    from opskit.cli.runbook import running

    return running.go_on(run, mode="auto" if auto else "", take_over=take_over, as_json=as_json)
