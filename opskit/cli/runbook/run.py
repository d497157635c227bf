"""`opskit runbook run`: a runbook followed step by step, every start, answer and outcome in the changelog."""

from __future__ import annotations

from typing import Any

import click

from opskit.cli import complete, options
from opskit.errors import UsageError

parameters = click.option(
    "-p",
    "--param",
    "pairs",
    multiple=True,
    metavar="NAME=VALUE",
    help="A value that the runbook would ask for; may be given more than once.",
)
auto = click.option(
    "--auto",
    is_flag=True,
    help="Do what needs nobody, and stop at what a person must decide, with exit code 3.",
)


@click.command()
@click.argument("runbook", metavar="NAME|FILE", shell_complete=complete.runbooks)
@parameters
@options.environment
@click.option(
    "--from",
    "step",
    metavar="STEP",
    default="",
    help="Begin at this step: its id, number or anchor.",
)
@click.option("--incident", metavar="ID", default="", help="The incident that it is done for.")
@options.why
@options.dry_run
@auto
@click.option(
    "--drill", is_flag=True, help="Rehearse: what would change something is shown, not run."
)
@options.offline
@options.as_json
def run(
    runbook: str,
    *,
    pairs: tuple[str, ...],
    environment: str | None,
    step: str,
    incident: str,
    why: str | None,
    dry_run: bool,
    auto: bool,
    drill: bool,
    as_json: bool,
) -> int:
    """Follow a runbook, step by step.

    Before each command you see it, and the hosts on which it would run: Enter does it, s skips the rest of the step with a reason (a
    decision at its end is still asked), b goes back, o opens a shell on the host, a aborts, ? tells what else. Ctrl-C asks what to
    do, twice leaves the run.

    Each start, answer, skip and outcome is an event in the changelog before the next one begins, so that anybody can go on with
    it: opskit runbook resume. Exit code 3 if it is suspended.
    """
    from opskit.cli.runbook import running

    if auto and drill:
        raise UsageError("a drill needs a person: --auto and --drill do not go together")
    given, mode = running.values(pairs), "auto" if auto else "drill" if drill else "run"
    where: Any = {"environment": environment, "given": given, "step": step, "as_json": as_json}
    if dry_run:
        return running.plan(runbook, **where)
    return running.start(runbook, mode=mode, incident=incident, why=why, **where)
