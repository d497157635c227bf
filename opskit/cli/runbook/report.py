"""`opskit runbook report`: what happened in a run, for the postmortem."""

from __future__ import annotations

from pathlib import Path

import click

from opskit.cli import complete, options
from opskit.cli.runbook import writing


@click.command()
@click.argument("run", metavar="RUN", shell_complete=complete.runs)
@click.option("--html", "as_html", is_flag=True, help="A page for a browser, without a network.")
@click.option(
    "-o",
    "--output",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write it there; a file that exists is kept.",
)
@options.offline
@options.as_json
def report(run: str, *, as_html: bool, file: Path | None, as_json: bool) -> int:
    """Report what happened in a run.

    A timeline in UTC and in local time: who, each command, where, what came of it and the end of what it said, answers, skips and reasons,
    approvals, who went on, what is still open, and the rollouts on the same services from an hour before it. The Markdown is the
    draft of a runbook, too.
    """
    text = writing.report_of(run, as_html=as_html)
    return writing.hand_over(run, text, file, as_json=as_json)
