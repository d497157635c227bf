"""`opskit runbook audit`: which runbooks nobody should trust any more."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from opskit.cli import options, sharing, wiring
from opskit.cli.runbook import reading


@click.command()
@options.environment
@options.offline
@options.as_json
def audit(*, environment: str | None, as_json: bool) -> int:
    """Find runbooks that nobody should trust.

    Too old: not followed to the end, not rehearsed or not reviewed within `review_in` (180 days if the page says nothing). Links that lead
    nowhere, unknown hosts, services, tasks. Steps that were skipped in each of the last three runs. All that `lint` finds counts here, warnings too; that
    a service has no runbook, and that nobody has followed a page yet that is not too old, are remarks. Exit code 1 if anything is wrong.
    """
    from opskit.cli.render import books
    from opskit.runbook import audit as auditing

    config = wiring.read_config()
    pages = reading.pages(config, ())
    with sharing.open_changelog(config) as changelog:
        found = auditing.audit(pages, config, changelog, datetime.now(UTC))
    strict = reading.strict(reading.linted(pages, config, environment))
    return books.show_problems(
        [*found, *strict], len(pages), command="runbook audit", as_json=as_json
    )
