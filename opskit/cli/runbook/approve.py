"""`opskit runbook approve`: somebody else says yes to a step that waits for it."""

from __future__ import annotations

import click

from opskit.cli import complete, options


@click.command()
@click.argument("run", metavar="RUN", shell_complete=complete.runs)
@options.why
@options.yes
@options.offline
@options.as_json
def approve(run: str, *, why: str | None, yes: bool, as_json: bool) -> int:
    """Approve the step that a suspended run waits at.

    What is asked, by whom and for what, and the commands that are run then are shown first; then you say yes or no. Never by who runs
    it: neither by the same name nor with the same changelog of this machine; who could pretend both is found out by allowed_signers alone. Whoever runs it goes on with opskit runbook resume.
    """
    from opskit.cli.runbook import approving

    return approving.approve(run, why=why, yes=yes, as_json=as_json)
