"""The group `opskit runbook`, and the order in which its help lists the commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opskit.cli.runbook.approve import approve
from opskit.cli.runbook.audit import audit
from opskit.cli.runbook.lint import lint
from opskit.cli.runbook.list import list_
from opskit.cli.runbook.new import new
from opskit.cli.runbook.report import report
from opskit.cli.runbook.resume import resume
from opskit.cli.runbook.run import run
from opskit.cli.runbook.show import show
from opskit.cli.runbook.undo import undo

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: Sequence[click.Command] = (
    list_,
    show,
    run,
    resume,
    undo,
    approve,
    report,
    new,
    lint,
    audit,
)


@click.group()
def runbook() -> None:
    """Follow procedures that are written in Markdown, together.

    Runbooks are the files runbooks/*.md beside opskit.toml. A run stands in the changelog from its beginning: whoever shares it can go on
    with it, approve it, or put back what it left.
    """


for _command in COMMANDS:
    runbook.add_command(_command)
