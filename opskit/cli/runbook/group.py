"""The group `opskit runbook`, and the order in which its help lists the commands."""

from __future__ import annotations

import click

from opskit.cli.lazy import Commands

COMMANDS = (
    "list",
    "show",
    "run",
    "resume",
    "undo",
    "abort",
    "approve",
    "report",
    "new",
    "lint",
    "audit",
)


@click.group(commands=Commands("opskit.cli.runbook", COMMANDS))
def runbook() -> None:
    """Follow procedures that are written in Markdown, together.

    Runbooks are the files runbooks/*.md beside opskit.toml. A run stands in the changelog from its beginning: whoever shares it can go on
    with it, approve it, or put back what it left.
    """
