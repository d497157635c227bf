"""`opskit runbook approve`: somebody else says yes to a step that waits for it."""

from __future__ import annotations

import click

from opskit.cli import complete, options, sharing, vouching, wiring


@click.command()
@click.argument("run", metavar="RUN", shell_complete=complete.runs)
@options.why
@options.offline
@options.as_json
def approve(run: str, *, why: str | None, as_json: bool) -> int:
    """Approve the step that a suspended run waits at.

    Never by who runs it: neither by the same name nor from the same machine. Whoever runs it goes on with opskit runbook resume.
    """
    from opskit.cli.render import following
    from opskit.runbook.approve import approve as said

    config = wiring.read_config()
    with sharing.open_changelog(config) as changelog:
        record = changelog.run(run)
        vouching.keep_enrolled(changelog, config.changelog)
        event = said(changelog, record.events, why=(why or "").strip()[:2000])
        return following.show_approval(record, event, as_json=as_json)
