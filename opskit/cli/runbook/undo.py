"""`opskit runbook undo`: what a run has left open, put back in reverse order, by anybody."""

from __future__ import annotations

from typing import Any

import click

from opskit.cli import complete, options
from opskit.cli.runbook.resume import take_over
from opskit.errors import UsageError


@click.command()
@click.argument("run", metavar="RUN", shell_complete=complete.runs)
@click.option(
    "--clear", metavar="STEP", help="Write that nothing of STEP is open any more; needs --why."
)
@options.why
@options.dry_run
@take_over
@options.offline
@options.as_json
def undo(
    run: str, *, clear: str | None, why: str | None, dry_run: bool, take_over: bool, as_json: bool
) -> int:
    """Put back what a run has left open, the last first.

    What would be run is shown first; then each is asked about: put it back, skip it, or mark it as none with a reason.
    """
    from opskit.cli.runbook import running

    if clear and not (why or "").strip():
        raise UsageError("--clear asks for a reason", hint="add -m/--why TEXT")
    how: Any = {"clear": clear, "why": why, "dry_run": dry_run, "take_over": take_over}
    return running.put_back(run, as_json=as_json, **how)
