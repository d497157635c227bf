"""`opskit runbook abort`: a run that nobody goes on with."""

from __future__ import annotations

import click

from opskit.cli import complete, options
from opskit.cli.runbook.resume import take_over
from opskit.errors import UsageError


@click.command()
@click.argument("run", metavar="RUN", shell_complete=complete.runs)
@options.why
@take_over
@options.offline
@options.as_json
def abort(run: str, *, why: str | None, take_over: bool, as_json: bool) -> int:
    """Write that nobody goes on with a run, and why.

    Nothing is run. What the run left open stays so until somebody puts it back: opskit runbook undo.
    """
    from opskit.cli.runbook import running

    if not (reason := (why or "").strip()):
        raise UsageError("an abort asks for a reason", hint="add -m/--why TEXT")
    return running.give_up(run, why=reason, take_over=take_over, as_json=as_json)
