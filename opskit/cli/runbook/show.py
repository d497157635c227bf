"""`opskit runbook show`: one runbook, as it is read."""

from __future__ import annotations

import click

from opskit.cli import complete, options
from opskit.cli.runbook import reading


@click.command()
@click.argument("runbook", metavar="NAME|FILE", shell_complete=complete.runbooks)
@options.offline
@options.as_json
def show(runbook: str, *, as_json: bool) -> int:
    """Show a runbook, as it is read.

    What a comment tells opskit stands above its command in words: where it runs, for how long, whether it changes something, which step
    undoes it.
    """
    from opskit.cli.render import books

    return books.show_page(*reading.one_book(runbook), as_json=as_json)
